"""What a fixed network makes of each image and of its mirror, computed once and kept on disk.

A frozen backbone's pooled features, for its head to learn from; or a teacher's P(real), for its pupil.
"""

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
    """Identifies a network: 16 hexadecimal digits of a SHA-256 over its weights."""
    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(np.ascontiguousarray(weights))
    return digest.hexdigest()[:16]


def extractor(model: keras.Model) -> keras.Model:
    """The part of a transfer network of `models.build` that stays frozen: pixels to pooled features."""
    return keras.Model(model.input, model.get_layer(models.FEATURES).output, name=model.name)


def compute(model: keras.Model, photos: list[data.Photo]) -> np.ndarray:
    """What a network answers to every photo and to its mirror image.

    Computed in chunks that are kept under a name made of all that decides their content (network, input size,
    weights, images), so that an interrupted call goes on where it stopped and a repeated one only reads.

    Args:
        model: pixels to float32 (batch, channels).
        photos: scanned photos.

    Returns:
        float32 (photos, 2, channels); index 1 of the second axis is the mirror image.
    """
    size = models.input_size(model)
    images = hashlib.sha256("".join(photo.sha256 for photo in photos).encode()).hexdigest()[:16]
    folder = cache_folder() / f"{model.name}-{size}-{weights_hash(model)}-{images}"
    folder.mkdir(parents=True, exist_ok=True)
    chunks = []
    for start in tqdm(range(0, len(photos), CHUNK), desc=f"{model.name} answers", unit="chunk"):
        path = folder / f"{start:07d}.npy"
        if not path.exists():
            views = [
                model.predict(data.batches(photos[start : start + CHUNK], BATCH, size, mirror=mirror), verbose=0)
                for mirror in (False, True)
            ]
            partial = path.with_suffix(".partial.npy")
            np.save(partial, np.stack(views, axis=1))
            partial.replace(path)
        chunks.append(np.load(path))
    return np.concatenate(chunks)


def batches(
    features: np.ndarray,
    labels: np.ndarray,
    batch_size: int,
    training_seed: tuple[int, int] | None = None,
    flip: bool = True,
) -> tf.data.Dataset:
    """Feed features in place of pixels, as `data.batches` does, with the mirror image in place of a flip.

    Args:
        features: float32 (photos, 2, channels) from `compute`.
        labels: float32 (photos, 1), 0..1.
        batch_size: of the batches, but for the last.
        training_seed: (seed, epoch). Given, the order is a fresh permutation.
        flip: with training_seed, take the mirror image of half of the photos.

    Returns:
        Dataset of (float32 (batch, channels), float32 (batch, 1) label 0..1).
    """
    order, flips = np.arange(len(labels)), np.zeros(len(labels), int)
    if training_seed is not None:
        random = np.random.default_rng(training_seed)
        order, flips = random.permutation(order), flip * random.integers(0, 2, len(labels))
    return tf.data.Dataset.from_tensor_slices((features[order, flips], labels[order])).batch(batch_size)
