"""``detector.json``, as `train.chain.info` describes it."""

from pathlib import Path

import keras

from train import run
from train.chain.info import Info, Layer
from train.chain.read import FORMATS, MAX_BYTES, MAX_PIXELS
from train.spec import CLASS_NAMES, RESIZE, SCALE, SCOPE, WORDS


def read_facts(source: Path) -> dict:
    """What a run knows of its network: metrics.json, and config.json as provenance.

    Raises:
        run.RunError: it was not measured on a test split, or has no config.json.
    """
    return run.read_figures(source) | {"provenance": run.read_config(source)}


def describe(facts: dict, precision: str, folder: Path, model: keras.Model) -> Info:
    """Describe the model files in ``folder``.

    Args:
        facts: of the run that they were made from, as `read_facts` returns them.
        precision: how the weights are stored, one of `precision.PRECISIONS`.
        folder: its files are listed with their hashes.
        model: the network that they hold, with or without an evidence map beside P(real).
    """
    config = facts["provenance"]
    # Without what draws the evidence map, which was not trained.
    judging = keras.Model(model.input, next(output for output in model.outputs if output.ndim == 2))
    info: Info = {
        "name": config["model"],
        "classes": list(CLASS_NAMES),
        "words": WORDS,
        "scope": SCOPE,
        "evidence": len(model.outputs) > 1,
        "parameters": judging.count_params(),
        "layers": describe_layers(judging),
        "input": {
            "channels": "RGB",
            "range": [0, 255],
            "size": config["input_size"],
            "resize": RESIZE,
            "scale": SCALE,
            "formats": list(FORMATS),
            "max_pixels": MAX_PIXELS,
            "max_bytes": MAX_BYTES,
        },
        "threshold": facts["threshold"],
        "unsure": facts["unsure"],
        "temperature": facts["temperature"],
        "offset": facts["offset"],
        "precision": precision,
        "metrics": facts["splits"],
        "provenance": config,
        "files": {path.name: run.sha256(path) for path in sorted(folder.iterdir()) if path.name != run.DETECTOR},
    }
    if "extra" in facts:
        info["extra"] = facts["extra"]
    if "robustness" in facts:
        info["robustness"] = facts["robustness"]
    return info


def describe_layers(model: keras.Model) -> list[Layer]:
    """Each layer of a network, from its input on."""
    rows: list[Layer] = []
    for layer in model.layers:
        shape = keras.tree.flatten(layer.output)[0].shape[1:]
        rows.append(
            {
                "kind": layer.name if isinstance(layer, keras.Model) else type(layer).__name__,
                "shape": " × ".join("any" if n is None else f"{n:,}" for n in shape),
                "parameters": layer.count_params(),
            }
        )
    return rows
