"""Find and check the images: folders of ``split/class/*.jpg`` to photos that a network may learn from.

The set this is made for is Kaggle's "140k Real and Fake Faces"
(https://www.kaggle.com/datasets/xhlulu/140k-real-and-fake-faces): FFHQ photographs against StyleGAN faces.
"""

import collections
import dataclasses
import hashlib
import io
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile, get_sampling
from tqdm import tqdm

from train.chain.read import PhotoError, read_file, read_photo
from train.photos import cache, lookalikes
from train.photos.layout import ALL, SPLITS, DataError, class_folders, find_splits, images, listed
from train.spec import CLASS_NAMES

# Share of a class's images that must differ from the other class in size, mode or JPEG quality before we warn.
LEAK_SHARE = 0.05
BALANCED = 0.8  # Smallest share of the larger class that the smaller may have without a remark.
SPLIT_SHARES = (0.8, 0.1, 0.1)  # Of SPLITS, where a dataset that is not divided is.
MOST = 20  # Files that a message names.


@dataclasses.dataclass(frozen=True)
class Photo:
    """One image file: where it is, what it shows, and how it is stored."""

    path: str
    split: str
    label: int  # Index into CLASS_NAMES.
    sha256: str = ""
    size: tuple[int, int] = (0, 0)  # Width, height in pixels.
    mode: str = ""
    quality: int | None = None  # JPEG quality 1..100, estimated; None for other formats.
    header: str = ""  # From `header`.
    look: bytes = b""  # From `lookalikes.look`.
    error: str = ""
    weight: float = 1.0  # How often an epoch of training shows it, on average.
    source: str = ""  # Name of the dataset or other source that it is from.


def list_photos(folder: Path, split: str) -> list[Photo]:
    """List the image files of the class folders (either may be absent), sorted by path; say what was left out."""
    folder = Path(folder)
    photos = []
    for label, of_class in enumerate(class_folders(folder).values()):
        for child in of_class:
            paths, left_out = images(child)
            photos += [Photo(str(path), split, label) for path in paths]
            if left_out:
                print(f"left out of {child}: {listed(left_out)}", file=sys.stderr)
    return sorted(photos, key=lambda photo: (photo.label, photo.path))


def inspect(photo: Photo) -> Photo:
    """Read one file fully and fill in its hashes and how it is stored, or its error."""
    try:
        content = read_file(photo.path)
        photo = dataclasses.replace(photo, sha256=hashlib.sha256(content).hexdigest())
        pixels = read_photo(content)
    except PhotoError as error:
        return dataclasses.replace(photo, error=str(error))
    photo = dataclasses.replace(photo, size=pixels.shape[1::-1], look=lookalikes.look(pixels))
    try:
        with Image.open(io.BytesIO(content)) as image:
            tables = getattr(image, "quantization", None)
            quality = jpeg_quality(tables[0]) if tables else None
            return dataclasses.replace(photo, size=image.size, mode=image.mode, quality=quality, header=header(image))
    except Exception:  # Pillow refuses damage that `read_photo` passes over, since no pixel needs it.
        return dataclasses.replace(photo, header="unknown")


SAMPLINGS = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}  # As Pillow numbers what a JPEG keeps of colour.


def header(image: Image.Image) -> str:
    """What a file's header tells of the program that wrote it, such as "JPEG 4:2:0 APP0 baseline".

    A JPEG's sampling of colour, its APP and comment segments in order, and how it is coded; of other formats, the names
    of what is stored beside the pixels.
    """
    if not isinstance(image, JpegImageFile):
        return " ".join([str(image.format), *sorted(key for key in image.info if isinstance(key, str))])
    coding = "progressive" if image.info.get("progressive") else "baseline"
    segments = dict.fromkeys(name for name, _ in image.applist)
    return " ".join(["JPEG", SAMPLINGS.get(get_sampling(image), "grey"), *segments, coding])


# The luminance table of ITU-T T.81 annex K, which libjpeg scales by its quality setting; its sum suffices here.
_STANDARD_LUMINANCE_SUM = 3688


def jpeg_quality(luminance: list[int]) -> int:
    """Estimate libjpeg's quality setting (1..100) from a 64-entry luminance quantisation table."""
    scale = 100 * sum(luminance) / _STANDARD_LUMINANCE_SUM
    return max(1, min(100, round((200 - scale) / 2 if scale <= 100 else 5000 / scale)))


