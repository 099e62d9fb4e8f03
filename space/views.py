"""What a visitor sees of one photo, as HTML that holds its pictures: nothing is written to disk."""

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

from chain.info import Info
from chain.verdict import NO_FACE, UNSURE, to_csv
from judging import Judgement, Row
from uploads import ZIPS

PHOTO_SIZE, FACE_SIZE = 480, 256  # Pixels of the longer side of a picture in the page.
SPECTRUM_SIZE = 512  # Pixels a side, cut from the middle: shrinking would wipe out the traces it is meant to show.
EVIDENCE_COLOUR = (214, 64, 0)


def percent(share: float) -> str:
    """0.734 -> 73.4 %, with a space that no line breaks at."""
    return f"{100 * share:.1f}\u00a0%"


TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters |= {"percent": percent, "share": "{:.2%}".format}
MACROS: Any = TEMPLATES.get_template("views.html").module


def data_uri(image: Image.Image, format: str = "PNG") -> str:
    """A picture as an address that needs no server."""
    stream = io.BytesIO()
    image.save(stream, format)
    return f"data:image/{format.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"


def verdict_card(judgement: Judgement, info: Info) -> Markup:
    """The verdict on the photo in words, what it covers and what it is worth."""
    answer, faces = judgement.answer, judgement.rows
    notes = [answer["scope"]]
    if answer["verdict"] == NO_FACE:
        notes = [row["advice"].removeprefix(answer["words"]).strip() for row in faces if row["advice"]] + notes
    else:
        notes.append(
            "Calibrated on the validation images. A score is evidence, not proof: never accuse anyone on it alone."
        )
    # The cards follow outside of what is read out by itself; so each face is said here too.
    read_out = [_in_a_sentence(row, p_real, info) for row, p_real in zip(faces, judgement.p_real)]
    return MACROS.verdict_card(answer, read_out, notes)


def _in_a_sentence(row: Row, p_real: float, info: Info) -> str:
    said = f"Face {row['face']} of {row['faces']}: {_words_of(row, info)}, {percent(p_real)} real."
    return f"{said} {row['advice']}" if row["advice"] else said


def _words_of(row: Row, info: Info) -> str:
    """The verdict on one face for people, by the words of detector.json."""
    return info["words"][str(row["verdict"])]


def boxes(judgement: Judgement, info: Info) -> Markup | str:
    """The photo with a numbered box around each face, which leads to the face's card; "" where there is no box."""
    rows = [row for row in judgement.rows if row["box"]]
    if not rows:
        return ""
    height, width = judgement.pixels.shape[:2]
    photo = Image.fromarray(judgement.pixels)
    photo.thumbnail((PHOTO_SIZE, PHOTO_SIZE))
    places = [np.clip(np.array(row["box"]) / [width, height, width, height], 0, 1) for row in rows]
    faces = [(row, _words_of(row, info), place) for row, place in zip(rows, places)]
    return MACROS.boxes(data_uri(photo, "JPEG"), faces)


def face_cards(judgement: Judgement, info: Info) -> Markup:
    """Each face as the network saw it under its evidence map, its verdict, and its probability beside the band."""
    return Markup().join(
        MACROS.face_card(
            row,
            _words_of(row, info),
            evidence_overlay(view.pixels, evidence),
            bar(p_real, info),
            describe_evidence(evidence),
        )
        for row, view, p_real, evidence in zip(judgement.rows, judgement.views, judgement.p_real, judgement.evidence)
    )


def bar(p_real: float, info: Info) -> Markup:
    """P(real), 0..1, on a scale from fake to real, with the band in which the verdict is "unsure"."""
    return MACROS.bar(p_real, info["unsure"]["low"], info["unsure"]["high"])


def error_card(sentence: str) -> Markup:
    """What went wrong, in place of a verdict."""
    return MACROS.error_card(sentence)


def notice(sentence: str) -> Markup:
    """Something to know about the photo before the verdict is read."""
    return MACROS.notice(sentence)


