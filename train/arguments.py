"""Numbers of a command line, refused where they make no sense: the types of `argparse`'s options."""

import math


def count(text: str) -> int:
    """Parse a whole number from 1 on."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def whole(text: str) -> int:
    """Parse a whole number from 0 on."""
    if (number := int(text)) < 0:
        raise ValueError
    return number


def share(text: str) -> float:
    """Parse a number from 0 to 1."""
    if not 0 <= (number := float(text)) <= 1:
        raise ValueError
    return number


def seed(text: str) -> int:
    """Parse a whole number that seeds Python's, NumPy's and TensorFlow's generators."""
    if not 0 <= (number := int(text)) < 2**32:
        raise ValueError
    return number


def rate(text: str) -> float:
    """Parse a finite number above 0."""
    if not 0 < (number := float(text)) < math.inf:
        raise ValueError
    return number