FACTS = ("sha256", "size", "mode", "quality", "header", "error")  # Of a `Photo`, kept beside its look.


def scan(photos: list[Photo]) -> list[Photo]:
    """Inspect all files in parallel, with a progress bar; unreadable ones are kept, their ``error`` set.

    What was found is kept in the cache: a file is read again only after it was changed.
    """
    files = cache.Files()
    found = {}
    for photo in photos:
        facts, look = files.get(photo.path) or ({}, b"")
        if facts.keys() == {*FACTS}:  # Else they were kept before a fact was added.
            facts["size"] = tuple(facts["size"])
            found[photo.path] = dataclasses.replace(photo, look=look, **facts)

    def read(photo: Photo) -> tuple[tuple[int, int, int] | None, Photo]:
        try:
            then = cache.state(photo.path)
        except OSError:
            then = None
        return then, inspect(photo)

    new = [photo for photo in photos if photo.path not in found]
    rows = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read_ones = tqdm(pool.map(read, new), total=len(new), desc="checking images", unit="image", disable=not new)
        for then, photo in read_ones:
            found[photo.path] = photo
            if then:
                rows.append((photo.path, then, {name: getattr(photo, name) for name in FACTS}, photo.look))
            if len(rows) >= cache.PUT:
                files.put(rows)
                rows = []
    files.put(rows)
    files.close()
    return [dataclasses.replace(found[photo.path], split=photo.split, label=photo.label) for photo in photos]


def check(photos: list[Photo], splits: tuple[str, ...], allow_duplicates: bool) -> list[Photo]:
    """Refuse or warn about what would make the figures wrong.

    Args:
        photos: scanned photos of one or more splits.
        splits: those that must hold images.
        allow_duplicates: go on although the same content stands in two splits or in both classes.

    Returns:
        The readable photos.

    Raises:
        DataError: a class of a split is empty, or two splits or both classes share an image.
    """
    readable = readable_ones(photos)
    counts = collections.Counter((photo.split, photo.label) for photo in readable)
    for split in dict.fromkeys([*splits, *(photo.split for photo in photos)]):
        for label, name in enumerate(CLASS_NAMES):
            if not counts[split, label]:
                raise DataError(f"split {split}: the class {name} has no readable image.")
        few, many = sorted(counts[split, label] for label in range(len(CLASS_NAMES)))
        if few < BALANCED * many:
            of_each = " and ".join(f"{counts[split, label]} {name}" for label, name in enumerate(CLASS_NAMES))
            _warn(f"split {split} is out of balance, {of_each}: accuracy alone misleads, and a model leans to one.")

    for what, of_photo, harm in (
        ("in two splits", lambda photo: photo.split, "test figures would be too good"),
        ("in both classes", lambda photo: photo.label, "one of the two labels is wrong"),
    ):
        first: dict[str, Photo] = {}
        pairs = [(first.setdefault(photo.sha256, photo), photo) for photo in readable]
        if pairs := [(one, other) for one, other in pairs if of_photo(one) != of_photo(other)]:
            message = f"{len(pairs)} images are {what}, so {harm}:\n{named(pairs)}"
            if not allow_duplicates:
                raise DataError(f"{message}\nRemove them, or pass --allow-duplicates.")
            _warn(message)

    training, others = ([p for p in readable if (p.split == "train") == of_training] for of_training in (True, False))
    if pairs := lookalike_pairs(training, others):
        _warn(
            f"{len(pairs)} images of other splits look like training images, cut or stored again; if they are, figures "
            f"are too good:\n{named(pairs)}"
        )
    for line in encoding_leaks(readable):
        _warn(line)
    return readable


def _warn(line: str) -> None:
    print(f"WARNING: {line}", file=sys.stderr)


def readable_ones(photos: list[Photo]) -> list[Photo]:
    """The photos without an error; the others are named and counted."""
    unreadable = [photo for photo in photos if photo.error]
    for photo in unreadable:
        print(f"skipped {photo.path}: {photo.error}", file=sys.stderr)
    if unreadable:
        print(f"skipped {len(unreadable)} unreadable of {len(photos)} files", file=sys.stderr)
    return [photo for photo in photos if not photo.error]


def lookalike_pairs(some: list[Photo], others: list[Photo]) -> list[tuple[Photo, Photo]]:
    """Pairs of different files that show the same photo (`lookalikes.alike`)."""
    pairs = lookalikes.alike([photo.look for photo in some], [photo.look for photo in others])
    return [(some[i], others[j]) for i, j in pairs if some[i].sha256 != others[j].sha256]


