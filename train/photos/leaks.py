"""Whether a run learned from the very images that it is measured on.

Each run keeps what its training images look like in LEARNT, with those of the runs that taught it or are in it.
"""

import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from train.photos import cache, data, lookalikes

LEARNT = "learnt.npz"


def keep(out: Path, training: list[data.Photo], runs: Sequence[Path] = ()) -> None:
    """Write LEARNT: of scanned training photos, and of what ``runs`` learned from."""
    learnt = {photo.sha256: photo.look for photo in training}
    for folder in runs:
        learnt |= _read(folder) or {}
    hashes = np.frombuffer(bytes.fromhex("".join(learnt)), np.uint8).reshape(len(learnt), -1)
    looks = np.frombuffer(b"".join(learnt.values()), np.uint8).reshape(len(learnt), -1)
    cache.save(Path(out) / LEARNT, sha256=hashes, look=looks)


def check(folder: Path, photos: list[data.Photo], allow_duplicates: bool = False) -> None:
    """Refuse to measure a run on its own training images; warn where photos only look like them.

    Args:
        folder: of the run, a teacher's or a member's.
        photos: scanned, what is to be measured.
        allow_duplicates: warn instead.

    Raises:
        data.DataError: training images are among the photos.
    """
    learnt = _read(folder)
    if learnt is None:
        print(f"{folder} has no {LEARNT}, so it is unknown whether it was trained on these images", file=sys.stderr)
        return
    own = [photo for photo in photos if photo.sha256 in learnt]
    if own:
        some = "\n".join(f"  {photo.path}" for photo in own[: data.MOST])
        message = f"{folder} was trained on {len(own)} of the {len(photos)} images: figures would be too good\n{some}"
        if not allow_duplicates:
            raise data.DataError(f"{message}\nTake others, or pass --allow-duplicates.")
        print(f"WARNING: {message}", file=sys.stderr)
    others = [photo for photo in photos if photo.sha256 not in learnt]
    if alike := {j for _, j in lookalikes.alike([*learnt.values()], [photo.look for photo in others])}:
        some = "\n".join(f"  {others[j].path}" for j in sorted(alike)[: data.MOST])
        print(
            f"WARNING: {len(alike)} of the {len(photos)} images look like training images of {folder}, cut or stored "
            f"again; if they are, figures are too good:\n{some}",
            file=sys.stderr,
        )


def _read(folder: Path) -> dict[str, bytes] | None:
    """SHA-256 to look of each image; None of a run that kept none.

    Raises:
        data.DataError: the file is damaged.
    """
    path = Path(folder) / LEARNT
    if not path.exists():
        return None
    try:
        with np.load(path) as learnt:
            return {row.tobytes().hex(): look.tobytes() for row, look in zip(learnt["sha256"], learnt["look"])}
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        raise data.DataError(f"{path} is damaged; bring it back from a copy, or make the run anew.") from None
