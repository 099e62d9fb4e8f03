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
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
from tabulate import tabulate

from train import quiet

MODEL = "model.keras"
CONFIG = "config.json"
HISTORY = "history.csv"
METRICS = "metrics.json"
TFLITE = "model.tflite"  # What an exported network is for LiteRT.
DETECTOR = "detector.json"  # What an exported network, or one that was pulled, says of itself.
PLOTS = "plots"
CHECKPOINTS = "checkpoints"
MEASURED = (  # What `evaluate` leaves in a run; the figures first, without which nothing takes the rest for its own.
    METRICS,
    "scores-*.csv",
    *(f"{PLOTS}/{name}.png" for name in ("roc", "confusion-*", "reliability-*", "robustness")),
)


BRING_BACK = "bring it back from a copy, or make the run anew."
DAMAGED = "{} is damaged; " + BRING_BACK


class RunError(ValueError):
    """A run folder that can't be used as asked; the message says what to do."""


def claim(descriptor: int, path: Path, to_read: bool = False) -> None:
    """Hold an open file or folder for this command until it is closed, or the process ends.

    Args:
        descriptor: of the file or folder.
        path: its name, for the message.
        to_read: let others read it at the same time.

    Raises:
        RunError: another command holds it.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if to_read else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        works = "writing to" if to_read else "using"
        raise RunError(f"Another command is {works} {path}; wait for it, or name another.") from None
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
    try:
        with _held(folder):
            yield
    finally:
        if missing:
            with contextlib.suppress(OSError):  # It is not empty.
                folder.rmdir()


@contextlib.contextmanager
def unchanged(*folders: Path) -> Iterator[None]:
    """Runs that no other command writes to meanwhile, so that their weights and figures belong together.

    Raises:
        RunError: another command is writing to one.
    """
    with contextlib.ExitStack() as held:
        for folder in filter(Path.is_dir, folders):
            held.enter_context(_held(folder, to_read=True))
        yield


@contextlib.contextmanager
def _held(folder: Path, to_read: bool = False) -> Iterator[None]:
    """A folder that is there, claimed meanwhile."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        claim(descriptor, folder, to_read)
        yield
    finally:
        os.close(descriptor)


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


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file to write beside ``path``, which then takes its place; what fails leaves the old file and no other.

    A killed process leaves the old file or the new one too, never half of one.

    Raises:
        OSError: the disk refuses it; with the path, which Python's own errors of writing lack.
    """
    partial = path.with_name(f"partial-{path.name}")  # Keras and zipfile go by how a name ends.
    try:
        yield partial
        os.replace(partial, path)
    except OSError as error:
        if error.strerror and not error.filename:
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value) -> None:
    """Write a value as JSON, as `replaced` does."""
    with replaced(path) as partial:
        partial.write_text(json.dumps(value, indent=2) + "\n")


def write_csv(path: Path, rows: list[dict]) -> None:
    """Write rows of equal keys, with a header line, as `replaced` does."""
    # Names of files may be no UTF-8.
    with replaced(path) as partial, partial.open("w", newline="", errors="surrogateescape") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def markdown(rows: list[dict[str, str]], numbers: int = 0) -> str:
    """Rows of equal keys as a Markdown table, its last so many columns to the right."""
    sides = ["left"] * (len(rows[0]) - numbers) + ["right"] * numbers
    return tabulate(rows, headers="keys", tablefmt="pipe", colalign=sides, disable_numparse=True) + "\n"


def read_csv(path: Path) -> list[dict]:
    """Read rows written by `write_csv`, numbers as such; none if there is no file.

    Raises:
        RunError: it is damaged.
    """
    if not path.exists():
        return []
    with path.open(newline="", errors="surrogateescape") as file:
        lines = [*file]
    try:
        rows = [*csv.DictReader(lines)]
    except csv.Error:
        rows = []
    # Of a row that is too short or too long, a value or a key is None.
    if not rows or not lines[-1].endswith("\r\n") or any(None in (*row, *row.values()) for row in rows):
        raise RunError(DAMAGED.format(path))
    return [{key: _number(value) for key, value in row.items()} for row in rows]


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
        raise RunError(DAMAGED.format(path))
    return content


def read_config(run: Path) -> dict:
    """Read config.json of a run that was trained or joined.

    Raises:
        RunError: there is none, or a damaged one.
    """
    config = read_json(run, CONFIG)
    if not {"model", "dataset"} <= config.keys():
        raise RunError(f"{run} holds no {CONFIG} of a training; {BRING_BACK}")
    return config


def calibration(config: dict) -> dict[str, float]:
    """Temperature and offset that are part of a run's network; 1 and 0 of one that was never calibrated."""
    return {"temperature": config.get("temperature", 1.0), "offset": config.get("offset", 0.0)}


