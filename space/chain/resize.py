# Copied from train/chain/resize.py by `python -m export vendor`; edit the original.
"""Shrink or enlarge a photo to what the network sees."""

import numpy as np


def resize(pixels: np.ndarray, size: int, rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
    """Resize bilinearly with half-pixel centres and without antialiasing, as each network's own first layer does.

    Done here because LiteRT plans its memory for one shape of input, and because training cuts crops out of the result.

    Args:
        pixels: uint8 (height, width, 3).
        size: height and width of the whole result.
        rows: of the result, those wanted; the others aren't computed.
        columns: likewise.

    Returns:
        float32 (rows, columns, 3), 0..255.
    """
    if pixels.shape[:2] == (size, size):
        return pixels[rows, columns].astype(np.float32)
    above, below, down = _neighbours(pixels.shape[0], size, rows)
    before, after, right = _neighbours(pixels.shape[1], size, columns)
    used, places = np.unique(np.concatenate([above, below]), return_inverse=True)
    lines = pixels[used]
    lines = _between(np.take(lines, before, axis=1), np.take(lines, after, axis=1), right[:, None])
    upper, lower = np.split(places, 2)
    return _between(lines[upper], lines[lower], down[:, None, None])


def _neighbours(length: int, size: int, wanted: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the centres of some of ``size`` new pixels lie among ``length`` old ones: between which two, and how far.

    In float32, as TensorFlow computes it: the last bits of a place are seen where neighbours are black and white.
    """
    centres = np.arange(size, dtype=np.float32)[wanted] + np.float32(0.5)
    at = np.clip(centres * np.float32(length / size) - np.float32(0.5), 0, length - 1)
    before = at.astype(int)
    return before, np.minimum(before + 1, length - 1), at - before.astype(np.float32)


def _between(some: np.ndarray, others: np.ndarray, share: np.ndarray) -> np.ndarray:
    """float32: ``some`` where the share is 0, ``others`` where it is 1."""
    some, way = some.astype(np.float32), others.astype(np.float32)
    way -= some
    way *= share
    way += some
    return way