def named(pairs: list[tuple[Photo, Photo]]) -> str:
    """The first pairs' paths, a line each."""
    return "\n".join(f"  {one.path} = {other.path}" for one, other in pairs[:MOST])


def divided(photos: list[Photo], seed: int) -> list[Photo]:
    """Put scanned photos into SPLITS, SPLIT_SHARES of each class, in the order of their content's hash with the seed.

    Equal files fall into one split, and a file stays in its split whatever it is called.
    """
    result = []
    for label in range(len(CLASS_NAMES)):
        contents = {photo.sha256 for photo in photos if photo.label == label and not photo.error}
        order = sorted(contents, key=lambda sha256: hashlib.sha256(f"{seed} {sha256}".encode()).digest())
        ends = np.cumsum(SPLIT_SHARES) * len(order)
        split_of = {sha256: SPLITS[int(np.searchsorted(ends, place + 0.5))] for place, sha256 in enumerate(order)}
        of_class = (photo for photo in photos if photo.label == label)
        result += [dataclasses.replace(photo, split=split_of.get(photo.sha256, SPLITS[0])) for photo in of_class]
    return result


def balanced_subset(photos: list[Photo], count: int) -> list[Photo]:
    """The first ``count // 2`` photos of each class in the order of their content's hash: larger subsets hold
    smaller ones, whatever the files are called.

    Raises:
        DataError: a class has fewer, or ``count`` leaves a class without any.
    """
    if count < 2:
        raise DataError(f"{count} training image can't show both classes; take 2 or more.")
    chosen = []
    for label, name in enumerate(CLASS_NAMES):
        of_class = sorted((photo for photo in photos if photo.label == label), key=lambda photo: photo.sha256)
        if len(of_class) < count // 2:
            raise DataError(f"{count} training images need {count // 2} {name} ones; there are {len(of_class)}.")
        chosen += of_class[: count // 2]
    return chosen


STORED_AS = ("size", "mode", "quality", "header")  # Of a `Photo`: how its file is made.


def shares(photos: list[Photo], attribute: str) -> dict:
    """Share (0..1) of the images that have each value of an attribute, by their weights; the commonest first."""
    weights: dict[object, float] = collections.defaultdict(float)
    for photo in photos:
        weights[getattr(photo, attribute)] += photo.weight
    total = sum(weights.values())
    return {value: weights[value] / total for value in sorted(weights, key=weights.__getitem__, reverse=True)}


def _commonest(of_values: dict) -> str:
    return ", ".join(f"{value} ({share:.0%})" for value, share in list(of_values.items())[:3])


def encoding_leaks(photos: list[Photo]) -> list[str]:
    """Say where the classes differ in storage rather than in content: a model would learn that difference.

    Returns:
        One sentence for each of STORED_AS whose distributions over the two classes, each image by its weight, differ by
        more than LEAK_SHARE (total variation distance, 0..1).
    """
    lines = []
    for attribute in STORED_AS:
        fake, real = (shares([photo for photo in photos if photo.label == label], attribute) for label in (0, 1))
        distance = sum(abs(fake.get(value, 0) - real.get(value, 0)) for value in {*fake, *real}) / 2
        if distance > LEAK_SHARE:
            common = "; ".join(f"{name}: {_commonest(of)}" for name, of in zip(CLASS_NAMES, (fake, real)))
            lines.append(
                f"the classes differ in {attribute} for {distance:.0%} of the images ({common}); "
                "a model would learn the encoding, not the face. Re-encode both classes alike, or pass --degrade, "
                "which does so at random."
            )
    return lines


def by_source(photos: list[Photo]) -> list[dict[str, str]]:
    """How each class of each source is stored, for people.

    Returns:
        A row for each: its images, its share of an epoch, and the commonest values of STORED_AS.
    """
    groups: dict[tuple[str, int], list[Photo]] = {}
    for photo in photos:
        groups.setdefault((photo.source, photo.label), []).append(photo)
    total = sum(photo.weight for photo in photos)
    return [
        {"source": source, "class": CLASS_NAMES[label], "images": f"{len(group):,}"}
        | {"share of an epoch": f"{sum(photo.weight for photo in group) / total:.0%}"}
        | {attribute: _commonest(shares(group, attribute)) for attribute in STORED_AS}
        for (source, label), group in groups.items()
    ]


def fingerprint(photos: list[Photo]) -> dict:
    """Identify a dataset by content: counts of each split and class, and one hash over the files' hashes."""
    counts = collections.Counter(f"{photo.split}/{CLASS_NAMES[photo.label]}".lstrip("/") for photo in photos)
    lines = sorted(f"{photo.split}/{CLASS_NAMES[photo.label]}/{photo.sha256}" for photo in photos)
    return {"counts": dict(sorted(counts.items())), "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()}


def load_checked(
    root: Path,
    splits: tuple[str, ...],
    extra: Sequence[tuple[Path, float]] = (),
    allow_duplicates: bool = False,
    optional: tuple[str, ...] = (),
    split_seed: int | None = None,
) -> list[Photo]:
    """Find, scan and check the given splits.

    Args:
        root: as in `find_splits`.
        splits: of SPLITS, those wanted.
        extra: other sources, each with its images' weight: a folder with train/ and valid/ of fake/ and/or real/, which
            join the splits of these names, or with fake/ and/or real/ alone, which join the training split.
        allow_duplicates: as in `check`.
        optional: of SPLITS, those wanted if they are there.
        split_seed: divides a dataset that has no splits, see `divided`.

    Raises:
        DataError: a split or folder is missing or empty, `check` refuses, or the seed is missing or of no use.
    """
    folders = find_splits(root)
    if ALL in folders:
        if split_seed is None:
            raise DataError(
                f"{root} holds {' and '.join(CLASS_NAMES)} images that are not divided into {', '.join(SPLITS)}. Pass "
                f"--split-seed 0 to divide them {':'.join(f'{share:.0%}' for share in SPLIT_SHARES)} at random."
            )
        wanted = (*splits, *optional)
        photos = divided(scan(list_photos(folders[ALL], ALL)), split_seed)
        photos = [photo for photo in photos if photo.split in wanted]
    else:
        if split_seed is not None:
            raise DataError(f"{root} is divided already ({', '.join(folders)}); leave out --split-seed.")
        if missing := [split for split in splits if split not in folders]:
            one = next(iter(folders.values()))
            raise DataError(
                f"{root}: no split {', '.join(missing)}; there is {', '.join(folders)}. Add what is missing, or pass "
                f"{one} with --split-seed 0 to divide its images at random."
            )
        wanted = (*splits, *(split for split in optional if split in folders))
        photos = scan([photo for split in wanted for photo in list_photos(folders[split], split)])
    photos = [dataclasses.replace(photo, source=Path(root).resolve().name) for photo in photos]
    for folder, weight in extra:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; --extra takes DIR or DIR:WEIGHT.")
        parts = {split: folder / split for split in ("train", "valid") if (folder / split).is_dir()}
        found = [photo for split, part in (parts or {"train": folder}).items() for photo in list_photos(part, split)]
        source = folder.resolve().name
        found = scan([dataclasses.replace(photo, weight=weight, source=source) for photo in found])
        if not found:
            raise DataError(f"{folder}: no images in {' or '.join(CLASS_NAMES)} folders.")
        photos += found
    return check(photos, wanted, allow_duplicates)


def check_source(folder: Path) -> list[Photo]:
    """The readable photos of a folder with fake/ and/or real/; without either, all are real, or fake in a folder
    that is called so.

    Raises:
        DataError: there is no such folder, no readable image is in it, or it hides folders of both classes.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder.")
    photos = list_photos(folder, "")
    if not photos:
        paths, left_out = images(folder)
        below = {part.lower() for path in paths for part in path.relative_to(folder).parts[:-1]} & {*CLASS_NAMES}
        if below:
            raise DataError(
                f"{folder}: {' and '.join(sorted(below))} are nested deeper; pass the folder that they are in."
            )
        if left_out:
            print(f"left out of {folder}: {listed(left_out)}", file=sys.stderr)
        label = CLASS_NAMES.index("fake" if folder.resolve().name.lower() == "fake" else "real")
        photos = [Photo(str(path), "", label) for path in paths]
    photos = readable_ones(scan(photos))
    if not photos:
        raise DataError(f"{folder}: no readable image in it.")
    return photos


def labels_of(photos: list[Photo]) -> np.ndarray:
    """float32 (photos, 1): 0 fake, 1 real."""
    return np.array([[photo.label] for photo in photos], "float32")
