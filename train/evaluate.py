"""Measure a trained network on a split, with the decision threshold taken from validation.

    python -m train evaluate runs/custom --data ../shared/data/140k-subset --split test
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from train import data, metrics, plots, run
from train.spec import CLASS_NAMES


def evaluate(args: argparse.Namespace) -> None:
    """Score validation and ``args.split``; write metrics.json, scores and plots into the run, and print the figures.

    Raises:
        data.DataError: the dataset can't be used.
        run.RunError: the run holds no finished network.
    """
    model = run.load_model(args.run)
    splits = tuple(dict.fromkeys(("valid", args.split)))
    photos = data.load_checked(args.data, splits, allow_duplicates=args.allow_duplicates)
    measure(args.run, model, photos, splits, args.batch_size)


def measure(out: Path, model: keras.Model, photos: list[data.Photo], splits: tuple[str, ...], batch_size: int) -> None:
    """Score the splits ("valid" among them), choose the threshold on validation, write and print everything."""
    labels, scores = {}, {}
    for split in splits:
        of_split = [photo for photo in photos if photo.split == split]
        labels[split] = np.array([photo.label for photo in of_split])
        scores[split] = model.predict(data.batches(of_split, batch_size))[:, 0].astype(float)
        rows = [
            {"file": str(Path(*Path(photo.path).parts[-2:])), "class": CLASS_NAMES[photo.label], "p_real": f"{p:.6f}"}
            for photo, p in zip(of_split, scores[split])
        ]
        run.write_csv(out / f"scores-{split}.csv", rows)

    _, threshold = metrics.equal_error(labels["valid"], scores["valid"])
    figures = {
        "threshold": threshold,
        "threshold_from": f"equal error rate on {len(labels['valid'])} validation images",
        "splits": run.read_json(out, run.METRICS).get("splits", {})
        | {split: metrics.summarize(labels[split], scores[split], threshold) for split in splits},
    }
    run.write_json(out / run.METRICS, figures)

    history = run.read_csv(out / run.HISTORY)
    if history:
        plots.training_curves(history, out / run.PLOTS)
    plots.roc(labels, scores, out / run.PLOTS)
    for split in splits:
        plots.confusion(figures["splits"][split]["at_threshold"], split, out / run.PLOTS)
        print(table(split, figures["splits"][split]))


def table(split: str, figures: dict) -> str:
    """The figures of one split as text for a terminal."""
    lines = [
        f"{split}: {figures['images']['fake']} fake, {figures['images']['real']} real; "
        f"ROC AUC {figures['roc_auc']:.3f}, average precision (fake) {figures['average_precision']:.3f}, "
        f"EER {figures['equal_error_rate']:.3f}"
    ]
    for key in ("at_default", "at_threshold"):
        at = figures[key]
        low, high = at["accuracy_interval_95"]
        lines.append(f"  threshold {at['threshold']:.3f}: accuracy {at['accuracy']:.3f} (95% {low:.3f}..{high:.3f})")
        for name, of_class in at["classes"].items():
            lines.append(f"    {name}: " + ", ".join(f"{k} {of_class[k]:.3f}" for k in ("precision", "recall", "f1")))
        lines.append(f"    confusion (rows truth, columns verdict; {', '.join(CLASS_NAMES)}): {at['confusion_matrix']}")
    return "\n".join(lines)
