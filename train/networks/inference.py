"""What a trained network answers to photos as they are."""

import keras
import numpy as np

from train.networks import models
from train.photos import data, feed

BATCH = 8  # Of whole photos. Larger ones gain nothing on two cores: 18 photos a second, 17 by 32 and 13 by 64.


def p_real(model: keras.Model, photos: list[data.Photo], size: int | None = None) -> np.ndarray:
    """P(real) of each photo as it is, resized to ``size`` or to the network's own: float64 (photos,), 0..1."""
    batches = feed.batches(photos, BATCH, size or models.input_size(model))
    return model.predict(batches, steps=feed.steps(len(photos), BATCH))[:, 0].astype(float)
