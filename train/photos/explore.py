"""Look at a dataset before training on it: one HTML report, and the same numbers as JSON.

    python -m train explore --data DIR --out runs/explore

prints what deserves a look, nothing for a clean set, and writes runs/explore/explore.html and explore.json.
"""

import argparse
import collections
import itertools
import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from train import run
from train.chain.read import read_photo
from train.photos import data, signals
from train.photos.explore_page import NUMBERS, report
from train.photos.layout import SUFFIXES
from train.spec import CLASS_NAMES

REPORT = "explore.html"

SHEET = (4, 6)  # Rows and columns of a contact sheet.
THUMBNAIL = 128  # Pixels.


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
    measured = {name: signals.measure(of_class, f"measuring {name}") for name, of_class in by_class.items()}
    numbers |= {
        "shown": {"split": shown[0].split if shown else None, "images": {k: len(v) for k, v in by_class.items()}},
        "contact_sheet": {name: [_relative(photo, root) for photo in chosen] for name, (chosen, _) in sheets.items()},
        "colour": signals.colour_numbers({name: colours for name, (colours, _) in measured.items()}),
        "spectrum": signals.spectrum_numbers({name: spectra for name, (_, spectra) in measured.items()}),
    }

    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    run.write_json(out / NUMBERS, numbers)
    page = report(numbers, {name: sheet for name, (_, sheet) in sheets.items()})
    with run.replaced(out / REPORT) as partial:
        partial.write_text(page, errors="backslashreplace")
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
