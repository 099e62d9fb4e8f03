"""Look at a dataset before training on it: one HTML report, and the same numbers as JSON.

    python -m train explore --data DIR --out runs/explore

prints what deserves a look, nothing for a clean set, and writes runs/explore/explore.html and explore.json. Of the
140k set's subset of 2,000 images it finds: balanced, all 256 x 256, RGB, JPEG quality 75, no duplicates; fakes have
fewer nearly white pixels (a random fake has more red ones of 252 to 255 than a random real photo with chance 0.36),
and up to 1 dB less of the highest frequencies.
"""

import argparse
import collections
import functools
import hashlib
import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import scipy.fft
import scipy.signal
import scipy.stats
from matplotlib.figure import Figure
from PIL import Image, ImageOps
from tqdm import tqdm

from train import html, run
from train.chain.read import read_photo
from train.photos import cache, data
from train.photos.layout import SUFFIXES
from train.spec import CLASS_NAMES

REPORT = "explore.html"
NUMBERS = "explore.json"

CHANNELS = ("red", "green", "blue")
BINS = 64  # Of a colour histogram, each 4 levels wide.
FFT_SIZE = 256  # Pixels; spectra have half as many frequencies.
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as in Pillow's and JPEG's grey.
POWER_FLOOR = 1e-3  # Squared grey levels, -30 dB: far below JPEG's rounding, and finite for flat pictures.
BAND = (10, 90)  # Percentiles over the images.
FALSE_DISCOVERY_RATE = 0.05
SHEET = (4, 6)  # Rows and columns of a contact sheet.
THUMBNAIL = 128  # Pixels.
MOST = 10  # Lines of a table or list in the report; the JSON has all.
COLOURS = {"fake": "#d9541e", "real": "#1a5fb4"}


def explore(args: argparse.Namespace) -> None:
    """Write ``explore.html`` and ``explore.json`` into ``args.out`` and print what deserves a look.

    What would make a training refuse the dataset (an empty class, one image in two splits) is reported here.
    How files are stored is counted over all splits. Pictures, colours and spectra are those of one split, the
    training split if there is one, so that nobody chooses a model by looking at test images.

    Raises:
        data.DataError: there is no dataset, or it has no image files.
    """
    folders = data.find_splits(args.data)
    photos = data.scan([photo for split, folder in folders.items() for photo in data.list_photos(folder, split)])
    if not photos:
        raise data.DataError(f"{args.data}: no {', '.join(sorted(SUFFIXES))} files in its class folders.")
    root = Path(os.path.commonpath(folders.values()))
    readable = [photo for photo in photos if not photo.error]
    numbers = {
        "dataset": {"name": Path(args.data).resolve().name} | data.fingerprint(readable),
        "balance": balance(photos, list(folders)),
        "storage": {attribute: tally(readable, attribute) for attribute in data.STORED_AS},
        "unreadable": [{"file": _relative(photo, root), "error": photo.error} for photo in photos if photo.error],
        "duplicates": duplicates(readable, root),
        "lookalikes": lookalikes(readable, root),
    }
    both = len({photo.label for photo in readable}) == len(CLASS_NAMES)
    leaks = data.encoding_leaks(readable) if both else []
    numbers["findings"] = findings(numbers) + [line[0].upper() + line[1:] for line in leaks]

    shown = [photo for photo in readable if photo.split == readable[0].split]
    by_class = {
        name: of_class
        for label, name in enumerate(CLASS_NAMES)
        if (of_class := [photo for photo in shown if photo.label == label])
    }
    sheets = {name: contact_sheet(of_class, args.seed) for name, of_class in by_class.items()}
    measured = {name: measure(of_class, f"measuring {name}") for name, of_class in by_class.items()}
    numbers |= {
        "shown": {"split": shown[0].split if shown else None, "images": {k: len(v) for k, v in by_class.items()}},
        "contact_sheet": {name: [_relative(photo, root) for photo in chosen] for name, (chosen, _) in sheets.items()},
        "colour": colour_numbers({name: colours for name, (colours, _) in measured.items()}),
        "spectrum": spectrum_numbers({name: spectra for name, (_, spectra) in measured.items()}),
    }

    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    run.write_json(out / NUMBERS, numbers)
    (out / REPORT).write_text(report(numbers, {name: sheet for name, (_, sheet) in sheets.items()}))
    for line in numbers["findings"]:
        print(f"- {line}")
    print(f"{out / REPORT}, and its numbers in {out / NUMBERS}")