def spectrum(pixels: np.ndarray) -> Markup:
    """Log power spectrum of the grey picture, zero frequency in the middle.

    Generators that enlarge by convolution leave regular dots there (Zhang, Karaman and Chang, "Detecting and
    Simulating Artifacts in GAN Fake Images", WIFS 2019).

    Args:
        pixels: uint8 RGB (height, width, 3).

    Returns:
        HTML of a grey picture of at most SPECTRUM_SIZE pixels a side.
    """
    height, width = pixels.shape[:2]
    top, left = max(0, height - SPECTRUM_SIZE) // 2, max(0, width - SPECTRUM_SIZE) // 2
    crop = pixels[top : top + SPECTRUM_SIZE, left : left + SPECTRUM_SIZE]
    grey = crop @ np.array([0.299, 0.587, 0.114])  # ITU-R BT.601 luma.
    # Without a window, the picture's borders draw a bright cross over everything else.
    window = np.outer(np.hanning(grey.shape[0] + 2)[1:-1], np.hanning(grey.shape[1] + 2)[1:-1])
    power = np.log1p(np.abs(np.fft.fftshift(np.fft.fft2((grey - grey.mean()) * window))) ** 2)
    image = Image.fromarray((255 * power / max(power.max(), 1e-9)).astype(np.uint8))
    return MACROS.spectrum(data_uri(image), crop.shape[1], crop.shape[0])


def evidence_overlay(pixels: np.ndarray, evidence: np.ndarray | None) -> Markup:
    """A face under the model's evidence map; the page's slider sets how strongly the map covers it.

    Args:
        pixels: uint8 RGB (height, width, 3).
        evidence: float32 (rows, columns), 0..1, high where the face speaks for "fake"; None without a map.
    """
    face = Image.fromarray(pixels)
    face.thumbnail((FACE_SIZE, FACE_SIZE))
    cover = None
    if evidence is not None:
        colour = np.empty((*evidence.shape, 4), np.uint8)
        colour[..., :3] = EVIDENCE_COLOUR
        colour[..., 3] = np.round(255 * np.clip(evidence, 0, 1))
        # As small as it is; the browser enlarges it smoothly.
        cover = data_uri(Image.fromarray(colour))
    return MACROS.overlay(data_uri(face, "JPEG"), cover)


def describe_evidence(evidence: np.ndarray | None) -> str:
    """Where an evidence map, float (rows, columns), 0..1, is high, for those who don't see it."""
    if evidence is None:
        return "This model draws no evidence map."
    strong = evidence >= 0.5
    if not strong.any():
        return "On its evidence map, nothing speaks for a fake."
    row, column = np.unravel_index(evidence.argmax(), evidence.shape)
    third = [int(3 * (index + 0.5) / length) for index, length in zip((row, column), evidence.shape)]
    words = ("upper", "middle", "lower")[third[0]], ("left", "middle", "right")[third[1]]
    place = " ".join(dict.fromkeys(words))
    return (
        f"Orange marks what speaks for a fake: most in the {place} of the picture, and at least half as much on "
        f"{100 * strong.mean():.0f}\u00a0% of it."
    )


def batch_summary(rows: list[Row], left_out: int, info: Info) -> Markup | str:
    """How many verdicts of each kind, and a link that saves the rows as CSV; "" without rows.

    Args:
        rows: of `judging.judge_many`.
        left_out: how many files of zips are no pictures.
        info: the detector.json in use.
    """
    if not rows:
        return ""
    kinds = {name: sum(row["verdict"] == name for row in rows) for name in (*info["classes"], UNSURE, NO_FACE)}
    files, failed = len({row["file"] for row in rows}), sum(bool(row["error"]) for row in rows)
    counts = ", ".join(f"{kinds[name]} {name}" for name in (*info["classes"], UNSURE))
    csv = base64.b64encode(to_csv(rows)).decode()
    others = ZIPS["left_out"].format(count=left_out) if left_out else ""
    return MACROS.batch_summary(counts, files, kinds[NO_FACE], failed, others, info["scope"], csv)


def batch_table(rows: list[Row], info: Info) -> Markup | str:
    """A table of many faces with what is to know of each.

    Args:
        rows: of `judging.judge_many`.
        info: the detector.json in use.
    """
    return scroll("Verdicts", MACROS.batch_table(rows, info["words"])) if rows else ""


def scroll(label: str, table: Markup) -> Markup:
    """A table that may be wider than a phone; scrolled by keyboard too."""
    return MACROS.scroll(label, table)
