"""A run folder: what one training leaves behind, and how it is read back.

    model.keras    the best epoch's network, pixels to P(real)
    config.json    every option, package versions, dataset fingerprint
    history.csv    one row an epoch
    metrics.json   threshold and figures of each evaluated split, with its images' fingerprint
    scores-*.csv   P(real) of each image of an evaluated split or other source
    learnt.npz     what the training images look like, so that nobody measures on them
    plots/         PNG
    checkpoints/   best and last epoch with the optimiser's state, for --resume

One whose training is not finished has no model.keras, one that was not measured no metrics.json.
"""

import contextlib
import csv
import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
from tabulate import tabulate

MODEL = "model.keras"
CONFIG = "config.json"
HISTORY = "history.csv"
METRICS = "metrics.json"
TFLITE = "model.tflite"  # What an exported network is for LiteRT.
DETECTOR = "detector.json"  # What an exported network, or one that was pulled, says of itself.
PLOTS = "plots"
CHECKPOINTS = "checkpoints"


class RunError(ValueError):
    """A run folder that can't be used as asked; the message says what to do."""


def claim(descriptor: int, path: Path) -> None:
    """Hold an open file or folder for this command until it is closed, or the process ends.

    Raises:
        RunError: another command holds it.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise RunError(f"Another command is writing to {path}; wait for it, or name another.") from None
    except OSError:  # A file system without locks.
        pass


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """A folder for one command at a time to write to; made if it is missing, and gone again if it stays empty.

    Raises:
        RunError: another command holds it.
        OSError: it can't be made.
    """
    missing = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        claim(descriptor, folder)
        yield
    finally:
        os.close(descriptor)
        if missing:
            with contextlib.suppress(OSError):  # It is not empty.
                folder.rmdir()


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes its place once it is whole; a command that fails leaves none.

    Raises:
        RunError: there is one of that name already.
        OSError: it can't be made.
    """
    if folder.exists():
        raise RunError(f"{folder} exists; choose another --out.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        partial = Path(scratch) / folder.name
        partial.mkdir()
        yield partial
        partial.rename(folder)


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, value) -> None:
    """Write beside, then rename: a killed process leaves the old file or the new one, never half of one."""
    partial = Path(path).with_suffix(".partial")
    partial.write_text(json.dumps(value, indent=2) + "\n")
    os.replace(partial, path)


def write_csv(path: Path, rows: list[dict]) -> None:
    """Write rows of equal keys, with a header line; beside, then rename."""
    partial = Path(path).with_suffix(".partial")
    with partial.open("w", newline="", errors="surrogateescape") as file:  # Names of files may be no UTF-8.
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    os.replace(partial, path)


def markdown(rows: list[dict[str, str]], numbers: int = 0) -> str:
    """Rows of equal keys as a Markdown table, its last so many columns to the right."""
    sides = ["left"] * (len(rows[0]) - numbers) + ["right"] * numbers
    return tabulate(rows, headers="keys", tablefmt="pipe", colalign=sides, disable_numparse=True) + "\n"


def read_csv(path: Path) -> list[dict]:
    """Read rows written by `write_csv`, numbers as such; none if there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", errors="surrogateescape") as file:
        return [{key: _number(value) for key, value in row.items()} for row in csv.DictReader(file)]


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def read_json(run: Path, name: str) -> dict:
    """Read config.json or metrics.json of a run; {} where it is not written yet.

    Raises:
        RunError: it is damaged.
    """
    path = Path(run) / name
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise RunError(f"{path} is damaged; bring it back from a copy, or make the run anew.")
    return content


def read_config(run: Path) -> dict:
    """Read config.json of a run that was trained or joined.

    Raises:
        RunError: there is none, or a damaged one.
    """
    config = read_json(run, CONFIG)
    if not {"model", "dataset"} <= config.keys():
        raise RunError(f"{run} holds no {CONFIG} of a training; bring it back from a copy, or make the run anew.")
    return config


def read_figures(run: Path) -> dict:
    """Read metrics.json of a run that was evaluated on a test split.

    Raises:
        RunError: it was not, or by a version that did not say on which images.
    """
    figures = read_json(run, METRICS)
    if "dataset" not in figures.get("splits", {}).get("test", {}):
        raise RunError(f"{run} has no test figures; run `python -m train evaluate {run} --data DIR` first.")
    return figures


def save_model(model: keras.Model, path: Path) -> None:
    """Save in the .keras format; beside, then rename."""
    partial = path.with_name("partial-" + path.name)
    model.save(partial)
    os.replace(partial, path)


def load_network(path: Path, compile: bool = False) -> keras.Model:
    """Read a file of `save_model`; with ``compile``, its optimiser's state too.

    Raises:
        RunError: it is damaged, or no such file.
    """
    try:
        return keras.saving.load_model(path, compile=compile, safe_mode=True)
    except Exception as error:  # Damage raises BadZipFile, zlib.error, KeyError, TypeError, h5py's OSError, ...
        raise RunError(
            f"{path} is damaged, or from another version of Keras than {keras.version()}; bring it back from a copy, "
            "or make the run anew."
        ) from error


def load_model(run: Path) -> keras.Model:
    """Load a run's finished network, from pixels to P(real) alone; an exported one draws an evidence map too.

    Raises:
        RunError: the folder holds no finished network, or a damaged one.
    """
    path = Path(run) / MODEL
    if not path.parent.is_dir():
        raise RunError(f"{run}: no such run folder; `python -m train fit ... --out {run}` makes one.")
    if not path.exists():
        raise RunError(f"{run} holds no {MODEL}; finish it with `python -m train fit ... --out {run} --resume`.")
    model = load_network(path)
    if len(model.outputs) == 1:
        return model
    return keras.Model(model.input, next(output for output in model.outputs if output.ndim == 2), name=model.name)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide a training's numbers."""
    backend = keras.backend.backend()  # Called as its package is.
    packages = ("keras", backend, "numpy", "pillow", "scikit-learn")
    return {"python": platform.python_version(), "backend": backend} | {
        name: importlib.metadata.version(name) for name in packages
    }
