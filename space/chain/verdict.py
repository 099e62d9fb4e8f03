# Copied from train/chain/verdict.py by `python -m export vendor`; edit the original.
"""From a photo's faces to what is said of them: the same rows, words and tables in every place.

``web/chain.js`` does the same in the browser.
"""

import csv
import dataclasses
import io
from collections.abc import Mapping
from typing import TypedDict, cast

import numpy as np

from .faces import FACTS, Face, cut, find_faces, is_aligned, trim
from .info import Named, Rule


class Row(TypedDict):
    """What is said of one face, of a photo without one, or of a file that can't be judged; so in tables and answers."""

    file: str  # Its name.
    face: int | None  # 1 for the largest, 2, ...; None without a face.
    faces: int | None  # How many there are.
    box: list[int] | None  # Left, top, right, bottom in pixels of the upright photo; None for one taken as it is.
    roll: float | None  # By how many degrees the face is turned clockwise, -180..180; None for one taken as it is.
    verdict: str | None  # "real", "fake", "unsure" or "no_face".
    p_real: float | None  # 0..1; None without a face.
    unsure: bool | None  # Whether the verdict is "unsure".
    as_is: bool | None  # Whether the whole picture was judged, without its uniform borders, and no face cut out of it.
    advice: str | None  # A sentence for the person who chose the photo; None when all is well.
    model: str  # The detector's name.
    error: str | None  # Why the file can't be judged, in a sentence; then all others but `file` and `model` are None.


COLUMNS = tuple(Row.__annotations__)
UNSURE, NO_FACE = "unsure", "no_face"
WORST_FIRST = ("fake", UNSURE, "real", NO_FACE)
DIGITS = {"roll": 1, "p_real": 6}  # After the point in tables, the same in every place.
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # What makes a spreadsheet take a cell for a formula.


@dataclasses.dataclass(frozen=True)
class FaceView:
    """One face as the network is to see it.

    Attributes:
        face: 1 for the photo's largest, 2, ...
        faces: how many the photo has.
        box: left, top, right, bottom in pixels of the photo; None where no face was looked for.
        roll: degrees, -180..180, positive for a face turned clockwise; None where no face was looked for.
        pixels: uint8 (height, width, 3), RGB.
        as_is: whether these are the photo's own pixels, not resampled.
        advice: a sentence for the person who chose the photo; None when all is well.
        tiny: whether the face is too small for a sound verdict.
    """

    face: int
    faces: int
    box: tuple[int, int, int, int] | None
    roll: float | None
    pixels: np.ndarray
    as_is: bool
    advice: str | None
    tiny: bool


def face_views(pixels: np.ndarray, as_is: bool = False) -> list[FaceView]:
    """Trim a photo, find its faces and cut them out; the largest first, none where there is no face.

    Args:
        pixels: uint8 (height, width, 3), RGB, upright.
        as_is: take it for an aligned face, whatever it shows.
    """
    if as_is:
        return [FaceView(1, 1, None, None, pixels, True, None, False)]
    left, top, right, bottom = trim(pixels)
    inner = pixels[top:bottom, left:right]
    faces = find_faces(inner)
    # Whoever else is in an aligned face's picture stands behind that one, as in FFHQ.
    if aligned := next((face for face in faces if is_aligned(inner, face)), None):
        faces = [aligned]
    views = []
    for number, face in enumerate(faces, 1):
        box = _in_photo(face, left, top, right, bottom)
        tiny = face.width < FACTS["tiny"]
        advice = FACTS["advice"]["tiny"].format(pixels=int(face.width)) if tiny else None
        view = inner if aligned else cut(inner, face)
        views.append(FaceView(number, len(faces), box, face.roll, view, aligned is not None, advice, tiny))
    return views


def _in_photo(face: Face, left: int, top: int, right: int, bottom: int) -> tuple[int, int, int, int]:
    """The box of a face that was found within those borders, as far as it lies there, in pixels of the photo."""
    x0, y0, x1, y1 = (int(np.floor(at + 0.5)) for at in face.box)
    return max(left + x0, left), max(top + y0, top), min(left + x1, right), min(top + y1, bottom)


def rows(file: str, views: list[FaceView], p_real: list[float], info: Rule) -> list[Row]:
    """What is said of a photo: one row a face, or one that says there is none.

    Args:
        file: the photo's name.
        views: from `face_views`.
        p_real: of each, 0..1.
        info: what makes verdicts, such as the content of detector.json.
    """
    bare = _bare_row(file, info)
    if not views:
        advice = FACTS["advice"]["none"]
        return [bare | {"faces": 0, "verdict": NO_FACE, "unsure": False, "as_is": False, "advice": advice}]
    said = []
    for view, p in zip(views, p_real, strict=True):
        verdict = UNSURE if view.tiny else _verdict(p, info)
        said.append(
            bare
            | {
                "face": view.face,
                "faces": view.faces,
                "box": view.box and list(view.box),
                "roll": None if view.roll is None else round(view.roll, DIGITS["roll"]) + 0.0,  # No -0.0.
                "verdict": verdict,
                "p_real": p,
                "unsure": verdict == UNSURE,
                "as_is": view.as_is,
                "advice": view.advice,
            }
        )
    return said


def error_row(file: str, sentence: str, info: Named) -> Row:
    """The row of a file that can't be judged."""
    return _bare_row(file, info) | {"error": sentence}


def picture_verdict(rows: list[Row]) -> str:
    """The verdict on a whole picture that could be judged, its worst face's: fake before unsure before real."""
    said = {row["verdict"] for row in rows}
    return next(verdict for verdict in WORST_FIRST if verdict in said)


def words(rows: list[Row], info: Rule) -> str:
    """The verdict on a picture for people, or why there is none.

    Args:
        rows: of one picture that could be judged.
        info: as of `rows`.
    """
    verdict = picture_verdict(rows)
    if verdict == NO_FACE:
        return FACTS["words"]["none"]
    if len(rows) == 1:
        return info["words"][verdict]
    count = sum(row["verdict"] == verdict for row in rows)
    return FACTS["words"]["several"].format(count=count, faces=len(rows), words=FACTS["words"][verdict])


def to_csv(rows: list[Row]) -> bytes:
    """The rows as a table for spreadsheets: UTF-8 with its mark, and no text that one would run as a formula."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    writer.writerows(cells(row) for row in rows)
    return stream.getvalue().encode("utf-8-sig", "surrogateescape")


def cells(row: Mapping[str, object]) -> list[str]:
    """The cells of a row in a CSV table."""
    return [_cell(column, row[column]) for column in COLUMNS]


def _cell(column: str, value) -> str:
    if value is None:
        return ""
    if column in DIGITS:
        return f"{value:.{DIGITS[column]}f}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return str(value)


def _verdict(p_real: float, info: Rule) -> str:
    if info["unsure"]["low"] <= p_real < info["unsure"]["high"]:
        return UNSURE
    return "real" if p_real >= info["threshold"] else "fake"


def _bare_row(file: str, info: Named) -> Row:
    return cast(Row, dict.fromkeys(COLUMNS) | {"file": file, "model": info["name"]})
