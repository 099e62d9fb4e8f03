"""Round a run's weights to 256 levels a tensor, as a run of its own with its own figures.

    python -m export quantize runs/custom --out runs/custom-uint8
    python -m train evaluate runs/custom-uint8 --data DIR

The weights stay float32 in the file, but the large tensors only with values that TensorFlow.js' uint8 format can
hold. So the Keras file of the Space and the uint8 file of the page hold the same numbers, the figures are those of
just that model, and both files are a quarter of the original's size. `fold` makes the tensors fit for it first.
"""

import argparse
import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
from tensorflowjs.quantization import dequantize_weights, quantize_weights

from export.fold import equalize, folded, is_large
from train import run


def quantize(args: argparse.Namespace) -> None:
    """Write the rounded network, the configuration and the history to ``args.out``.

    Raises:
        run.RunError: ``args.run`` holds no finished network, or ``args.out`` exists.
    """
    out = Path(args.out)
    if out.exists():
        raise run.RunError(f"{out} exists; choose another --out.")
    model = rounded(run.load_model(args.run))
    out.mkdir(parents=True)
    run.save_model(model, out / run.MODEL)
    deflate(out / run.MODEL)
    run.write_json(out / run.CONFIG, run.read_json(args.run, run.CONFIG) | {"weights": "rounded to uint8"})
    shutil.copy(args.run / run.HISTORY, out)
    print(f"{out / run.MODEL}: {(out / run.MODEL).stat().st_size / 1e6:.1f} MB")


def rounded(model: keras.Model) -> keras.Model:
    """Nearly the same network, pixels to P(real), whose large tensors take 256 values each."""
    model = folded(model)
    equalize(model)
    for variable in filter(is_large, model.weights):
        variable.assign(round_to_uint8(np.asarray(variable)))
    return model


def round_to_uint8(weights: np.ndarray) -> np.ndarray:
    """The nearest values that TensorFlow.js' uint8 weight format holds for this float32 tensor, any shape."""
    levels, metadata = quantize_weights(weights, np.uint8)
    return dequantize_weights(levels, metadata).astype(np.float32)


def deflate(path: Path) -> None:
    """Compress a .keras file in place; Keras stores its zip uncompressed, and reads it either way."""
    partial = path.with_name("partial-" + path.name)
    with zipfile.ZipFile(path) as stored, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as small:
        for member in stored.infolist():
            small.writestr(member.filename, stored.read(member))
    partial.replace(path)
