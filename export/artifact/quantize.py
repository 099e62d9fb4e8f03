"""Round a run's weights to 256 levels a tensor, as a run of its own with its own figures.

    python -m export quantize runs/custom --out runs/custom-uint8
    python -m train evaluate runs/custom-uint8 --data DIR

The weights stay float32 in the Keras file, but the large tensors only with values that 8 bits can hold, in LiteRT's
format and in TensorFlow.js'. So the files of the Space, the page and the Hub hold the same numbers, the figures are
those of just that model, and each is a quarter of the original's size. `fold` makes the tensors fit for it first.
"""

import argparse
import math
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
from tensorflowjs.quantization import dequantize_weights, quantize_weights

from export.artifact.fold import equalize, folded, is_large
from train import run
from train.networks import models
from train.photos import leaks

ROUNDED = "rounded to uint8"  # What config.json says of the weights.
SCALE_BITS = 16  # With a level of 8 bits as many as float32 has: 24.


def quantize(args: argparse.Namespace) -> None:
    """Write the rounded network, the configuration and the history to ``args.out``.

    Raises:
        run.RunError: ``args.run`` holds no finished network, or one joined from others, or is being written to; or
            ``args.out`` exists.
    """
    with run.filled(args.out) as folder, run.unchanged(args.run):
        network = run.load_model(args.run)
        if models.is_joined(network):
            raise run.RunError(f"{args.run} joins networks or mirror images; quantize its members and join those.")
        run.save_model(rounded(network), folder / run.MODEL)
        deflate(folder / run.MODEL)
        run.write_json(folder / run.CONFIG, run.read_json(args.run, run.CONFIG) | {"weights": ROUNDED})
        for name in (run.HISTORY, leaks.LEARNT):
            if (args.run / name).exists():
                shutil.copy(args.run / name, folder)
    print(f"{args.out / run.MODEL}: {(args.out / run.MODEL).stat().st_size / 1e6:.1f} MB")


def rounded(model: keras.Model) -> keras.Model:
    """Nearly the same network, pixels to P(real), whose large tensors take 256 values each."""
    model = folded(model)
    equalize(model)
    for variable in filter(is_large, model.weights):
        variable.assign(round_to_uint8(np.asarray(variable)))
    return model


def round_to_uint8(weights: np.ndarray) -> np.ndarray:
    """The nearest values of a grid that Keras, LiteRT and TensorFlow.js all hold exactly.

    That is TensorFlow.js' uint8 grid, (level - zero) * scale, with a scale of 16 significant bits: times a level of 8
    bits it is exact in float32, in whatever order a program computes it. Rounded down, it lets the smallest and the
    largest weight fall on levels 0 and 255, and so TensorFlow.js' converter finds the same grid again.

    Args:
        weights: float32, any shape.

    Returns:
        float32 of the same shape, of 256 values at most.
    """
    low, high = float(weights.min()), float(weights.max())
    if not low < 0 < high:  # Not so in a trained layer; TensorFlow.js' grid then lies elsewhere.
        levels, metadata = quantize_weights(weights, np.uint8)
        return dequantize_weights(levels, metadata).astype(np.float32)
    mantissa, exponent = np.frexp((high - low) / 255)
    scale = np.ldexp(np.floor(mantissa * 2**SCALE_BITS), exponent - SCALE_BITS)
    zero = np.round(-low / scale)
    levels = np.clip(np.round(weights / scale) + zero, 0, 255)
    return ((levels - zero) * scale).astype(np.float32)


def find_grid(weights: np.ndarray) -> tuple[float, int] | None:
    """The grid of a tensor that `round_to_uint8` rounded.

    Args:
        weights: float32, any shape.

    Returns:
        Its scale and zero, 0..255: each weight is exactly (level - zero) * scale, with a level of 0..255. None where
        there is no such grid.
    """
    values = np.unique(weights)
    if len(values) > 256 or not values[0] < 0 < values[-1]:
        return None
    _, exponents = np.frexp(values[values != 0])
    unit = float(np.ldexp(1.0, int(exponents.min()) - 24))  # A float32 has 24 bits, so all are whole numbers of it.
    scale = math.gcd(*(int(value) for value in values.astype(float) / unit)) * unit
    low, high = round(values[0] / scale), round(values[-1] / scale)
    return (scale, -low) if high - low <= 255 else None


def deflate(path: Path) -> None:
    """Compress a .keras file in place; Keras stores its zip uncompressed, and reads it either way."""
    with run.replaced(path) as partial, zipfile.ZipFile(path) as stored:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as small:
            for member in stored.infolist():
                small.writestr(member.filename, stored.read(member))