def checkpoint(folder: Path, epoch: int) -> Path:
    """The network after an epoch, from 1, with its optimiser's state."""
    return folder / CHECKPOINTS / f"epoch-{epoch:03d}.keras"


def read_history(folder: Path) -> list[dict]:
    """Read history.csv of a training to go on with, a row for each finished epoch; none before the first.

    Raises:
        RunError: it is damaged or missing, or the checkpoint of its last epoch is.
    """
    path = folder / HISTORY
    history = read_csv(path)
    epochs = len(history)
    are_numbers = all(isinstance(value, int | float) for row in history for value in row.values())
    if not are_numbers or [row.get("epoch") for row in history] != [*range(1, epochs + 1)]:
        raise RunError(DAMAGED.format(path))
    if epochs and not checkpoint(folder, epochs).exists():
        raise RunError(f"{path} ends with epoch {epochs}, of which there is no checkpoint; {BRING_BACK}")
    # Killed in its first epoch, a training may have left that one's checkpoint.
    if not epochs and any(file != checkpoint(folder, 1) for file in (folder / CHECKPOINTS).glob("epoch-*.keras")):
        raise RunError(f"{path} is missing, although epochs were trained; {BRING_BACK}")
    return history


def read_figures(run: Path) -> dict:
    """Read metrics.json of a run that was evaluated on a test split.

    Raises:
        RunError: it was not, or by a version that did not say on which images.
    """
    figures = read_json(run, METRICS)
    if "dataset" not in figures.get("splits", {}).get("test", {}):
        raise RunError(f"{run} has no test figures; run `python -m train evaluate {run} --data DIR` first.")
    return figures


def forget_figures(run: Path, why: str) -> None:
    """Delete figures, scores and plots that no longer hold, and say which and why."""
    files = [path for pattern in MEASURED for path in sorted(run.glob(pattern))]
    for path in files:
        path.unlink()
    if files:
        print(f"{run}: deleted {', '.join(path.name for path in files)}, since {why}", file=sys.stderr)


def save_model(model: keras.Model, path: Path) -> None:
    """Save in the .keras format, as `replaced` does."""
    with replaced(path) as partial:
        model.save(partial)


def replace_network(run: Path, model: keras.Model, config: dict) -> None:
    """Save a run's network with the config.json that goes with it, and delete what was measured of the one before.

    Both are whole before either takes its place: one that can't be written leaves the run as it was.
    """
    with replaced(run / CONFIG) as new_config, replaced(run / MODEL) as new_model:
        model.save(new_model)
        write_json(new_config, config)
        forget_figures(run, "the network is another now; measure it with `python -m train evaluate`")


def load_network(path: Path, compile: bool = False) -> keras.Model:
    """Read a file of `save_model`; with ``compile``, its optimiser's state too.

    Raises:
        RunError: it is damaged, or no such file.
    """
    try:
        return keras.saving.load_model(path, compile=compile, safe_mode=True)
    except Exception as error:  # Damage raises BadZipFile, zlib.error, KeyError, TypeError, h5py's OSError, ...
        raise RunError(
            f"{path} is damaged, or from another version of Keras than {keras.version()}; {BRING_BACK}"
        ) from error


def network_file(run: Path) -> Path:
    """A run's finished network.

    Raises:
        RunError: there is no such folder, or it holds none.
    """
    if not run.is_dir():
        raise RunError(f"{run}: no such run folder; `python -m train fit ... --out {run}` makes one.")
    if not (run / MODEL).exists():
        raise RunError(f"{run} holds no {MODEL}; finish it with `python -m train fit ... --out {run} --resume`.")
    return run / MODEL


def load_model(run: Path) -> keras.Model:
    """Load a run's finished network, from pixels to P(real) alone; an exported one draws an evidence map too.

    Raises:
        RunError: the folder holds no finished network, or a damaged one.
    """
    model = load_network(network_file(run))
    # With its normalizations multiplied into its convolutions, a network is no longer made of parts.
    is_folded = any(isinstance(layer, keras.layers.Add) for layer in model.layers)
    if is_folded and keras.backend.backend() == "tensorflow":
        quiet.leave_graphs_as_they_are()
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
