"""What is said of a photo: a verdict on each face in it, by the chain that all parts of the project share."""

import dataclasses
from collections.abc import Iterable
from typing import TypedDict

import numpy as np

from chain.read import PhotoError, read_photo
from chain.verdict import FaceView, error_row, face_views, picture_verdict, rows, words
from detector import Detector
from uploads import Picture


class Row(TypedDict):
    """One face, as everywhere in the project: a row of the table, of the CSV file and of what the API answers."""

    file: str  # Its name, with its folder inside a zip.
    face: int | None  # 1, 2, ... from the largest on; null where none was found.
    faces: int | None  # How many there are in the photo.
    box: list[int] | None  # Left, top, right, bottom in pixels of the upright photo; null if it was judged as it is.
    roll: float | None  # Degrees by which the face is turned clockwise, -180 to 180.
    verdict: str | None  # "real", "fake", "unsure" or "no_face"; null where there is an error.
    p_real: float | None  # 0 to 1; null without a face.
    unsure: bool | None  # The verdict is not good enough to go by.
    as_is: bool | None  # The picture was judged as it is, not cut around a face.
    advice: str | None  # A sentence for the person who sent the file; null when all is well.
    model: str  # The detector's name.
    error: str | None  # Why the file can't be judged; null when it was.


class Answer(TypedDict):
    """What the API answers of one photo."""

    verdict: str  # Of the worst face: "fake" before "unsure" before "real"; "no_face" without one.
    words: str  # The same for people.
    scope: str  # What the verdict covers and what not; to be shown beside it.
    faces: list[Row]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """One photo, and what is said of it.

    Attributes:
        pixels: uint8 RGB (height, width, 3), upright.
        views: each face as the network saw it.
        evidence: of each face, float32 (rows, columns), 0..1, high where it speaks for "fake"; None without a map.
        rows: one a face; one that says so where there is none.
        answer: of the API.
    """

    pixels: np.ndarray
    views: list[FaceView]
    evidence: list[np.ndarray | None]
    rows: list[Row]
    answer: Answer


def judge(detector: Detector, picture: Picture, as_is: bool = False) -> Judgement:
    """Judge each face of a photo; with ``as_is`` the whole picture, which is one face already.

    Raises:
        PhotoError: it can't be judged; the message is for the person who chose it.
    """
    pixels = read_photo(picture.read())
    views = face_views(pixels, as_is)
    seen = [detector.look(view.pixels) for view in views]
    found = rows(picture.name, views, [p_real for p_real, _ in seen], detector.info)
    answer: Answer = {
        "verdict": picture_verdict(found),
        "words": words(found, detector.info),
        "scope": detector.info["scope"],
        "faces": found,
    }
    return Judgement(pixels, views, [evidence for _, evidence in seen], found, answer)


def judge_many(detector: Detector, pictures: Iterable[Picture], as_is: bool = False) -> list[Row]:
    """The rows of all pictures; one with the reason for each that can't be judged."""
    found = []
    for picture in pictures:
        try:
            found += judge(detector, picture, as_is).rows
        except PhotoError as error:
            found.append(error_row(picture.name, str(error), detector.info))
    return found
