"""What was worked out once and is kept on disk: facts about each image file, its decoded pixels, features, and
`explore`'s figures.

    python -m train clean

deletes it from the folder, $DEEPFACEDETECT_CACHE or ~/.cache/deepfacedetect; all of it can be worked out again.
"""

import argparse
import contextlib
import hashlib
import inspect
import json
import os
import re
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import IO

import numpy as np
import PIL

from train.chain import read
from train.photos import lookalikes

FILES = "files.db"
OURS = re.compile(r"files\.db.*|(pixels|features|explore)-[0-9a-f]{16}.*")  # The folder may be one with other things.
PUT = 1000  # Files that are written at a time: what an interruption can lose.


def folder() -> Path:
    """Where all is kept."""
    return Path(os.environ.get("DEEPFACEDETECT_CACHE", Path.home() / ".cache/deepfacedetect"))


def clean(args: argparse.Namespace) -> None:
    """Delete what is kept, and the folder if it holds nothing else; say what that freed."""
    count = freed = 0
    for kept in folder().iterdir() if folder().is_dir() else ():
        if OURS.fullmatch(kept.name):
            files = [path for path in (kept, *kept.rglob("*")) if path.is_file()]
            count, freed = count + len(files), freed + sum(path.stat().st_size for path in files)
            if kept.is_dir():
                shutil.rmtree(kept)
            else:
                kept.unlink()
    with contextlib.suppress(OSError):  # It holds something else.
        folder().rmdir()
    print(f"{folder()}: {count} files deleted, {freed / 1e6:.1f} MB")


@contextlib.contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file to write; beside, then renamed, so that neither a kill nor another process leaves half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}-{uuid.uuid4().hex}.partial")
    try:
        with partial.open("xb") as file:
            yield file
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def save(path: Path, **arrays: np.ndarray) -> None:
    """Write a .npz file, as `written`."""
    with written(path) as file:
        np.savez(file, **arrays)


def version(*modules: ModuleType) -> str:
    """Identifies what these modules and Pillow make of a file: 16 hexadecimal digits."""
    sources = b"".join(inspect.getsource(module).encode() for module in modules)
    return hashlib.sha256(sources + PIL.__version__.encode()).hexdigest()[:16]


def state(path: str) -> tuple[int, int, int]:
    """A file's size and times; a change leaves at least the last one, which nothing can set back, another.

    Raises:
        OSError: there is no such file.
    """
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _key(path: str) -> bytes:
    """What a file goes by in the database, which takes no names as text that are no UTF-8."""
    return os.fsencode(os.path.abspath(path))


class Files:
    """Facts about files by their path, given back only while the file's `state` is that of then.

    Several processes may use it at once. Where the database can't be used (no space, a read-only folder, damage), the
    facts are worked out anew: that costs time and one line, never the command.
    """

    def __init__(self):
        # Facts of another reader are not those of this one.
        self._table = f"files_{version(read, lookalikes)}"
        self._database = None
        with self._failing():
            folder().mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(folder() / FILES, timeout=60)
            self._database.execute(
                f"CREATE TABLE IF NOT EXISTS {self._table} "
                "(path BLOB PRIMARY KEY, bytes INTEGER, modified INTEGER, changed INTEGER, facts TEXT, look BLOB)"
            )

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            print(f"{folder() / FILES} can't be used ({error}); the files are read without it", file=sys.stderr)
            self._database = None

    def get(self, path: str) -> tuple[dict, bytes] | None:
        """What was put for the file as it is now: facts and `lookalikes.look`; or None."""
        if not self._database:
            return None
        with self._failing():
            row = self._database.execute(
                f"SELECT bytes, modified, changed, facts, look FROM {self._table} WHERE path = ?",
                (_key(path),),
            ).fetchone()
            with contextlib.suppress(FileNotFoundError):
                if row and row[:3] == state(path):
                    return json.loads(row[3]), row[4]
        return None

    def put(self, rows: Iterable[tuple[str, tuple[int, int, int], dict, bytes]]) -> None:
        """Keep (path, state from before it was read, facts, look) of some files."""
        if self._database:
            with self._failing(), self._database:
                self._database.executemany(
                    f"INSERT OR REPLACE INTO {self._table} VALUES (?, ?, ?, ?, ?, ?)",
                    [(_key(path), *then, json.dumps(facts), look) for path, then, facts, look in rows],
                )

    def close(self) -> None:
        if self._database:
            self._database.close()
