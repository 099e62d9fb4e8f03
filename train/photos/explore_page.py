"""The page that `explore` writes about a dataset."""

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from train import html
from train.photos.signals import BAND, BINS, CHANNELS
from train.spec import CLASS_NAMES

NUMBERS = "explore.json"  # Beside the page, with all that it shortens.
FALSE_DISCOVERY_RATE = 0.05
MOST = 10  # Lines of a table or list.
COLOURS = {"fake": "#d9541e", "real": "#1a5fb4"}


def verdict(what: str, test: dict, places: list[str]) -> dict:
    """A test's k numbers in one row: how many differ, and where a single one tells the classes apart best.

    Args:
        what: heads the row.
        test: from `compare`.
        places: k names of the numbers, for people.
    """
    strongest = int(np.argmax(np.abs(np.array(test["fake_above_real"]) - 0.5)))
    return {
        "what": what,
        "differ": f"{sum(p < FALSE_DISCOVERY_RATE for p in test['p'])} of {len(test['p'])}",
        "most at": places[strongest],
        "fake above real": test["fake_above_real"][strongest],
        "p": test["p"][strongest],
    }


def report(numbers: dict, sheets: dict[str, np.ndarray]) -> str:
    """The HTML page of `explore`'s numbers and its contact sheets."""
    shown = numbers["shown"]
    dataset = numbers["dataset"]
    total = sum(row[name] for row in numbers["balance"] for name in CLASS_NAMES)
    sections = {
        "At a glance": [
            html.text(f"{total:,} readable images; content hash {dataset['sha256'][:16]}."),
            html.items(numbers["findings"] or ["Nothing stands out: balanced, readable, no duplicates, stored alike."]),
        ],
        "Images per split": [html.table(numbers["balance"]), html.figure(*_balance_figure(numbers["balance"]))],
        "How the files are stored": [
            html.text("Both classes should be stored alike, or a model learns the encoding instead of the face."),
            *(_storage_table(attribute, rows) for attribute, rows in numbers["storage"].items() if rows),
        ],
    }
    if numbers["unreadable"]:
        sections["Unreadable files"] = [
            html.table([{"file": row["file"], "why": row["error"]} for row in numbers["unreadable"][:MOST]]),
            *_rest(len(numbers["unreadable"])),
        ]
    if groups := numbers["duplicates"]["groups"]:
        sections["Duplicates"] = [
            html.text("Files of equal content, byte for byte."),
            html.items([" = ".join(group) for group in groups[:MOST]]),
            *_rest(len(groups)),
        ]
    if pairs := numbers["lookalikes"]:
        sections["Lookalikes in two splits"] = [
            html.text("The same photo, it seems, stored again in another quality or size, or cut at the borders."),
            html.items([" = ".join(pair) for pair in pairs[:MOST]]),
            *_rest(len(pairs)),
        ]
    if not sheets:
        return html.page(f"What is in {dataset['name']}", sections)

    counts = " and ".join(f"{count:,} {name}" for name, count in shown["images"].items())
    sections["Faces"] = [
        html.text(f"Random images of the {shown['split']} split. The rest of this page is about its {counts} images."),
        *(html.figure(*_sheet_figure(name, sheet)) for name, sheet in sheets.items()),
    ]
    channels = numbers["colour"]["channels"]
    sections["Colours"] = [
        html.text(
            f"Lines: mean histogram. Bands: {BAND[0]}th to {BAND[1]}th percentile over the images. "
            "Black ticks: levels where the classes differ."
        ),
        *(html.figure(*_colour_figure(channel, of_channel)) for channel, of_channel in channels.items()),
    ]
    spectrum = numbers["spectrum"]
    sections["Frequencies"] = [
        html.text(
            "Power of the grey image's middle, averaged over all directions: coarse shapes on the left, single "
            f"pixels on the right. Band: {BAND[0]}th to {BAND[1]}th percentile over the images."
        ),
        html.figure(*_spectrum_figure(spectrum)),
    ]
    if "test" in spectrum:
        sections["Frequencies"].append(html.figure(*_difference_figure(spectrum)))
        levels = [f"{first} to {first + 256 // BINS - 1}" for first in numbers["colour"]["first_levels"]]
        frequencies = [f"{frequency:.3f}" for frequency in spectrum["cycles_per_pixel"]]
        sections["Do the classes differ?"] = [
            html.table(
                [verdict(f"{channel} levels", channels[channel]["test"], levels) for channel in CHANNELS]
                + [verdict("cycles a pixel", spectrum["test"], frequencies)]
            ),
            html.text(
                "Each level or frequency is one Mann-Whitney U test on one value an image, corrected for their number "
                f"by Benjamini and Yekutieli: of the differences counted here, at most {FALSE_DISCOVERY_RATE:.0%} are "
                "expected to be chance. “Fake above real” is the chance that a random fake has more of it than a "
                "random real photo, where that is farthest from chance: 0.5 is no difference, 0 or 1 would tell the "
                "classes apart alone. With many images even a tiny difference is certain, so look at that number first."
            ),
        ]
    return html.page(f"What is in {dataset['name']}", sections)


