"""What is said of a photo: a detector's verdict, and what its faces mean for it."""

import dataclasses
from collections.abc import Iterable
from typing import TypedDict

import numpy as np

from chain.faces import FACTS
from chain.read import PhotoError, read_photo
from chain.verdict import face_views
from detector import Detector, Verdict
from uploads import Picture


class PhotoVerdict(Verdict):
    """What the API answers of one photo; a Verdict is on the whole picture."""

    faces: int  # Found in it; those much smaller than the largest don't count.
    advice: str | None  # A sentence on what they mean for the verdict; null when all is well.
    crop_verdict: str | None  # Of a face that is small in its photo, cut out as the models were trained to see faces.
    crop_p_real: float | None  # 0..1


# What the API answers of one of many files: its name, with its folder inside a zip, and a PhotoVerdict; or in place of
# the latter nulls, and a sentence for the person who sent the file.
BatchVerdict = TypedDict(
    "BatchVerdict",
    {"file": str, "error": str | None} | {key: kind | None for key, kind in PhotoVerdict.__annotations__.items()},
)


@dataclasses.dataclass(frozen=True)
class Judgement:
    """One photo, and what is said of it.

    Attributes:
        pixels: uint8 RGB (height, width, 3).
        verdict: on the whole picture.
        evidence: float32 (rows, columns), 0..1, high where the picture speaks for "fake"; None without a map.
        faces: how many count.
        advice: a sentence on them; None when all is well.
        crop: of the one face that is small in the photo, uint8 RGB (height, width, 3); None otherwise.
        crop_verdict: on that.
    """

    pixels: np.ndarray
    verdict: Verdict
    evidence: np.ndarray | None
    faces: int
    advice: str | None
    crop: np.ndarray | None
    crop_verdict: Verdict | None

    def answer(self) -> PhotoVerdict:
        """What the API says of it."""
        of_crop = self.crop_verdict or {"verdict": None, "p_real": None}
        return {
            **self.verdict,
            "faces": self.faces,
            "advice": self.advice,
            "crop_verdict": of_crop["verdict"],
            "crop_p_real": of_crop["p_real"],
        }


def judge(detector: Detector, picture: Picture) -> Judgement:
    """Judge one photo, and the crop around its face where that helps.

    Raises:
        PhotoError: it can't be judged; the message is for the person who chose it.
    """
    pixels = read_photo(picture.read())
    p_real, evidence = detector.look(pixels)
    views = face_views(pixels)
    crop = views[0].pixels if views and not views[0].as_is else None
    return Judgement(
        pixels,
        detector.verdict(p_real),
        evidence,
        len(views),
        views[0].advice if views else FACTS["advice"]["none"],
        crop,
        None if crop is None else detector.verdict(detector.look(crop)[0]),
    )


def judge_many(detector: Detector, pictures: Iterable[Picture]) -> list[BatchVerdict]:
    """One row for each picture."""
    rows = []
    for picture in pictures:
        row = dict.fromkeys(BatchVerdict.__annotations__) | {"file": picture.name}
        try:
            row |= judge(detector, picture).answer()
        except PhotoError as error:
            row["error"] = str(error)
        rows.append(row)
    return rows
