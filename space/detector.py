"""The detectors of this Space: Keras files, each with the detector.json beside it."""

import hashlib
import json
import os
from pathlib import Path
from typing import TypedDict

# The .keras file is the one that TensorFlow trained; JAX runs it from a third of TensorFlow's disk and memory.
os.environ["KERAS_BACKEND"] = "jax"

import jax  # noqa: E402
import keras  # noqa: E402
import numpy as np  # noqa: E402
from huggingface_hub import snapshot_download  # noqa: E402

from resize import resize  # noqa: E402

MODEL = "model.keras"
DETECTOR = "detector.json"
UNSURE = "unsure"


class Verdict(TypedDict):
    """What a detector says of one photo."""

    verdict: str  # "real", "fake" or "unsure".
    p_real: float  # 0..1
    p_fake: float  # 1 - p_real
    unsure: bool  # P(real) lies in the band where the detector's word is not good enough.
    threshold: float  # P(real) at and above which a photo is called real.
    model: str  # The detector's name.


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
    """Judges photos; loaded and warmed up once, then safe to use from several threads.

    Attributes:
        info: the content of detector.json.
        size: height and width in pixels of what the network sees.
        file_bytes: size of the Keras file.
        parameters: how many numbers P(real) takes.
        layers: what `describe_layers` says of the network.
        has_evidence: whether the network draws an evidence map.
    """

    def __init__(self, folder: Path):
        """Load the model.

        Raises:
            ValueError: the Keras file is not the one that detector.json describes, or resizes otherwise than `resize`.
        """
        self.info = json.loads((folder / DETECTOR).read_text())
        content = (folder / MODEL).read_bytes()
        if hashlib.sha256(content).hexdigest() != self.info["files"][MODEL]:
            raise ValueError(f"{MODEL} does not match the sha256 in {DETECTOR}; fetch both again.")
        self.file_bytes = len(content)
        model = keras.saving.load_model(folder / MODEL, compile=False, safe_mode=True)
        first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Resizing))
        if first.interpolation != "bilinear" or first.antialias:
            raise ValueError(f"{MODEL} resizes otherwise than resize.py; export it again from this project.")
        self.size = first.height
        # Without what draws the evidence map, which was not trained.
        judging = keras.Model(model.inputs, next(output for output in model.outputs if output.ndim == 2))
        self.parameters = judging.count_params()
        self.layers = describe_layers(judging)
        variables = (model.trainable_variables, model.non_trainable_variables)
        weights = [[variable.value for variable in some] for some in variables]
        # Compiled once: predict() spends several times the network's own time on one image.
        network = jax.jit(lambda weights, pixels: model.stateless_call(*weights, pixels, training=False)[0])
        self._network = lambda pixels: network(weights, pixels)
        self.has_evidence = self.look(np.zeros((self.size, self.size, 3), np.uint8))[1] is not None

    def look(self, pixels: np.ndarray) -> tuple[float, np.ndarray | None]:
        """Run the network on one photo.

        Args:
            pixels: uint8 RGB (height, width, 3).

        Returns:
            P(real), 0..1, and the evidence map if the model has one: float32 (rows, columns), 0..1, high where
            the photo speaks for "fake".
        """
        outputs = self._network(resize(pixels, self.size)[None])
        by_rank = {output.ndim: np.asarray(output[0]) for output in keras.tree.flatten(outputs)}
        return float(by_rank[2][0]), by_rank[4][..., 0] if 4 in by_rank else None

    def verdict(self, p_real: float) -> Verdict:
        """Put P(real), 0..1, into words by the thresholds of detector.json."""
        band = self.info.get("unsure")
        unsure = bool(band and band["low"] <= p_real < band["high"])
        return {
            "verdict": UNSURE if unsure else self.info["classes"][p_real >= self.info["threshold"]],
            "p_real": p_real,
            "p_fake": 1 - p_real,
            "unsure": unsure,
            "threshold": self.info["threshold"],
            "model": self.info["name"],
        }


def describe_layers(model: keras.Model) -> list[tuple[str, str, int]]:
    """(kind, output shape such as "222 x 222 x 32", number of parameters) of each layer of a network."""
    rows = []
    for layer in model.layers:
        shape = keras.tree.flatten(layer.output)[0].shape[1:]
        kind = type(layer).__name__
        if isinstance(layer, keras.Model):
            kind = layer.name
        rows.append((kind, " × ".join("any" if n is None else f"{n:,}" for n in shape), layer.count_params()))
    return rows
