"""What the command lines share: numbers, refused where they make no sense, and errors that end in one line."""

import argparse
import math
import os
import sys
from collections.abc import Callable


def count(text: str) -> int:
    """Parse a whole number from 1 on."""
    return _parsed(int, text, 1, math.inf, "a whole number from 1 on")


def whole(text: str) -> int:
    """Parse a whole number from 0 on."""
    return _parsed(int, text, 0, math.inf, "a whole number from 0 on")


def share(text: str) -> float:
    """Parse a number from 0 to 1."""
    return _parsed(float, text, 0, 1, "a number from 0 to 1")


def part(text: str) -> float:
    """Parse a number from 0 to less than 1."""
    return _parsed(float, text, 0, math.nextafter(1, 0), "a number from 0 to less than 1")


def seed(text: str) -> int:
    """Parse a whole number that seeds Python's, NumPy's and TensorFlow's generators."""
    return _parsed(int, text, 0, 2**32 - 1, "a whole number from 0 to 4294967295")


def rate(text: str) -> float:
    """Parse a finite number above 0."""
    return _parsed(float, text, math.ulp(0), math.nextafter(math.inf, 0), "a number above 0")


def _parsed(kind: type, text: str, low: float, high: float, words: str):
    try:
        if low <= (number := kind(text)) <= high:  # False of one that is none, too.
            return number
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text} is not {words}")


def status_of(command: Callable[[], int | None], refusals: tuple[type[Exception], ...], interrupted: str) -> int:
    """Run a command, and print what it refuses, or a disk refuses it, as one line.

    Args:
        command: returns its exit status, None for 0.
        refusals: errors whose message says what to do.
        interrupted: the line after Ctrl-C.

    Returns:
        The process's exit status; 2 after a refusal.
    """
    try:
        return command() or 0
    except refusals as error:
        line = str(error)
    except OSError as error:
        if not error.strerror:
            raise
        if isinstance(error, BrokenPipeError):  # Printed to `head`, say; Python flushes once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        line = f"{error.filename}: {error.strerror}." if error.filename else f"{error.strerror}."
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 130
    print(f"error: {line}", file=sys.stderr)
    return 2
