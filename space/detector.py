"""The detectors of this Space: LiteRT files, each with the detector.json beside it."""

import functools
import hashlib
import json
import os
import threading
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from huggingface_hub import snapshot_download

from chain.resize import resize

MODEL = "model.tflite"
DETECTOR = "detector.json"
THREADS = 2  # For one photo: a free Space has two cores.


def models_folder() -> Path:
    """Where the models lie: ``models/`` here, or the Hub repository that DETECTOR_REPO names.

    DETECTOR_REPO is OWNER/NAME or OWNER/NAME@REVISION.
    """
    repository, _, revision = os.environ.get("DETECTOR_REPO", "").partition("@")
    if not repository:
        return Path(__file__).parent / "models"
    # fnmatch's * takes slashes too: one model at the top, or several, each in its folder.
    return Path(snapshot_download(repository, revision=revision or None, allow_patterns=[f"*{MODEL}", f"*{DETECTOR}"]))


def find_models(folder: Path) -> dict[str, Path]:
    """{name: folder} of the models in ``folder`` itself or in its subfolders, those without weights last.

    The first is the one most often right on the test images, and so on. A Hub repository holds each model for the
    browser too, in a folder ``tfjs``, which is no model of its own.

    Raises:
        FileNotFoundError: there is no detector.json.
        ValueError: two models have one name.
    """
    described = [*folder.glob(DETECTOR), *folder.glob(f"*/{DETECTOR}")]
    found = {path.parent: json.loads(path.read_text()) for path in described if path.parent.name != "tfjs"}
    if not found:
        raise FileNotFoundError(f"{folder} has no {DETECTOR}; write one with `python -m export convert`.")

    def rank(path: Path) -> tuple[bool, float, str]:
        test = found[path].get("metrics", {}).get("test")
        return not (path / MODEL).exists(), -test["at_threshold"]["accuracy"] if test else 0, found[path]["name"]

    names = [info["name"] for info in found.values()]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"Two models in {folder} are called {min(twice)}; keep one of them.")
    return {found[path]["name"]: path for path in sorted(found, key=rank)}


class Detector:
    """Judges photos; safe to use from several threads, which wait for each other: one photo takes all cores.

    The network is loaded when it is first asked, so that a Space of many models starts as fast as one of one.

    Attributes:
        info: the content of detector.json.
        file_bytes: size of the LiteRT file.
    """

    def __init__(self, folder: Path):
        """Check the model.

        Raises:
            ValueError: the LiteRT file is not the one that detector.json describes.
        """
        self.info = json.loads((folder / DETECTOR).read_text())
        self._path = folder / MODEL
        content = self._path.read_bytes()
        if hashlib.sha256(content).hexdigest() != self.info["files"][MODEL]:
            raise ValueError(f"{MODEL} does not match the sha256 in {DETECTOR}; fetch both again.")
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