def _rest(count: int) -> list[Markup]:
    return [html.text(f"{count - MOST:,} more are in {NUMBERS}.")] if count > MOST else []


def _storage_table(attribute: str, rows: list[dict]) -> Markup:
    title = {"size": "width x height", "mode": "colour mode", "quality": "JPEG quality", "header": "header"}[attribute]
    shown = [
        {title: "none" if row[attribute] is None else str(row[attribute])} | {name: row[name] for name in CLASS_NAMES}
        for row in rows[:MOST]
    ]
    if rest := rows[MOST:]:
        shown.append({title: f"{len(rest):,} others"} | {name: sum(row[name] for row in rest) for name in CLASS_NAMES})
    return html.table(shown)


def _axes(xlabel: str, ylabel: str, height: float = 3.4):
    drawing = Figure(figsize=(5, height), layout="constrained")
    axes = drawing.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    return drawing, axes


def _curve(axes, x, band: dict, colour: str, label: str | None = None) -> None:
    axes.fill_between(x, band["low"], band["high"], color=colour, alpha=0.18, linewidth=0)
    axes.plot(x, band["mean"], color=colour, label=label)


def _balance_figure(rows: list[dict]):
    drawing, axes = _axes("readable images", "", 0.8 + 0.6 * len(rows))
    for offset, name in zip((-0.2, 0.2), CLASS_NAMES):
        bars = axes.barh(np.arange(len(rows)) + offset, [row[name] for row in rows], 0.36, color=COLOURS[name])
        axes.bar_label(bars, fmt="{:,.0f}", padding=3)
        bars.set_label(name)
    axes.set_yticks(range(len(rows)), [row["split"] for row in rows])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.legend(frameon=False)
    return drawing, "Bar chart of the class balance", "Readable images of each class in each split."


def _sheet_figure(name: str, sheet: np.ndarray):
    drawing = Figure(figsize=(sheet.shape[1] / 160, sheet.shape[0] / 160))  # One pixel a pixel, at html's 160 dpi.
    axes = drawing.add_axes((0, 0, 1, 1))
    axes.imshow(sheet, interpolation="nearest", aspect="auto")
    axes.axis("off")
    return drawing, f"Contact sheet of {name} images", f"{name.capitalize()}, chosen at random"


def _colour_figure(channel: str, of_channel: dict):
    drawing, axes = _axes(f"{channel} level, 0 to 255", "share of pixels")
    width = 256 // BINS
    middles = np.arange(BINS) * width + width / 2
    for name in CLASS_NAMES:
        if name in of_channel:
            _curve(axes, middles, of_channel[name], COLOURS[name], name)
    if "test" in of_channel:
        differ = middles[np.array(of_channel["test"]["p"]) < FALSE_DISCOVERY_RATE]
        axes.plot(differ, np.full(len(differ), 0.03), "|", color="black", transform=axes.get_xaxis_transform())
    axes.set(xlim=(0, 256), xticks=range(0, 257, 64))
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda share, _: f"{share:.1%}")
    axes.legend(frameon=False)
    return drawing, f"Mean {channel} histograms", channel.capitalize()


def _spectrum_figure(spectrum: dict):
    drawing, axes = _axes("cycles a pixel", "power, dB")
    for name in CLASS_NAMES:
        if name in spectrum:
            _curve(axes, spectrum["cycles_per_pixel"], spectrum[name], COLOURS[name], name)
    axes.set(xlim=(0, 0.5))
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return drawing, "Mean power spectra", "Mean power spectrum of each class, 0 dB being one squared grey level."


def _difference_figure(spectrum: dict):
    drawing, axes = _axes("cycles a pixel", "fake minus real, dB")
    axes.axhline(0, color="grey", linewidth=1)
    _curve(axes, spectrum["cycles_per_pixel"], spectrum["difference"], COLOURS["fake"])
    axes.set(xlim=(0, 0.5))
    axes.grid(alpha=0.3)
    caption = "What the fakes have more (above 0) or less of; the band is the 95% interval of the difference of means."
    return drawing, "Difference of the mean spectra", caption
