"""What a visitor sees of one photo, as HTML that holds its pictures: nothing is written to disk."""

import base64
import csv
import html
import io

import numpy as np
from PIL import Image

from detector import UNSURE, Verdict

SPECTRUM_SIZE = 512  # Pixels a side, cut from the middle: shrinking would wipe out the traces it is meant to show.
EVIDENCE_COLOUR = (214, 64, 0)


def percent(share: float) -> str:
    """0.734 -> 73.4 %."""
    return f"{100 * share:.1f} %"


def data_uri(image: Image.Image, format: str = "PNG") -> str:
    """A picture as an address that needs no server."""
    stream = io.BytesIO()
    image.save(stream, format)
    return f"data:image/{format.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"


def words(verdict: Verdict, info: dict) -> str:
    """The verdict for people, by the words of detector.json."""
    return info["words"][verdict["verdict"]]


def verdict_card(verdict: Verdict, info: dict) -> str:
    """The verdict in words, both probabilities, and what they are worth."""
    rows = "".join(
        f'<dt id="{name}-name">{title}</dt>'
        f'<dd><meter min="0" max="1" value="{p:.6f}" aria-labelledby="{name}-name">{percent(p)}</meter>'
        f"<output>{percent(p)}</output></dd>"
        for name, title, p in (
            ("real", "Real photo", verdict["p_real"]),
            ("fake", "StyleGAN fake", verdict["p_fake"]),
        )
    )
    calibrated = "Calibrated on the validation images" if "temperature" in info else "Not calibrated"
    if band := info.get("unsure"):
        rule = f'Unsure from P(real) {band["low"]:.3f} to {band["high"]:.3f}.'
    else:
        rule = f'Called real from P(real) {verdict["threshold"]:.3f} on.'
    return (
        f'<div class="verdict {verdict["verdict"]}"><h2>{html.escape(words(verdict, info))}</h2><dl>{rows}</dl>'
        f"<p>{calibrated}. {rule} A score is evidence, not proof: never accuse anyone on it alone.</p></div>"
    )


def crop_card(crop: np.ndarray, verdict: Verdict, info: dict) -> str:
    """The verdict on a face cut out of its photo, beside what was judged.

    Args:
        crop: uint8 RGB (height, width, 3).
        verdict: on the crop.
        info: the detector.json in use.
    """
    picture = data_uri(Image.fromarray(crop), "JPEG")
    return (
        f'<div class="verdict crop {verdict["verdict"]}"><img src="{picture}" alt="The face, upright and alone"/>'
        f"<div><p>The face alone</p><h3>{html.escape(words(verdict, info))}</h3>"
        f'<p>{percent(verdict["p_real"])} real, {percent(verdict["p_fake"])} fake</p></div></div>'
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
    """The photo under the model's evidence map; the page's slider sets how strongly the map covers it.

    Args:
        pixels: uint8 RGB (height, width, 3).
        evidence: float32 (rows, columns), 0..1, high where the photo speaks for "fake"; None without a map.
    """
    if evidence is None:
        return '<p class="notice">This model draws no evidence map.</p>'
    photo = Image.fromarray(pixels)
    photo.thumbnail((640, 640))
    colour = np.empty((*evidence.shape, 4), np.uint8)
    colour[..., :3] = EVIDENCE_COLOUR
    colour[..., 3] = np.round(255 * np.clip(evidence, 0, 1))
    cover = Image.fromarray(colour).resize(photo.size, Image.Resampling.BICUBIC)
    return (
        f'<figure><div class="overlay"><img src="{data_uri(photo, "JPEG")}" alt="The photo"/>'
        f'<img src="{data_uri(cover)}" alt="" class="cover"/></div>'
        f"<figcaption>{describe_evidence(evidence)}</figcaption></figure>"
    )


def describe_evidence(evidence: np.ndarray) -> str:
    """Where an evidence map, float (rows, columns), 0..1, is high, for those who don't see it."""
    strong = evidence >= 0.5
    if not strong.any():
        return "On this map, nothing in the picture speaks for a fake."
    row, column = np.unravel_index(evidence.argmax(), evidence.shape)
    third = [int(3 * (index + 0.5) / length) for index, length in zip((row, column), evidence.shape)]
    words = ("upper", "middle", "lower")[third[0]], ("left", "middle", "right")[third[1]]
    place = " ".join(dict.fromkeys(words))
    return (
        f"Orange marks what speaks for a fake. It is strongest in the {place} of the picture, and at least half as "
        f"strong on {100 * strong.mean():.0f} % of it. That hints at where the model looks, and proves nothing."
    )


def batch_summary(rows: list[dict], info: dict) -> str:
    """How many verdicts of each kind, and a link that saves the rows as CSV; "" without rows.

    Args:
        rows: {"file": name, "error": sentence or None, and a PhotoVerdict's keys, None where there is an error}.
        info: the detector.json in use.
    """
    if not rows:
        return ""
    counts = [f'{sum(row["verdict"] == name for row in rows)} {name}' for name in (*info["classes"], UNSURE)]
    failed = sum(bool(row["error"]) for row in rows)
    link = f"data:text/csv;charset=utf-8;base64,{base64.b64encode(to_csv(rows).encode()).decode()}"
    return (
        f'<p>{", ".join(counts)}, {failed} not judged. '
        f'<a class="button" download="verdicts.csv" href="{link}">Download CSV</a></p>'
    )


def batch_table(rows: list[dict], info: dict) -> str:
    """A table of many verdicts, each with what its faces mean for it; arguments as of `batch_summary`."""
    if not rows:
        return ""
    body = "".join(
        f'<tr class="{row["verdict"] or "error"}"><td class="file">{html.escape(row["file"])}</td>'
        + (
            f'<td colspan="2">{html.escape(row["error"])}</td>'
            if row["error"]
            else f"<td>{html.escape(words(row, info))}{_remark(row, info)}</td>"
            f'<td class="number">{percent(row["p_real"])}</td>'
        )
        + "</tr>"
        for row in rows
    )
    head = "".join(f'<th scope="col">{title}</th>' for title in ("File", "Verdict"))
    head += '<th scope="col" class="number">P(real)</th>'
    return scroll("Verdicts", f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def scroll(label: str, table: str) -> str:
    """A table that may be wider than a phone; scrolled by keyboard too."""
    return f'<div class="scroll" role="region" tabindex="0" aria-label="{html.escape(label)}">{table}</div>'


def _remark(row: dict, info: dict) -> str:
    if not row["advice"]:
        return ""
    remark = row["advice"]
    if row["crop_verdict"]:
        remark += f' The crop: {percent(row["crop_p_real"])} real. {info["words"][row["crop_verdict"]]}.'
    return f'<p class="remark">{html.escape(remark)}</p>'


def to_csv(rows: list[dict]) -> str:
    """The rows of `batch_table` with a header line; empty cells for None."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
