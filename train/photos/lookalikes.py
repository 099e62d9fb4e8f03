"""Find pictures that show the same photo: stored again in another quality or size, or cut at the borders.

Each picture gets difference hashes (dHash): whether each of 16 x 16 places is brighter than its left neighbour, of the
picture as it is and of its middle, cut by steps; and the mean colours of each quarter. Two pictures are alike when one
as it is and a cut of the other differ in few of these 256 bits, and little in colour. Of 200 faces stored again at
JPEG quality 20 or at half their size, all but one were found, of those cut around the middle 86 to 99 %, and no
other pair. A cut far from the middle, a turned, a mirrored or a recoloured copy is not found.
"""

import numpy as np
from PIL import Image

SIDE = 16
KEPT = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7)  # Share of width and height, around the middle.
BYTES = SIDE * SIDE // 8
COLOURS = 2 * 2 * 3  # Bytes after those of a hash.
ALIKE = 20  # Bits of 256 that may differ; of a million pairs of other aligned faces, the closest differ in 27.
NEAR = 12  # Levels of 255 that each colour may differ.
BAND = 3  # Bytes in a row that must be equal before two hashes are compared: it spares nearly all comparisons.
PLAIN = 16  # A hash with so few bits set, or unset, is of a picture without content.
COMMON = 1000  # A band of more pictures than these tells nothing.


def look(pixels: np.ndarray) -> bytes:
    """Hash and colours of one picture, uint8 (height, width, 3): BYTES + COLOURS for each of KEPT."""
    image = Image.fromarray(pixels)
    grey = image.convert("L")
    looks = b""
    for kept in KEPT:
        x, y = (image.width * (1 - kept) / 2, image.height * (1 - kept) / 2)
        box = (x, y, image.width - x, image.height - y)
        small = np.asarray(grey.resize((SIDE + 1, SIDE), Image.Resampling.BILINEAR, box=box))
        looks += np.packbits(small[:, 1:] > small[:, :-1]).tobytes()
        looks += image.resize((2, 2), Image.Resampling.BOX, box=box).tobytes()
    return looks


def alike(a: list[bytes], b: list[bytes]) -> list[tuple[int, int]]:
    """Indices (in a, in b) of the pictures that show the same photo, sorted.

    Args:
        a, b: from `look`, one a picture.
    """
    if not a or not b:
        return []
    of_a, of_b = (np.frombuffer(b"".join(looks), np.uint8).reshape(-1, len(KEPT), BYTES + COLOURS) for looks in (a, b))
    pairs = {(i, j // len(KEPT)) for i, j in _near(of_a[:, 0], of_b.reshape(-1, BYTES + COLOURS))}
    pairs |= {(i // len(KEPT), j) for i, j in _near(of_a.reshape(-1, BYTES + COLOURS), of_b[:, 0])}
    return sorted(pairs)


def _near(a: np.ndarray, b: np.ndarray) -> set[tuple[int, int]]:
    """Indices of the rows of uint8 (n, BYTES + COLOURS) and (m, BYTES + COLOURS) that are alike."""
    ones = np.bitwise_count(a[:, :BYTES]).sum(axis=1)
    rows = np.flatnonzero((ones > PLAIN) & (ones < 8 * BYTES - PLAIN))
    found: set[tuple[int, int]] = set()
    weights = 256 ** np.arange(BAND)
    for start in range(0, BYTES - BAND + 1, BAND):
        of_a, of_b = (hashes[:, start : start + BAND] @ weights for hashes in (a[rows], b))
        order = np.argsort(of_b)
        first, last = (np.searchsorted(of_b[order], of_a, side) for side in ("left", "right"))
        counts = np.where(last - first > COMMON, 0, last - first)
        i = np.repeat(rows, counts)
        j = order[np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)]
        for part in range(0, len(i), 1_000_000):
            some = slice(part, part + 1_000_000)
            one, other = a[i[some]], b[j[some]]
            close = np.bitwise_count(one[:, :BYTES] ^ other[:, :BYTES]).sum(axis=1) <= ALIKE
            close &= np.abs(one[:, BYTES:].astype(int) - other[:, BYTES:]).max(axis=1) <= NEAR
            found.update(zip(i[some][close].tolist(), j[some][close].tolist()))
    return found
