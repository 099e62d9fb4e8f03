"""The detectors of this Space: LiteRT files, each with the detector.json beside it."""

import functools
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import cast

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from huggingface_hub import snapshot_download

from chain.info import Info
from chain.resize import resize

MODEL = "model.tflite"
DETECTOR = "detector.json"
AGAIN = "fetch the model's folder again, or write it with `python -m export convert RUN --out {} --format tflite`."
THREADS = 2  # For one photo: a free Space has two cores.


class ModelError(ValueError):
    """Models that can't be served; the message is one sentence that says what to do."""


def models_folder() -> Path:
    """Where the models lie: ``models/`` here, or the Hub repository that DETECTOR_REPO names.

    DETECTOR_REPO is OWNER/NAME or OWNER/NAME@REVISION.

    Raises:
        ModelError: it can't be fetched.
    """
    repository, _, revision = os.environ.get("DETECTOR_REPO", "").partition("@")
    if not repository:
        return Path(__file__).parent / "models"
    patterns = [f"*{MODEL}", f"*{DETECTOR}"]  # Whose * takes slashes too: one model at the top, or each in its folder.
    try:
        return Path(snapshot_download(repository, revision=revision or None, allow_patterns=patterns))
    except (OSError, ValueError) as error:  # No such name, none to be had, no connection.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise ModelError(f"DETECTOR_REPO {repository} can't be fetched: {reason}") from None


def find_models(folder: Path) -> "dict[str, Detector | None]":
    """{name: detector} of the models in ``folder`` itself or in its subfolders; last those without weights: None.

    The model of ``folder`` itself comes first, then the others by their size: the smallest answers soonest. A Hub
    repository holds each model for the browser too, in a folder ``tfjs``, which is no model of its own.

    Raises:
        ModelError: there is no detector.json, or a damaged one, or two models have one name, or a model is damaged.
    """
    described = [*folder.glob(DETECTOR), *folder.glob(f"*/{DETECTOR}")]
    found = {path.parent: read_model(path.parent) for path in described if path.parent.name != "tfjs"}
    if not found:
        raise ModelError(f"{folder} holds no {DETECTOR}; {AGAIN.format(folder)}")
    names = [name for name, _ in found.values()]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ModelError(f"Two models in {folder} are called {min(twice)}; keep one of them.")

    def rank(place: Path) -> tuple[bool, bool, int, str]:
        name, detector = found[place]
        return not detector, place != folder, detector.info["parameters"] if detector else 0, name

    return dict(found[place] for place in sorted(found, key=rank))


def read_model(folder: Path) -> "tuple[str, Detector | None]":
    """The name of a model, and its detector if it has weights.

    Raises:
        ModelError: its detector.json is damaged, or its LiteRT file is missing, damaged or not listed there.
    """
    try:
        info = json.loads((folder / DETECTOR).read_text())
    except ValueError:
        info = None
    is_whole = isinstance(info, dict) and "name" in info
    is_listed, is_there = is_whole and MODEL in info.get("files", {}), (folder / MODEL).exists()
    if not is_whole or is_there > is_listed:
        raise ModelError(f"{folder / DETECTOR} is damaged; {AGAIN.format(folder)}")
    if is_listed > is_there:
        raise ModelError(f"{folder / MODEL} is missing; {AGAIN.format(folder)}")
    return info["name"], Detector(folder, cast(Info, info)) if is_there else None


class Detector:
    """Judges photos; safe to use from several threads, which wait for each other: one photo takes all cores.

    The network is loaded when it is first asked, so that a Space of many models starts as fast as one of one.

    Attributes:
        info: the content of detector.json.
        file_bytes: size of the LiteRT file.
    """

    def __init__(self, folder: Path, info: Info):
        """Check the LiteRT file in a folder.

        Raises:
            ModelError: it is not the one that detector.json describes.
        """
        self.info = info
        self._path = folder / MODEL
        content = self._path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.info["files"][MODEL]:
            raise ModelError(f"{self._path} is not the file whose sha256 is in {DETECTOR}; {AGAIN.format(folder)}")
        self.file_bytes = len(content)
        self._one_at_a_time = threading.Lock()

    @functools.cached_property
    def _network(self) -> Interpreter:
        network = Interpreter(str(self._path), num_threads=THREADS)
        network.allocate_tensors()
        return network

    def warm_up(self) -> None:
        """Load the network now."""
        self.run(np.zeros((1, 1, 3), np.uint8))

    def run(self, pixels: np.ndarray) -> tuple[float, np.ndarray | None]:
        """Run the network on one photo.

        Args:
            pixels: uint8 RGB (height, width, 3).

        Returns:
            P(real), 0..1, and the evidence map if the model has one: float32 (rows, columns), 0..1, high where
            the photo speaks for "fake".
        """
        pixels = resize(pixels, self.info["input"]["size"])[None]
        with self._one_at_a_time:
            self._network.set_tensor(self._network.get_input_details()[0]["index"], pixels)
            self._network.invoke()
            outputs = [self._network.get_tensor(output["index"]) for output in self._network.get_output_details()]
        by_rank = {output.ndim: output[0] for output in outputs}
        return float(by_rank[2][0]), by_rank[4][..., 0] if 4 in by_rank else None
