"""Find the images of a dataset as people have it: archives, names of splits and classes, folders in folders.

Names count in any case: ``Train/Real`` is as good as ``train/real``. What is left out is said, never silently cut.
"""

import collections
import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path

from tqdm import tqdm

from train.spec import CLASS_NAMES

SPLITS = ("train", "valid", "test")
SPLIT_NAMES = {split: split for split in SPLITS} | {
    "training": "train",
    "val": "valid",
    "validation": "valid",
    "testing": "test",
}
ALL = "all"  # Stands for the split of a dataset that is not divided.
SUFFIXES = {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".avif"}  # Of what `chain.read` takes.
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
DEPTH = 6  # Folders below the given one that are searched for the splits.
MOST = 8  # Folders that a refusal lists.


class DataError(ValueError):
    """A dataset that can't be used as it is; the message says what to do."""


def find_splits(root: Path) -> dict[str, Path]:
    """Locate the split folders in a dataset.

    Args:
        root: one of ARCHIVES, the folder it unpacks to, or any folder with split/class folders, at most DEPTH
            folders down. An archive is unpacked once, into a folder of its name beside it.

    Returns:
        {"train": folder, ...} for those of SPLITS that are there; {ALL: folder} where the class folders stand in no
        split.

    Raises:
        DataError: there is no such file or folder, it can't be unpacked, or it holds no dataset, or several.
    """
    root = Path(root)
    if root.is_file():
        root = _unpack(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder or zip. `python -m train fetch --out DIR` downloads the Kaggle set.")
    level = [root]
    for _ in range(DEPTH + 1):
        found = {folder: splits for folder in level if (splits := _splits_in(folder))}
        if len(found) > 1:
            some = ", ".join(map(str, list(found)[:MOST]))
            raise DataError(f"{root} holds {len(found)} datasets; pass one of them: {some}.")
        if found:
            return found.popitem()[1]
        level = [child for folder in level for child in _folders(folder)]
    raise DataError(
        f"{root}: no {'/'.join(SPLITS)} folder with {' and '.join(CLASS_NAMES)} folders inside, nor these two by "
        f"themselves. {_what_is_there(root)}"
    )


def _splits_in(folder: Path) -> dict[str, Path]:
    found = collections.defaultdict(list)
    for child in _folders(folder):
        split = SPLIT_NAMES.get(child.name.lower())
        if split and any(class_folders(child).values()):
            found[split].append(child)
    for split, folders in found.items():
        if len(folders) > 1:
            raise DataError(f"{folder}: {' and '.join(child.name for child in folders)} are both {split}; keep one.")
    if found:
        return {split: found[split][0] for split in SPLITS if split in found}
    classes = [of_class for folders in class_folders(folder).values() for of_class in folders]
    for of_class in classes:
        if splits := [child.name for child in _folders(of_class) if child.name.lower() in SPLIT_NAMES]:
            raise DataError(
                f"{of_class} holds {', '.join(splits)}: the splits lie inside the classes. Put the classes inside the "
                f"splits: {splits[0]}/{of_class.name}."
            )
    return {ALL: folder} if classes else {}


def class_folders(folder: Path) -> dict[str, list[Path]]:
    """The folders of each of CLASS_NAMES in ``folder``, whatever their case."""
    children = _folders(folder)
    return {name: [child for child in children if child.name.lower() == name] for name in CLASS_NAMES}


def images(folder: Path) -> tuple[list[Path], collections.Counter[str]]:
    """List the image files in and below a folder, linked folders included.

    Returns:
        The paths, sorted; and how many files of each other ending, and hidden files and folders (of a notebook or a
        file manager), were left out.
    """
    paths, seen = [], set()
    left_out: collections.Counter[str] = collections.Counter()
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:  # A link that leads back.
            folders.clear()
            continue
        seen.add(real)
        left_out["hidden folders"] += sum(name.startswith(".") for name in folders)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith("."):
                left_out["hidden files"] += 1
            elif suffix in SUFFIXES:
                paths.append(Path(parent, name))
            else:
                left_out[suffix or "without an ending"] += 1
    return sorted(paths), +left_out


def listed(counts: collections.Counter[str]) -> str:
    """Counts as words, the largest first: "12 .bmp, 1 without an ending"."""
    return ", ".join(f"{count} {what}" for what, count in counts.most_common())


def _folders(folder: Path) -> list[Path]:
    """The folders inside, links to folders among them, hidden ones not."""
    with os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def _what_is_there(root: Path) -> str:
    """A sentence on the folders that hold files, for whoever passed something other than a dataset."""
    found = []
    for parent, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        counts = collections.Counter(os.path.splitext(name)[1].lower() or "without an ending" for name in files)
        if counts or not folders:
            name = Path(parent).relative_to(root).as_posix()
            found.append(f"{name} ({listed(counts) if counts else 'empty'})")
        if len(found) > MOST:
            return f"It has {', '.join(found[:MOST])}, and more."
    return f"It has {', '.join(found)}."


def _unpack(archive: Path) -> Path:
    ending = next((ending for ending in ARCHIVES if archive.name.lower().endswith(ending)), None)
    if ending is None:
        raise DataError(f"{archive} is neither a folder nor one of {', '.join(ARCHIVES)}.")
    target = archive.with_name(archive.name[: -len(ending)])
    if target.is_dir():
        print(f"{archive} was unpacked before, to {target}")
        return target
    partial = target.with_name(target.name + ".partial")
    try:
        if ending == ".zip":
            with zipfile.ZipFile(archive) as z:
                for member in tqdm(z.infolist(), desc=f"unpacking {archive.name}", unit="file"):
                    z.extract(member, partial)
        else:
            with tarfile.open(archive) as t:
                for member in tqdm(t, desc=f"unpacking {archive.name}", unit="file"):
                    t.extract(member, partial, filter="data")
        partial.rename(target)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RuntimeError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        with archive.open("rb") as file:
            page = file.read(200).lstrip().lower().startswith((b"<!doctype", b"<html"))
        why = "is a web page, not an archive" if page else f"is damaged, cut off or not a {ending} file ({error})"
        raise DataError(f"{archive} {why}; download it again.") from error
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise DataError(f"{archive} can't be unpacked to {target}: {error}.") from error
    return target
