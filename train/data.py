"""Find, check and feed the images: folders of ``split/class/*.jpg`` to batches of pixels and labels.

The set this is made for is Kaggle's "140k Real and Fake Faces"
(https://www.kaggle.com/datasets/xhlulu/140k-real-and-fake-faces): FFHQ photographs against StyleGAN faces.
"""

import collections
import dataclasses
import hashlib
import io
import os
import sys
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import tensorflow as tf
from PIL import Image
from tqdm import tqdm

from train.chain.read import PhotoError, read_photo
from train.degrade import degraded
from train.spec import CLASS_NAMES, INPUT_SIZE, RESIZE

SPLITS = ("train", "valid", "test")
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
# Share of a class's images that must differ from the other class in size, mode or JPEG quality before we warn.
LEAK_SHARE = 0.05


class DataError(ValueError):
    """A dataset that can't be trained on as it is; the message says what to do."""


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
    error: str = ""
    weight: float = 1.0  # How often an epoch of training shows it, on average.


def find_splits(root: Path) -> dict[str, Path]:
    """Locate the split folders in a dataset as people have it.

    Args:
        root: the Kaggle zip, the folder it unpacks to, or any folder with split/class folders. A zip is
            unpacked once, into a folder of its name beside it.

    Returns:
        {"train": folder, ...} for those of SPLITS that are there.

    Raises:
        DataError: there is no such file or folder, or no split folder with class folders in it.
    """
    root = Path(root)
    if root.is_file() and root.suffix == ".zip":
        root = _unpack(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder or zip. `python -m train fetch --out DIR` downloads the Kaggle set.")
    for base in [root, *sorted(root.glob("*/")), *sorted(root.glob("*/*/"))]:
        found = {split: base / split for split in SPLITS if any((base / split / name).is_dir() for name in CLASS_NAMES)}
        if found:
            return found
    raise DataError(f"{root}: no {'/'.join(SPLITS)} folder with {' and '.join(CLASS_NAMES)} folders inside.")


def _unpack(archive: Path) -> Path:
    target = archive.with_suffix("")
    if not target.is_dir():
        partial = target.with_name(target.name + ".partial")
        with zipfile.ZipFile(archive) as z:
            for member in tqdm(z.infolist(), desc=f"unpacking {archive.name}", unit="file"):
                z.extract(member, partial)
        partial.rename(target)
    return target


def list_photos(folder: Path, split: str) -> list[Photo]:
    """List the image files of the class folders ``fake/`` and ``real/`` (either may be absent), sorted by path."""
    return [
        Photo(str(path), split, label)
        for label, name in enumerate(CLASS_NAMES)
        for path in sorted((Path(folder) / name).rglob("*"))
        if path.suffix.lower() in SUFFIXES
    ]


def inspect(photo: Photo) -> Photo:
    """Read one file fully and fill in its hash and how it is stored, or its error."""
    content = Path(photo.path).read_bytes()
    photo = dataclasses.replace(photo, sha256=hashlib.sha256(content).hexdigest())
    try:
        read_photo(content)
    except PhotoError as error:
        return dataclasses.replace(photo, error=str(error))
    with Image.open(photo.path) as image:
        tables = getattr(image, "quantization", None)
        return dataclasses.replace(
            photo, size=image.size, mode=image.mode, quality=jpeg_quality(tables[0]) if tables else None
        )


# The luminance table of ITU-T T.81 annex K, which libjpeg scales by its quality setting; its sum suffices here.
_STANDARD_LUMINANCE_SUM = 3688


def jpeg_quality(luminance: list[int]) -> int:
    """Estimate libjpeg's quality setting (1..100) from a 64-entry luminance quantisation table."""
    scale = 100 * sum(luminance) / _STANDARD_LUMINANCE_SUM
    return max(1, min(100, round((200 - scale) / 2 if scale <= 100 else 5000 / scale)))


def scan(photos: list[Photo]) -> list[Photo]:
    """Inspect all files in parallel, with a progress bar; unreadable ones are kept, their ``error`` set."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(tqdm(pool.map(inspect, photos), total=len(photos), desc="checking images", unit="image"))


def check(photos: list[Photo], allow_duplicates: bool = False) -> list[Photo]:
    """Refuse or warn about what would make the figures wrong.

    Args:
        photos: scanned photos of one or more splits.
        allow_duplicates: go on although the same content stands in two splits.

    Returns:
        The readable photos.

    Raises:
        DataError: a class of a split is empty, or two splits share an image.
    """
    readable = [photo for photo in photos if not photo.error]
    unreadable = [photo for photo in photos if photo.error]
    for photo in unreadable:
        print(f"skipped {photo.path}: {photo.error}", file=sys.stderr)
    if unreadable:
        print(f"skipped {len(unreadable)} unreadable of {len(photos)} files", file=sys.stderr)

    counts = collections.Counter((photo.split, photo.label) for photo in readable)
    for split in {photo.split for photo in photos}:
        for label, name in enumerate(CLASS_NAMES):
            if not counts[split, label]:
                raise DataError(f"split {split}: the class {name} has no readable image.")

    first: dict[str, Photo] = {}
    shared = []
    for photo in readable:
        other = first.setdefault(photo.sha256, photo)
        if other.split != photo.split:
            shared.append((other, photo))
    if shared:
        pairs = "\n".join(f"  {a.path} = {b.path}" for a, b in shared[:20])
        message = f"{len(shared)} images stand in two splits, so test figures would be too good:\n{pairs}"
        if not allow_duplicates:
            raise DataError(f"{message}\nRemove them, or pass --allow-duplicates.")
        print(f"WARNING: {message}", file=sys.stderr)

    for line in encoding_leaks(readable):
        print(f"WARNING: {line}", file=sys.stderr)
    return readable


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


def encoding_leaks(photos: list[Photo]) -> list[str]:
    """Say where the classes differ in storage rather than in content: a model would learn that difference.

    Returns:
        One sentence for each of size, mode and JPEG quality whose distributions over the two classes
        differ by more than LEAK_SHARE (total variation distance, 0..1).
    """
    lines = []
    for attribute in ("size", "mode", "quality"):
        shares = []
        for label in range(len(CLASS_NAMES)):
            values = [getattr(photo, attribute) for photo in photos if photo.label == label]
            shares.append({value: n / len(values) for value, n in collections.Counter(values).most_common()})
        distance = sum(abs(shares[0].get(v, 0) - shares[1].get(v, 0)) for v in {*shares[0], *shares[1]}) / 2
        if distance > LEAK_SHARE:
            common = "; ".join(
                f"{name}: " + ", ".join(f"{value} ({share:.0%})" for value, share in list(of_class.items())[:3])
                for name, of_class in zip(CLASS_NAMES, shares)
            )
            lines.append(
                f"the classes differ in {attribute} for {distance:.0%} of the images ({common}); "
                "a model would learn the encoding, not the face. Re-encode both classes alike."
            )
    return lines


def fingerprint(photos: list[Photo]) -> dict:
    """Identify a dataset by content: counts of each split and class, and one hash over the files' hashes."""
    counts = collections.Counter(f"{photo.split}/{CLASS_NAMES[photo.label]}" for photo in photos)
    lines = sorted(f"{photo.split}/{CLASS_NAMES[photo.label]}/{photo.sha256}" for photo in photos)
    return {"counts": dict(sorted(counts.items())), "sha256": hashlib.sha256("\n".join(lines).encode()).hexdigest()}


def load_checked(
    root: Path, splits: tuple[str, ...], extra: list[tuple[Path, float]] = (), allow_duplicates=False
) -> list[Photo]:
    """Find, scan and check the given splits.

    Args:
        root: as in `find_splits`.
        splits: of SPLITS, those wanted.
        extra: other sources, each with its images' weight: a folder with train/ and valid/ of fake/ and/or real/, which
            join the splits of these names, or with fake/ and/or real/ alone, which join the training split.
        allow_duplicates: as in `check`.

    Raises:
        DataError: a split or folder is missing or empty, or `check` refuses.
    """
    folders = find_splits(root)
    if missing := [split for split in splits if split not in folders]:
        raise DataError(f"{root}: no split {', '.join(missing)}.")
    photos = [photo for split in splits for photo in list_photos(folders[split], split)]
    for folder, weight in extra:
        parts = {split: folder / split for split in ("train", "valid") if (folder / split).is_dir()}
        found = [photo for split, part in (parts or {"train": folder}).items() for photo in list_photos(part, split)]
        found = [dataclasses.replace(photo, weight=weight) for photo in found]
        if not found:
            raise DataError(f"{folder}: no images in {' or '.join(CLASS_NAMES)} folders.")
        photos += found
    return check(scan(photos), allow_duplicates)


def check_source(folder: Path) -> list[Photo]:
    """The readable photos of a folder with fake/ and/or real/; without either, all are real, or fake in a folder
    that is called so.

    Raises:
        DataError: no readable image is in it.
    """
    photos = list_photos(folder, "")
    if not photos:
        label = CLASS_NAMES.index("fake" if Path(folder).resolve().name == "fake" else "real")
        paths = (path for path in sorted(Path(folder).rglob("*")) if path.suffix.lower() in SUFFIXES)
        photos = [Photo(str(path), "", label) for path in paths]
    photos = [photo for photo in scan(photos) if not photo.error]
    if not photos:
        raise DataError(f"{folder}: no readable image in it.")
    return photos


def cached_reader(photos: list[Photo]) -> Callable[[str], np.ndarray]:
    """Decode every photo to uint8 once and keep it in memory, if half of the available memory suffices.

    Returns:
        A stand-in for `read_photo` that takes a path; `read_photo` itself, with the reason printed, when the
        images would not fit.
    """
    need = sum(3 * photo.size[0] * photo.size[1] for photo in photos)
    free = psutil.virtual_memory().available
    if need > free / 2:
        print(f"not cached: the images take {need / 1e9:.2f} GB decoded, more than half of {free / 1e9:.2f} GB free")
        return read_photo
    print(f"caching {len(photos)} decoded images: {need / 1e9:.2f} GB")
    paths = [photo.path for photo in photos]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pixels = tqdm(pool.map(read_photo, paths), total=len(photos), desc="decoding", unit="image")
        return dict(zip(paths, pixels)).__getitem__


def labels_of(photos: list[Photo]) -> np.ndarray:
    """float32 (photos, 1): 0 fake, 1 real."""
    return np.array([[photo.label] for photo in photos], "float32")


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What training does to an image at random; both classes alike."""

    flip: bool = True  # Horizontally, half of the images.
    zoom: float = 0.0  # Largest share (0..1) of height and width that is cut away before resizing.
    crop: int | None = None  # Height and width in pixels of what is cut out after resizing.
    degrade: float = 0.0  # Share (0..1) of the images that go through `degrade.degraded`.


def draw(photos: list[Photo], random: np.random.Generator) -> np.ndarray:
    """Which photos an epoch shows: int (`epoch_size`,), each photo as often as its weight says, shuffled.

    A weight of 2.5 gives two or three times, in turn (systematic sampling), so that every epoch has one length.
    """
    ends = np.cumsum([photo.weight for photo in photos])
    places = random.random() + np.arange(epoch_size(photos))
    return random.permutation(np.minimum(np.searchsorted(ends, places), len(photos) - 1))


def epoch_size(photos: list[Photo]) -> int:
    """Images of an epoch of training."""
    return round(sum(photo.weight for photo in photos))


def batches(
    photos: list[Photo],
    batch_size: int,
    size: int = INPUT_SIZE,
    read: Callable[[str], np.ndarray] = read_photo,
    training_seed: tuple[int, int] | None = None,
    augmentation: Augmentation = Augmentation(),
    mirror: bool = False,
    labels: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Feed photos to a model in their order, or, for training, shuffled and augmented.

    Args:
        photos: what to feed.
        batch_size: images a batch; the last one may be smaller.
        size: height and width that the network resizes to (`models.input_size`).
        read: from path to uint8 (height, width, 3), as `read_photo`.
        training_seed: (seed, epoch). Given, the images are drawn by their weights (`draw`) and each is augmented at
            random, both reproducible from these two numbers alone, so that a resumed training sees what an
            uninterrupted one would have seen.
        augmentation: with training_seed, what is done to each image.
        mirror: without training_seed, flip every image horizontally.
        labels: float32 (photos, 1), 0..1, in place of the photos' own.

    Returns:
        Dataset of (float32 (batch, size, size, 3) RGB 0..255, float32 (batch, 1) label 0..1), or
        (batch, crop, crop, 3) where training crops. The network's own resizing leaves `size` as it is.
    """
    order = np.arange(len(photos))
    crop = random = None
    if training_seed is not None:
        random, crop = np.random.default_rng(training_seed), augmentation.crop
        order = draw(photos, random)
    count = len(order)
    flips = np.full(count, mirror)
    cuts = np.tile([1.0, 0.0, 0.0], (count, 1))  # Share kept; top and left as shares of what is cut.
    corners = np.zeros((count, 2))  # Top and left of the crop, as shares of what is cut.
    seeds = np.full(count, -1)  # Of what is done to each image; none for as it is.
    if training_seed is not None:
        flips = (random.random(count) < 0.5) & augmentation.flip
        cuts = random.random((count, 3))
        cuts[:, 0] = 1 - augmentation.zoom * cuts[:, 0]
        corners = random.random((count, 2))
        seeds = np.where(random.random(count) < augmentation.degrade, random.integers(2**31, size=count), -1)

    def load_pixels(index: int, flip: bool, cut: np.ndarray, seed: int) -> np.ndarray:
        pixels = read(photos[index].path)
        full = np.array(pixels.shape[:2])
        kept = np.maximum(np.round(cut[0] * full), 1).astype(int)
        top, left = np.round(cut[1:] * (full - kept)).astype(int)
        pixels = pixels[top : top + kept[0], left : left + kept[1]]
        pixels = pixels[:, ::-1] if flip else pixels  # First: encoders work on blocks, so a mirrored file is another.
        return np.ascontiguousarray(degraded(pixels, np.random.default_rng(seed)) if seed >= 0 else pixels)

    def load(index, flip, cut, seed, corner, label):
        pixels = tf.numpy_function(load_pixels, [index, flip, cut, seed], tf.uint8, stateful=False)
        pixels = tf.ensure_shape(pixels, (None, None, 3))
        pixels = tf.image.resize(pixels, (size, size), RESIZE)
        if crop:
            top, left = tf.unstack(tf.cast(tf.round(corner * (size - crop)), tf.int32))
            pixels = tf.ensure_shape(pixels[top : top + crop, left : left + crop], (crop, crop, 3))
        return pixels, label

    labels = labels_of(photos) if labels is None else labels
    columns = (order, flips, cuts, seeds, corners, labels[order])
    dataset = tf.data.Dataset.from_tensor_slices(columns)
    return dataset.map(load, tf.data.AUTOTUNE).batch(batch_size).prefetch(tf.data.AUTOTUNE)


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Store as JPEG (4:2:0) and read back: uint8 (height, width, 3), quality 1..100."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))
