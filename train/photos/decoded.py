"""Photos decoded once, into memory-mapped files of the cache that later runs and other processes share."""

import collections
import dataclasses
import functools
import hashlib
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from train.chain import read
from train.chain.read import read_photo
from train.photos import cache
from train.photos.data import Photo
from train.photos.layout import DataError

AT_ONCE = 32  # Images that are decoded, so that memory holds no more of them.


@dataclasses.dataclass(frozen=True)
class Decoded:
    """Gives the pixels of images that were decoded before; a stand-in for `read_photo`, for worker processes too.

    Attributes:
        files: of pixels, memory-mapped.
        index: of each path, its row of the table.
        table: int64 (images, 4): the file's number, the image's offset in it, its height and its width.
    """

    files: list[Path]
    index: dict[str, int]
    table: np.ndarray

    def __call__(self, path: str) -> np.ndarray:
        file, offset, height, width = self.table[self.index[path]]
        return _mapped(self.files[file])[offset : offset + 3 * height * width].reshape(height, width, 3)


@functools.cache
def _mapped(path: Path) -> np.ndarray:
    return np.asarray(np.memmap(path, np.uint8, "r"))


def cached_reader(photos: list[Photo]) -> Callable[[str], np.ndarray]:
    """Decode every photo once, into files of the cache that later runs share, if the disk has room for them.

    The files are memory-mapped: the system keeps in memory what fits there. Each holds the images whose hashes begin
    alike, and is called by all of these: an interrupted call goes on where it stopped, and a grown set decodes again
    only what stands beside its new images.

    Args:
        photos: scanned photos.

    Returns:
        `Decoded`; or `read_photo`, with the reason printed, where there is no room or nothing can be written.

    Raises:
        DataError: a file was changed since it was scanned.
    """
    # One of several files of the same content stands for all.
    groups: dict[str, dict[str, Photo]] = collections.defaultdict(dict)
    for photo in sorted(photos, key=lambda photo: photo.sha256):
        groups[photo.sha256[:2]][photo.sha256] = photo
    folder = cache.folder() / f"pixels-{cache.version(read)}"
    files = [folder / f"{hashlib.sha256(''.join(group).encode()).hexdigest()[:16]}.pixels" for group in groups.values()]
    missing = [(file, [*group.values()]) for file, group in zip(files, groups.values()) if not file.exists()]
    images = [photo for _, group in missing for photo in group]
    need = sum(3 * photo.size[0] * photo.size[1] for photo in images)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"not cached: {error.filename}: {error.strerror}")
        return read_photo
    free = shutil.disk_usage(folder).free
    if need > free:
        print(f"not cached: the images take {need / 1e9:.2f} GB decoded, and {folder} has {free / 1e9:.2f} GB left")
        return read_photo
    if missing:
        print(f"decoding {len(images)} images into {folder}: {need / 1e9:.2f} GB")
    progress = tqdm(total=len(images), desc="decoding", unit="image", disable=not images)
    with ThreadPoolExecutor() as pool, progress:
        for file, new in missing:
            sizes = []
            with cache.written(file) as output:
                for start in range(0, len(new), AT_ONCE):
                    for pixels in pool.map(_decoded, new[start : start + AT_ONCE]):
                        output.write(pixels.tobytes())
                        sizes.append(pixels.shape[:2])
                        progress.update()
                with cache.written(file.with_suffix(".npy")) as beside:  # In place before the file that it is about.
                    np.save(beside, np.array(sizes))

    table: list[tuple[int, int, int, int]] = []
    row: dict[str, int] = {}
    for number, (file, group) in enumerate(zip(files, groups.values())):
        sizes = np.load(file.with_suffix(".npy"))
        ends = 3 * np.cumsum(sizes.prod(axis=1))
        for sha256, end, (height, width) in zip(group, ends, sizes):
            row[sha256] = len(table)
            table.append((number, end - 3 * height * width, height, width))
    return Decoded(files, {photo.path: row[photo.sha256] for photo in photos}, np.array(table))


def _decoded(photo: Photo) -> np.ndarray:
    content = Path(photo.path).read_bytes()
    if hashlib.sha256(content).hexdigest() != photo.sha256:
        raise DataError(f"{photo.path} was changed while it was being read; start again.")
    return read_photo(content)
