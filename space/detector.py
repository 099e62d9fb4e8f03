"""The detector of this Space: a Keras file and the detector.json beside it."""

import hashlib
import json
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from huggingface_hub import snapshot_download

from vendor.photo import read_photo

MODEL = "model.keras"
DETECTOR = "detector.json"


def model_folder() -> Path:
    """The folder of the weights: ``model/`` here, or the Hub repository that DETECTOR_REPO names.

    DETECTOR_REPO is OWNER/NAME or OWNER/NAME@REVISION.
    """
    repository, _, revision = os.environ.get("DETECTOR_REPO", "").partition("@")
    if not repository:
        return Path(__file__).parent / "model"
    return Path(snapshot_download(repository, revision=revision or None, allow_patterns=[MODEL, DETECTOR]))


class Detector:
    """Judges photos; loaded and warmed up once.

    Attributes:
        info: the content of detector.json.
    """

    def __init__(self, folder: Path):
        """Load the model.

        Raises:
            ValueError: the Keras file is not the one that detector.json describes.
        """
        self.info = json.loads((folder / DETECTOR).read_text())
        if hashlib.sha256((folder / MODEL).read_bytes()).hexdigest() != self.info["files"][MODEL]:
            raise ValueError(f"{MODEL} does not match the sha256 in {DETECTOR}; fetch both again.")
        model = keras.saving.load_model(folder / MODEL, compile=False, safe_mode=True)
        # Compiled once for any size: predict() spends several times the network's own time on one image.
        self._graph = tf.function(
            lambda pixels: model(tf.cast(pixels, tf.float32), training=False),
            input_signature=[tf.TensorSpec((1, None, None, 3), tf.uint8)],
        )
        self.p_real(np.zeros((self.info["input"]["size"], self.info["input"]["size"], 3), np.uint8))

    def p_real(self, pixels: np.ndarray) -> float:
        """P(real), 0..1, of uint8 RGB pixels (height, width, 3)."""
        return float(self._graph(pixels[None])[0, 0])

    def judge(self, path: str) -> tuple[str, float]:
        """The verdict's label and P(real) of an image file.

        Raises:
            PhotoError: the file can't be judged; the message is for the person who chose it.
        """
        p_real = self.p_real(read_photo(path))
        return self.info["classes"][p_real >= self.info["threshold"]], p_real
