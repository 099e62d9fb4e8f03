"""What is said of a photo: a verdict on each face in it, by the chain that all parts of the project share."""

import dataclasses
from collections.abc import Iterable
from typing import TypedDict

import numpy as np

from chain.read import PhotoError, read_photo
from chain.verdict import FaceView, Row, error_row, face_views, picture_verdict, rows, words
from detector import Detector
from uploads import Picture


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
        p_real: of each face, 0..1.
        evidence: of each face, float32 (rows, columns), 0..1, high where it speaks for "fake"; None without a map.
        rows: one a face; one that says so where there is none.
        answer: of the API.
    """

    pixels: np.ndarray
    views: list[FaceView]
    p_real: list[float]
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
    seen = [detector.run(view.pixels) for view in views]
    p_real, evidence = [p for p, _ in seen], [some for _, some in seen]
    found = rows(picture.name, views, p_real, detector.info)
    answer: Answer = {
        "verdict": picture_verdict(found),
        "words": words(found, detector.info),
        "scope": detector.info["scope"],
        "faces": found,
    }
    return Judgement(pixels, views, p_real, evidence, found, answer)


def judge_many(detector: Detector, pictures: Iterable[Picture], as_is: bool = False) -> list[Row]:
    """The rows of all pictures; one with the reason for each that can't be judged."""
    found: list[Row] = []
    for picture in pictures:
        try:
            found += judge(detector, picture, as_is).rows
        except PhotoError as error:
            found.append(error_row(picture.name, str(error), detector.info))
    return found
