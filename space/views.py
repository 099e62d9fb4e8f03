"""What a visitor sees of one photo, as HTML that holds its pictures: nothing is written to disk."""

import base64
import html
import io

import numpy as np
from PIL import Image

from chain.verdict import to_csv
from judging import Judgement, Row

UNSURE, NO_FACE = "unsure", "no_face"
PHOTO_SIZE, FACE_SIZE = 480, 256  # Pixels of the longer side of a picture in the page.
SPECTRUM_SIZE = 512  # Pixels a side, cut from the middle: shrinking would wipe out the traces it is meant to show.
EVIDENCE_COLOUR = (214, 64, 0)


def percent(share: float) -> str:
    """0.734 -> 73.4 %, with a space that no line breaks at."""
    return f"{100 * share:.1f}\u00a0%"


def data_uri(image: Image.Image, format: str = "PNG") -> str:
    """A picture as an address that needs no server."""
    stream = io.BytesIO()
    image.save(stream, format)
    return f"data:image/{format.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"


def verdict_card(judgement: Judgement, info: dict) -> str:
    """The verdict on the photo in words, what it covers and what it is worth."""
    answer, faces = judgement.answer, judgement.rows
    calibrated = "Calibrated on the validation images" if "temperature" in info else "Not calibrated"
    notes = [answer["scope"]]
    if answer["verdict"] == NO_FACE:
        notes = [row["advice"].removeprefix(answer["words"]).strip() for row in faces if row["advice"]] + notes
    else:
        notes.append(f"{calibrated}. A score is evidence, not proof: never accuse anyone on it alone.")
    # The cards follow outside of what is read out by itself; so each face is said here too.
    read_out = "".join(
        f"<li>{html.escape(_in_a_sentence(row, p_real, info))}</li>" for row, p_real in zip(faces, judgement.p_real)
    )
    return (
        f'<div class="verdict {answer["verdict"]}"><h2>{html.escape(answer["words"])}</h2>'
        f'<ul class="read-out">{read_out}</ul>' + "".join(f"<p>{html.escape(note)}</p>" for note in notes) + "</div>"
    )


def _in_a_sentence(row: Row, p_real: float, info: dict) -> str:
    said = f"{_face_of(row)}: {_words_of(row, info)}, {percent(p_real)} real."
    return f"{said} {row['advice']}" if row["advice"] else said


def _face_of(row: Row) -> str:
    return f"Face {row['face']} of {row['faces']}"


def _words_of(row: Row, info: dict) -> str:
    """The verdict on one face for people, by the words of detector.json."""
    return info["words"][row["verdict"]]


def boxes(judgement: Judgement, info: dict) -> str:
    """The photo with a numbered box around each face, which leads to the face's card; "" where there is no box."""
    rows = [row for row in judgement.rows if row["box"]]
    if not rows:
        return ""
    height, width = judgement.pixels.shape[:2]
    photo = Image.fromarray(judgement.pixels)
    photo.thumbnail((PHOTO_SIZE, PHOTO_SIZE))
    links = ""
    for row in rows:
        left, top, right, bottom = np.clip(np.array(row["box"]) / [width, height, width, height], 0, 1)
        place = f"left: {left:.2%}; top: {top:.2%}; width: {right - left:.2%}; height: {bottom - top:.2%}"
        links += (
            f'<a class="box {row["verdict"]}" href="#face-{row["face"]}" style="{place}" '
            f'aria-label="{_face_of(row)}: {html.escape(_words_of(row, info))}"><span>{row["face"]}</span></a>'
        )
    picture = data_uri(photo, "JPEG")
    return f'<div class="photo"><img src="{picture}" alt="The photo, with its faces numbered"/>{links}</div>'


def face_cards(judgement: Judgement, info: dict) -> str:
    """Each face as the network saw it under its evidence map, its verdict, and its probability beside the band."""
    cards = ""
    for row, view, p_real, evidence in zip(judgement.rows, judgement.views, judgement.p_real, judgement.evidence):
        advice = f'<p class="notice">{html.escape(row["advice"])}</p>' if row["advice"] else ""
        cards += (
            f'<section class="verdict face {row["verdict"]}" id="face-{row["face"]}" tabindex="-1" '
            f'aria-labelledby="face-{row["face"]}-name face-{row["face"]}-words">'
            f"{evidence_overlay(view.pixels, evidence)}"
            f'<div><p id="face-{row["face"]}-name">{_face_of(row)}{", as it is" if row["as_is"] else ""}</p>'
            f'<h3 id="face-{row["face"]}-words">{html.escape(_words_of(row, info))}</h3>'
            f"{bar(p_real, info)}{advice}<p>{describe_evidence(evidence)}</p></div></section>"
        )
    return cards