def _relative(photo: data.Photo, root: Path) -> str:
    return Path(photo.path).relative_to(root).as_posix()


def balance(photos: list[data.Photo], splits: list[str]) -> list[dict]:
    """One row a split: how many readable images each class has, and how many files are unreadable."""
    counts = collections.Counter(
        (photo.split, "unreadable" if photo.error else CLASS_NAMES[photo.label]) for photo in photos
    )
    columns = (*CLASS_NAMES, "unreadable")
    return [{"split": split} | {column: counts[split, column] for column in columns} for split in splits]


def tally(photos: list[data.Photo], attribute: str) -> list[dict]:
    """One row a value of one of `data.STORED_AS`: how many images of each class have it, the commonest first."""
    counts = collections.Counter((getattr(photo, attribute), CLASS_NAMES[photo.label]) for photo in photos)
    totals = collections.Counter(getattr(photo, attribute) for photo in photos)
    return [
        {attribute: " x ".join(map(str, value)) if attribute == "size" else value}
        | {name: counts[value, name] for name in CLASS_NAMES}
        for value, _ in totals.most_common()
    ]


def duplicates(photos: list[data.Photo], root: Path) -> dict:
    """Find files of equal content.

    Returns:
        groups: the relative paths of each set of equal files; across_splits and across_classes: how many of the
        groups reach over two splits (test figures would be too good) or two classes (one label is wrong).
    """
    of_content = collections.defaultdict(list)
    for photo in photos:
        of_content[photo.sha256].append(photo)
    groups = [group for group in of_content.values() if len(group) > 1]
    return {
        "groups": [[_relative(photo, root) for photo in group] for group in groups],
        "across_splits": sum(len({photo.split for photo in group}) > 1 for group in groups),
        "across_classes": sum(len({photo.label for photo in group}) > 1 for group in groups),
    }


def lookalikes(photos: list[data.Photo], root: Path) -> list[list[str]]:
    """Relative paths of the pairs in two splits that show the same photo, though their files differ."""
    splits = dict.fromkeys(photo.split for photo in photos)
    of_split = {split: [photo for photo in photos if photo.split == split] for split in splits}
    return [
        [_relative(photo, root) for photo in pair]
        for one, other in itertools.combinations(of_split.values(), 2)
        for pair in data.lookalike_pairs(one, other)
    ]


def findings(numbers: dict) -> list[str]:
    """What deserves a look before training, one sentence each; empty for a clean dataset."""
    lines = []
    for row in numbers["balance"]:
        few, many = sorted(row[name] for name in CLASS_NAMES)
        if not few:
            empty = " and ".join(name for name in CLASS_NAMES if not row[name])
            lines.append(f"Split {row['split']} has no readable image of {empty}; add some before training.")
        elif few < data.BALANCED * many:
            lines.append(
                f"Split {row['split']} is out of balance: {row['fake']} fake, {row['real']} real; "
                "accuracy alone would mislead."
            )
    if count := len(numbers["unreadable"]):
        lines.append(f"{count} files can't be read; training skips them.")
    found = numbers["duplicates"]
    if found["groups"]:
        lines.append(
            f"{len(found['groups'])} images are there more than once: {found['across_splits']} of them in several "
            f"splits, {found['across_classes']} in both classes. Keep one copy of each."
        )
    if pairs := numbers["lookalikes"]:
        lines.append(f"{len(pairs)} images look like others of another split, cut or stored again; look at them.")
    return lines


