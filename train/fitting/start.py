"""What a training starts from: random weights, ImageNet's, or another run's, and a regression of its features."""

import contextlib
import itertools
from pathlib import Path

import grain
import keras
import numpy as np
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from train import run
from train.networks import features, models
from train.photos import feed

PROBE_C = 0.003  # Inverse of the regression's L2 penalty: weak enough to fit, strong enough to leave more to learn.
PROBE_IMAGES = 3000  # As many as the regression of some thousand features needs.


def build(name: str, backbone_weights: Path | None, settings: dict) -> keras.Model:
    """Build a network; a backbone gets ImageNet's weights from Keras' store, or those of a local file.

    ``settings`` as in `models.build`.

    Raises:
        run.RunError: neither can be had, or there are too many filters.
    """
    if backbone_weights and not backbone_weights.name.endswith(".weights.h5"):
        raise run.RunError(f"{backbone_weights}: pass a .weights.h5 file that Keras saved.")
    try:
        return models.build(name, str(backbone_weights) if backbone_weights else "imagenet", **settings)
    except Exception as error:  # Keras wraps network errors in plain Exception.
        if settings.get("filters") and isinstance(error, ValueError):
            raise run.RunError(
                f"{len(settings['filters'])} --filters are too many: each convolution and pooling halves the picture, "
                "until nothing is left."
            ) from None
        if name in models.FROM_SCRATCH:
            raise
        raise run.RunError(
            f"{name}'s weights can't be had ({str(error).splitlines()[0]}). Connect to the network for Keras' own "
            f"ImageNet weights, or pass --backbone-weights FILE.weights.h5."
        ) from error


def start_of(name: str, backbone_weights: Path | None) -> str | dict | None:
    """What a network starts from, for the record: None for random weights, "imagenet", or a file and its SHA-256."""
    if name in models.FROM_SCRATCH:
        return None
    if backbone_weights is None:
        return "imagenet"
    return {"file": backbone_weights.name, "sha256": run.sha256(backbone_weights)}


def describe(folder: Path, model: keras.Model) -> dict[str, str]:
    """A run for the record of another: its network, its weights, and its repository if it was pulled from the Hub."""
    repo = run.read_json(folder, run.DETECTOR).get("hub")
    return {"model": model.name, "weights": features.weights_hash(model)} | ({"hub": repo} if repo else {})


def start_linear(model: keras.Model, training: grain.IterDataset, batch_size: int) -> None:
    """Standardize the features over training images and let a logistic regression of them be the last layer.

    Trained on from there, the features change less than from a random last layer, and serve new sources better
    (Kumar et al., "Fine-Tuning can Distort Pretrained Features", 2022, arXiv:2202.10054).

    Args:
        model: changed in place.
        training: batches as training feeds them, crops and degraded pictures included: standardized over others, some
            features of a sharpened or noisy picture lie so far out that they decide alone.
        batch_size: images of each; PROBE_IMAGES are taken in all.
    """
    extractor = models.features_of(model)
    with contextlib.closing(iter(training)) as stream:
        batches = tqdm(itertools.islice(stream, feed.steps(PROBE_IMAGES, batch_size)), "features")
        seen = [(extractor.predict_on_batch(pixels), labels[:, 0]) for pixels, labels in batches]
    of_images, labels = map(np.concatenate, zip(*seen))
    mean, variance = of_images.mean(axis=0), of_images.var(axis=0)
    standardized = (of_images - mean) / np.sqrt(variance + models.STANDARDIZE_EPSILON)
    regression = LogisticRegression(C=PROBE_C, max_iter=500).fit(standardized, np.round(labels))
    accuracy = regression.score(standardized, np.round(labels))
    print(f"logistic regression of {len(mean)} features: training accuracy {accuracy:.3f}")
    models.set_start(model, mean, variance, regression.coef_[0], regression.intercept_[0])