def bar(p_real: float, info: dict) -> str:
    """P(real), 0..1, on a scale from fake to real, with the band in which the verdict is "unsure"."""
    band = info.get("unsure") or {"low": info["threshold"], "high": info["threshold"]}
    low, high = band["low"], band["high"]
    rule = f"Unsure from {percent(low)} to {percent(high)}" if low < high else f"Called real from {percent(low)} on"
    return (
        f'<div class="bar" aria-hidden="true" style="--p: {p_real:.2%}; --low: {low:.2%}; --high: {high:.2%}">'
        f'<span class="band"></span><span class="mark"></span></div>'
        f'<p class="scale"><span>fake</span><output>{percent(p_real)} real</output><span>real</span></p>'
        f"<p>{rule}.</p>"
    )


def error_card(sentence: str) -> str:
    """What went wrong, in place of a verdict."""
    return f'<div class="verdict error"><h2>No verdict</h2><p>{html.escape(sentence)}</p></div>'


def notice(sentence: str) -> str:
    """Something to know about the photo before the verdict is read."""
    return f'<p class="notice">{html.escape(sentence)}</p>'


def spectrum(pixels: np.ndarray) -> str:
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
    return (
        f'<figure><img src="{data_uri(image)}" alt="Log power spectrum of the photo" class="spectrum"/>'
        f"<figcaption>The {crop.shape[1]} × {crop.shape[0]} pixels in the middle, by frequency: even areas in the "
        "centre, fine grain at the edges. Photos fade outwards smoothly; many generators leave a grid of dots. "
        "For your eyes only: the verdict does not use it.</figcaption></figure>"
    )


def evidence_overlay(pixels: np.ndarray, evidence: np.ndarray | None) -> str:
    """A face under the model's evidence map; the page's slider sets how strongly the map covers it.

    Args:
        pixels: uint8 RGB (height, width, 3).
        evidence: float32 (rows, columns), 0..1, high where the face speaks for "fake"; None without a map.
    """
    face = Image.fromarray(pixels)
    face.thumbnail((FACE_SIZE, FACE_SIZE))
    cover = ""
    if evidence is not None:
        colour = np.empty((*evidence.shape, 4), np.uint8)
        colour[..., :3] = EVIDENCE_COLOUR
        colour[..., 3] = np.round(255 * np.clip(evidence, 0, 1))
        # As small as it is; the browser enlarges it smoothly.
        cover = f'<img src="{data_uri(Image.fromarray(colour))}" alt="" class="cover"/>'
    return f'<div class="overlay"><img src="{data_uri(face, "JPEG")}" alt="The face, upright and alone"/>{cover}</div>'


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


def batch_summary(rows: list[Row], info: dict) -> str:
    """How many verdicts of each kind, and a link that saves the rows as CSV; "" without rows.

    Args:
        rows: of `judging.judge_many`.
        info: the detector.json in use.
    """
    if not rows:
        return ""
    kinds = {name: sum(row["verdict"] == name for row in rows) for name in (*info["classes"], UNSURE, NO_FACE)}
    files, failed = len({row["file"] for row in rows}), sum(bool(row["error"]) for row in rows)
    counts = ", ".join(f"{kinds[name]} {name}" for name in (*info["classes"], UNSURE))
    link = f"data:text/csv;charset=utf-8;base64,{base64.b64encode(to_csv(rows)).decode()}"
    return (
        f"<p>Faces: {counts}. Of {files} files, {kinds[NO_FACE]} without a face, {failed} not judged. "
        f'{html.escape(info["scope"])} <a class="button" download="verdicts.csv" href="{link}">Download CSV</a></p>'
    )


def batch_table(rows: list[Row], info: dict) -> str:
    """A table of many faces with what is to know of each; arguments as of `batch_summary`."""
    if not rows:
        return ""
    body = "".join(
        f'<tr class="{row["verdict"] or "error"}"><td class="file">{html.escape(row["file"])}</td>'
        f"{_cells(row, info)}</tr>"
        for row in rows
    )
    head = "".join(f'<th scope="col">{title}</th>' for title in ("File", "Face", "Verdict"))
    head += '<th scope="col" class="number">P(real)</th>'
    return scroll("Verdicts", f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _cells(row: Row, info: dict) -> str:
    if row["p_real"] is None:  # There is no face.
        return f'<td colspan="3">{html.escape(row["error"] or row["advice"] or "")}</td>'
    remark = f'<p class="remark">{html.escape(row["advice"])}</p>' if row["advice"] else ""
    return (
        f"<td>{row['face']} of {row['faces']}</td><td>{html.escape(_words_of(row, info))}{remark}</td>"
        f'<td class="number">{percent(row["p_real"])}</td>'
    )


def scroll(label: str, table: str) -> str:
    """A table that may be wider than a phone; scrolled by keyboard too."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{html.escape(label)}">{table}</div>'
