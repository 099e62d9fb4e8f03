"""What a frozen backbone makes of each image and of its mirror, computed once and kept on disk."""

import hashlib
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from train import data, models

CHUNK = 64  # Images a file: what an interruption can lose.
BATCH = 32


def cache_folder() -> Path:
    """Where features are kept: $DEEPFACEDETECT_CACHE, or ~/.cache/deepfacedetect."""
    return Path(os.environ.get("DEEPFACEDETECT_CACHE", Path.home() / ".cache/deepfacedetect"))


def weights_hash(model: keras.Model) -> str:
    """Identifies a transfer network's backbone: 16 hexadecimal digits of a SHA-256 over name and weights."""
    digest = hashlib.sha256(model.name.encode())
    for weights in model.get_layer(models.BACKBONE).get_weights():
        digest.update(np.ascontiguousarray(weights))
    return digest.hexdigest()[:16]


def compute(model: keras.Model, photos: list[data.Photo]) -> np.ndarray:
    """Pooled features of every photo and of its mirror image.

    Computed in chunks that are kept under a name made of all that decides their content (backbone, weights,
    images), so that an interrupted call goes on where it stopped and a repeated one only reads.

    Args:
        model: a transfer network of `models.build`.
        photos: scanned photos.

    Returns:
        float32 (photos, 2, channels); index 1 of the second axis is the mirror image.
    """
    extractor = keras.Model(model.input, model.get_layer(models.FEATURES).output)
    images = hashlib.sha256("".join(photo.sha256 for photo in photos).encode()).hexdigest()[:16]
    folder = cache_folder() / f"{model.name}-{weights_hash(model)}-{images}"
    folder.mkdir(parents=True, exist_ok=True)
    chunks = []
    for start in tqdm(range(0, len(photos), CHUNK), desc=f"{model.name} features", unit="chunk"):
        path = folder / f"{start:07d}.npy"
        if not path.exists():
            views = [
                extractor.predict(data.batches(photos[start : start + CHUNK], BATCH, mirror=mirror), verbose=0)
                for mirror in (False, True)
            ]
            partial = path.with_suffix(".partial.npy")
            np.save(partial, np.stack(views, axis=1))
            partial.replace(path)
        chunks.append(np.load(path))
    return np.concatenate(chunks)


def batches(
    features: np.ndarray, photos: list[data.Photo], batch_size: int, training_seed: tuple[int, int] | None = None
) -> tf.data.Dataset:
    """Feed features in place of pixels, as `data.batches` does, with the mirror image in place of a flip.

    Returns:
        Dataset of (float32 (batch, channels), float32 (batch, 1) label 0 or 1).
    """
    order, flips = np.arange(len(photos)), np.zeros(len(photos), int)
    if training_seed is not None:
        random = np.random.default_rng(training_seed)
        order, flips = random.permutation(order), random.integers(0, 2, len(photos))
    return tf.data.Dataset.from_tensor_slices((features[order, flips], data.labels_of(photos)[order])).batch(batch_size)
