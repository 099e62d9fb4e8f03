"""How a detector stands up to what happens to pictures on their way: smaller, compressed, blurred, noisy.

The grid of sizes and JPEG qualities follows NVIDIA's comparison of detectors on StyleGAN3 images
(https://github.com/NVlabs/stylegan3-detector): resize, then compress, then judge.

    python -m train evaluate runs/custom --data DIR --robustness

prints the table and writes runs/custom/plots/robustness.png.
"""

import zlib
from collections.abc import Callable

import keras
import numpy as np
from PIL import Image, ImageFilter
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from train import data, models

SIZES = (256, 224, 160, 128)
QUALITIES = (95, 90, 80, 70, 50, 30)
BLURS = (1.0, 2.0)  # Standard deviation in pixels of a Gaussian.
NOISES = (5.0, 15.0)  # Standard deviation of Gaussian noise, of 255.


def compressed(size: int, quality: int) -> Callable[[np.ndarray], np.ndarray]:
    """Resize to (size, size), then through a JPEG file with 4:2:0 chroma."""

    def degrade(pixels: np.ndarray) -> np.ndarray:
        resized = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
        return data.jpeg(np.asarray(resized), quality)

    return degrade


def blurred(sigma: float) -> Callable[[np.ndarray], np.ndarray]:
    """Gaussian blur."""
    return lambda pixels: np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))


def noisy(sigma: float) -> Callable[[np.ndarray], np.ndarray]:
    """Gaussian noise, another for each picture, and the same whenever a picture comes again."""

    def degrade(pixels: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng(zlib.crc32(pixels.tobytes())).normal(0, sigma, pixels.shape)
        return np.clip(pixels + noise, 0, 255).round().astype(np.uint8)

    return degrade


def measure(model: keras.Model, photos: list[data.Photo], batch_size: int) -> dict:
    """ROC AUC of the photos under each degradation.

    Returns:
        {"sizes", "qualities", "roc_auc": rows of SIZES, columns of QUALITIES,
        "blur": {sigma: roc_auc}, "noise": {sigma: roc_auc}}.
    """
    read, size = data.cached_reader(photos), models.input_size(model)
    degradations = [compressed(size, quality) for size in SIZES for quality in QUALITIES]
    degradations += [*map(blurred, BLURS), *map(noisy, NOISES)]
    labels = data.labels_of(photos)[:, 0]
    scores = []
    for degrade in tqdm(degradations, desc="robustness", unit="degradation"):
        degraded = data.batches(photos, batch_size, size, lambda path, degrade=degrade: degrade(read(path)))
        p_real = model.predict(degraded, verbose=0)
        scores.append(float(roc_auc_score(labels, p_real[:, 0])))
    grid, rest = scores[: len(SIZES) * len(QUALITIES)], scores[len(SIZES) * len(QUALITIES) :]
    return {
        "sizes": list(SIZES),
        "qualities": list(QUALITIES),
        "roc_auc": np.reshape(grid, (len(SIZES), len(QUALITIES))).tolist(),
        "blur": dict(zip(map(str, BLURS), rest)),
        "noise": dict(zip(map(str, NOISES), rest[len(BLURS) :])),
    }


def tables(figures: dict) -> list[list[dict[str, str]]]:
    """What `measure` found, for people: rows of sizes with a column for each JPEG quality, then blur and noise."""
    columns = [f"JPEG {quality}" for quality in figures["qualities"]]
    grid = [
        {"size, pixels": str(size)} | {column: f"{area:.3f}" for column, area in zip(columns, areas)}
        for size, areas in zip(figures["sizes"], figures["roc_auc"])
    ]
    others = [
        {"degradation": f"{what}, standard deviation {sigma} {unit}", "ROC AUC": f"{area:.3f}"}
        for what, key, unit in (("Gaussian blur", "blur", "pixels"), ("Gaussian noise", "noise", "of 255"))
        for sigma, area in figures[key].items()
    ]
    return [grid, others]
