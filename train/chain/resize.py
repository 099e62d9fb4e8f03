"""Shrink or enlarge a photo to what the network sees."""

import numpy as np


def resize(pixels: np.ndarray, size: int) -> np.ndarray:
    """Bilinear with half-pixel centres and no antialiasing, as the models' own first layer does it.

    Done here because LiteRT plans its memory for one shape of input.

    Args:
        pixels: uint8 (height, width, 3), 0..255.
        size: height and width wanted, in pixels.

    Returns:
        float32 (size, size, 3), 0..255.
    """
    top, bottom, y = _neighbours(pixels.shape[0], size)
    left, right, x = _neighbours(pixels.shape[1], size)
    x, y = x[None, :, None], y[:, None, None]

    def rows(index: np.ndarray) -> np.ndarray:
        row = pixels[index]
        return row[:, left] * (1 - x) + row[:, right] * x

    return rows(top) * (1 - y) + rows(bottom) * y


def _neighbours(length: int, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each of ``size`` outputs: the input before it, the one after it, and the share of the latter."""
    position = np.maximum((np.arange(size) + 0.5) * length / size - 0.5, 0)
    before = np.minimum(position.astype(int), length - 1)
    return before, np.minimum(before + 1, length - 1), (position - before).astype(np.float32)