def contact_sheet(photos: list[data.Photo], seed: int) -> tuple[list[data.Photo], np.ndarray]:
    """Choose images at random, without repetition, and lay their middle squares out in rows.

    Returns:
        The chosen photos, in reading order, and the sheet: uint8 (height, width, 3), white where images ran out.
    """
    rows, columns = SHEET
    chosen = np.random.default_rng(seed).permutation(len(photos))[: rows * columns]
    sheet = np.full((rows, columns, THUMBNAIL, THUMBNAIL, 3), 255, np.uint8)
    for place, index in enumerate(chosen):
        image = Image.fromarray(read_photo(photos[index].path))
        sheet[divmod(place, columns)] = ImageOps.fit(image, (THUMBNAIL, THUMBNAIL))
    used = -(-len(chosen) // columns)
    return [photos[index] for index in chosen], sheet[:used].swapaxes(1, 2).reshape(-1, columns * THUMBNAIL, 3)


def measure(photos: list[data.Photo], title: str) -> tuple[np.ndarray, np.ndarray]:
    """Measure every photo, in parallel, and keep what was found; 1.3 kB a photo, so that 140,000 take 0.2 GB.

    Returns:
        float32 (n, 3, BINS) colour histograms and float32 (n, FFT_SIZE / 2) spectra in dB, see below.
    """
    measured = "".join([str((BINS, FFT_SIZE)), *(photo.sha256 for photo in photos)])
    kept = cache.folder() / f"explore-{hashlib.sha256(measured.encode()).hexdigest()[:16]}.npz"
    if kept.exists():
        with np.load(kept) as arrays:
            return arrays["colours"], arrays["spectra"]
    colours = np.empty((len(photos), len(CHANNELS), BINS), np.float32)
    spectra = np.empty((len(photos), FFT_SIZE // 2), np.float32)

    def fill(index: int) -> None:
        pixels = read_photo(photos[index].path)
        colours[index] = colour_histogram(pixels)
        spectra[index] = power_spectrum(pixels)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in tqdm(pool.map(fill, range(len(photos))), total=len(photos), desc=title, unit="image"):
            pass
    cache.save(kept, colours=colours, spectra=spectra)
    return colours, spectra


def colour_histogram(pixels: np.ndarray) -> np.ndarray:
    """Share of a picture's pixels in each of BINS equal ranges of levels.

    Args:
        pixels: uint8 (height, width, 3), RGB.

    Returns:
        float (3, BINS), each row summing to 1.
    """
    bins = (pixels // (256 // BINS)).reshape(-1, len(CHANNELS))
    return np.stack([np.bincount(channel, minlength=BINS) for channel in bins.T]) / len(bins)


@functools.cache
def _rings() -> tuple[np.ndarray, np.ndarray]:
    """Of `scipy.fft.rfft2`'s output: the frequency of each entry in whole steps, and how often it counts."""
    down, across = np.fft.fftfreq(FFT_SIZE), np.fft.rfftfreq(FFT_SIZE)
    radius = np.rint(np.hypot(*np.meshgrid(down, across, indexing="ij")) * FFT_SIZE).astype(int).ravel()
    times = np.full((FFT_SIZE, len(across)), 2.0)  # The other half of the plane mirrors this one,
    times[:, [0, -1]] = 1  # but for its edges, which are their own mirrors.
    return radius, times.ravel()


@functools.cache
def _window(height: int, width: int) -> np.ndarray:
    hann = scipy.signal.windows.hann
    return np.outer(hann(height, sym=False), hann(width, sym=False)).astype(np.float32)


def power_spectrum(pixels: np.ndarray) -> np.ndarray:
    """Azimuthal average of a picture's log power spectrum, as in Durall et al. 2020, arXiv:2003.01826.

    The picture's middle, at most FFT_SIZE pixels a side, is made grey and freed of its mean. A Hann window keeps
    the jump between opposite edges from drowning the high frequencies; zeros fill smaller pictures up, so that
    every size has the same frequencies. Nothing is resized, since that would rewrite the spectrum.

    Args:
        pixels: uint8 (height, width, 3), RGB.

    Returns:
        float (FFT_SIZE / 2,): dB relative to one squared grey level, at 1, 2, ... FFT_SIZE / 2 steps of
        1 / FFT_SIZE cycles a pixel. White noise of variance v has 10 log10(v) - 2.5 dB at all of them.
    """
    top, left = (max(0, (side - FFT_SIZE) // 2) for side in pixels.shape[:2])
    grey = pixels[top : top + FFT_SIZE, left : left + FFT_SIZE] @ LUMA
    window = _window(*grey.shape)
    transform = scipy.fft.rfft2((grey - grey.mean()) * window, (FFT_SIZE, FFT_SIZE))
    decibel = 10 * np.log10(np.abs(transform) ** 2 / (window**2).sum() + POWER_FLOOR)
    radius, times = _rings()
    return (np.bincount(radius, decibel.ravel() * times) / np.bincount(radius, times))[1 : FFT_SIZE // 2 + 1]


def summary(values: np.ndarray) -> dict:
    """Mean over the images, and the band that BAND's share of them lie in: (n, k) to lists of k numbers."""
    low, high = np.percentile(values, BAND, axis=0)
    return {"mean": values.mean(0, dtype=float).tolist(), "low": low.tolist(), "high": high.tolist()}


def compare(fake: np.ndarray, real: np.ndarray) -> dict:
    """Test, number by number, whether images of the two classes differ.

    Mann-Whitney U tests (Mann & Whitney 1947) of one value an image, which are independent as the pixels of an
    image are not. The p-values are corrected by Benjamini & Yekutieli 2001, which allows for tests that depend on
    each other as neighbouring bins do: of those below 0.05, 5% are expected to be false.

    Args:
        fake: float (n, k).
        real: float (m, k).

    Returns:
        p: k corrected p-values; fake_above_real: k times the chance, 0..1, that a random fake has more than a
        random real photo, half of the ties added (Vargha & Delaney 2000; 0.5 is no difference, and the distance
        from it does not grow with the number of images as significance does).
    """
    tests = [scipy.stats.mannwhitneyu(a, b, method="asymptotic") for a, b in zip(fake.T, real.T)]
    p = np.nan_to_num([test.pvalue for test in tests], nan=1.0)  # All equal: nothing to tell apart.
    return {
        "p": scipy.stats.false_discovery_control(p, method="by").tolist(),
        "fake_above_real": [float(test.statistic) / (len(fake) * len(real)) for test in tests],
    }


def colour_numbers(colours: dict[str, np.ndarray]) -> dict:
    """Colour histograms of each class, (n, 3, BINS): their summary and, given both classes, their comparison."""
    channels = {
        channel: {name: summary(values[:, i]) for name, values in colours.items()} for i, channel in enumerate(CHANNELS)
    }
    if len(colours) == len(CLASS_NAMES):
        together = compare(*(colours[name].reshape(len(colours[name]), -1) for name in CLASS_NAMES))
        for i, channel in enumerate(CHANNELS):
            channels[channel]["test"] = {k: v[i * BINS : (i + 1) * BINS] for k, v in together.items()}
    return {"first_levels": list(range(0, 256, 256 // BINS)), "channels": channels}


def spectrum_numbers(spectra: dict[str, np.ndarray]) -> dict:
    """Spectra of each class, (n, FFT_SIZE / 2): their summary and, given both classes, their comparison.

    ``difference`` is the fakes' mean minus that of the real photos, dB, with its 95% interval (Welch, normal).
    """
    numbers = {"cycles_per_pixel": (np.arange(1, FFT_SIZE // 2 + 1) / FFT_SIZE).tolist()}
    numbers |= {name: summary(values) for name, values in spectra.items()}
    if len(spectra) == len(CLASS_NAMES):
        fake, real = (spectra[name].astype(float) for name in CLASS_NAMES)
        difference = fake.mean(0) - real.mean(0)
        margin = scipy.stats.norm.ppf(0.975) * np.hypot(scipy.stats.sem(fake), scipy.stats.sem(real))
        numbers["difference"] = {
            "mean": difference.tolist(),
            "low": (difference - margin).tolist(),
            "high": (difference + margin).tolist(),
        }
        numbers["test"] = compare(fake, real)
    return numbers


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


def _rest(count: int) -> list[str]:
    return [html.text(f"{count - MOST:,} more are in {NUMBERS}.")] if count > MOST else []


def _storage_table(attribute: str, rows: list[dict]) -> str:
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
