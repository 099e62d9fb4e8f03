"""``detector.json``: all that a program beside a model file must know to use it and to say where it is from."""

from pathlib import Path

from train import run
from train.chain.read import FORMATS, MAX_PIXELS
from train.spec import CLASS_NAMES, RESIZE, SCALE, WORDS

DETECTOR = "detector.json"


def describe(source: Path, precision: str, folder: Path, has_evidence: bool) -> dict:
    """Describe the model files in ``folder``, made from the run ``source``.

    Args:
        source: an evaluated run folder.
        precision: how the weights are stored, one of `precision.PRECISIONS`.
        folder: its files are listed with their hashes.
        has_evidence: whether the network has an evidence map beside P(real).

    Returns:
        classes (the index is the label; the model's output of rank 2 is P of the last), evidence (whether it has an
        output of rank 4 too, see `export.evidence`), words (verdicts for people),
        input (what the graph does to raw pixels, and which files a reader accepts), threshold, unsure
        (the band of P(real) around it), temperature (part of the graph already), metrics of each evaluated
        split, extra and robustness where they were measured, provenance, files {name: sha256}.

    Raises:
        run.RunError: the run has no figures yet.
    """
    figures = run.read_json(source, run.METRICS)
    config = run.read_json(source, run.CONFIG)
    if not figures:
        raise run.RunError(f"{source} has no {run.METRICS}; run `python -m train evaluate {source} --data DIR` first.")
    return {
        "name": config["model"],
        "classes": list(CLASS_NAMES),
        "words": WORDS,
        "evidence": has_evidence,
        "input": {
            "channels": "RGB",
            "range": [0, 255],
            "size": config["input_size"],
            "resize": RESIZE,
            "scale": SCALE,
            "formats": list(FORMATS),
            "max_pixels": MAX_PIXELS,
        },
        "threshold": figures["threshold"],
        "unsure": figures["unsure"],
        "temperature": figures["temperature"],
        "precision": precision,
        "metrics": figures["splits"],
        **{key: figures[key] for key in ("extra", "robustness") if key in figures},
        "provenance": config,
        "files": {path.name: run.sha256(path) for path in sorted(folder.iterdir()) if path.name != DETECTOR},
    }
