"""Measure trained networks, with the decision threshold taken from validation.

    python -m train evaluate runs/custom --data DIR --split test
    python -m train evaluate runs/custom --data DIR --extra lfw=DIR --robustness
    python -m train evaluate runs/custom runs/residual --data DIR --out comparison
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from train import data, metrics, plots, robustness, run
from train.models import input_size
from train.spec import CLASS_NAMES

BATCH = 32


def evaluate(args: argparse.Namespace) -> None:
    """Score validation, ``args.split`` and other sources; write into each run, print, and compare several runs.

    Raises:
        data.DataError: the dataset or another source can't be used.
        run.RunError: a run holds no finished network.
    """
    splits = tuple(dict.fromkeys(("valid", args.split)))
    photos = data.load_checked(args.data, splits, allow_duplicates=args.allow_duplicates)
    sources = {name: data.check_source(folder) for name, folder in args.extra}
    measured = []
    for folder in args.run:
        print(f"== {folder}")
        model = run.load_model(folder)
        figures = measure(folder, model, photos, splits)
        for name, of_source in sources.items():
            figures.setdefault("extra", {})[name] = measure_source(model, of_source, figures)
            print(source_line(name, figures["extra"][name]))
        if args.robustness:
            of_split = [photo for photo in photos if photo.split == args.split]
            figures["robustness"] = {"split": args.split} | robustness.measure(model, of_split, BATCH)
            plots.robustness(figures["robustness"], folder / run.PLOTS)
        run.write_json(folder / run.METRICS, figures)
        measured.append(figures)
    if args.out:
        compare(args.run, measured, args.split, args.out)


def score(model: keras.Model, photos: list[data.Photo]) -> np.ndarray:
    """P(real) of each photo: float64 (photos,), 0..1."""
    return model.predict(data.batches(photos, BATCH, input_size(model)))[:, 0].astype(float)


def measure(out: Path, model: keras.Model, photos: list[data.Photo], splits: tuple[str, ...]) -> dict:
    """Score the splits ("valid" among them), choose threshold and "unsure" band on validation, write and print.

    Returns:
        The content of metrics.json.
    """
    labels, scores = {}, {}
    for split in splits:
        of_split = [photo for photo in photos if photo.split == split]
        labels[split] = data.labels_of(of_split)[:, 0].astype(int)
        scores[split] = score(model, of_split)
        rows = [
            {"file": "/".join(Path(photo.path).parts[-2:]), "class": CLASS_NAMES[photo.label], "p_real": f"{p:.6f}"}
            for photo, p in zip(of_split, scores[split])
        ]
        run.write_csv(out / f"scores-{split}.csv", rows)

    _, threshold = metrics.equal_error(labels["valid"], scores["valid"])
    low, high = metrics.unsure_band(labels["valid"], scores["valid"], threshold)
    temperature = run.read_json(out, run.CONFIG).get("temperature", 1.0)
    figures = run.read_json(out, run.METRICS) | {
        "threshold": threshold,
        "threshold_from": f"equal error rate on {len(labels['valid'])} validation images",
        "temperature": temperature,
        "unsure": {"low": low, "high": high}
        | metrics.outside_band(labels[splits[-1]], scores[splits[-1]], low, high)
        | {"measured_on": splits[-1]},
    }
    figures["splits"] = figures.get("splits", {}) | {
        split: metrics.summarize(labels[split], scores[split], threshold, temperature) for split in splits
    }
    run.write_json(out / run.METRICS, figures)

    history = run.read_csv(out / run.HISTORY)
    if history:
        plots.training_curves(history, out / run.PLOTS)
    plots.roc({split: figures["splits"][split] for split in splits}, out / run.PLOTS)
    for split in splits:
        plots.confusion(figures["splits"][split]["at_threshold"], split, out / run.PLOTS)
        plots.reliability(figures["splits"][split]["calibration"], split, out / run.PLOTS)
        print(table(split, figures["splits"][split]))
    unsure = figures["unsure"]
    if 0 < unsure["coverage"] < 1:
        print(
            f"unsure for P(real) {low:.3f}..{high:.3f}: {unsure['coverage']:.0%} of {splits[-1]} outside, "
            f"accuracy there {unsure['accuracy']:.3f}"
        )
    return figures


def measure_source(model: keras.Model, photos: list[data.Photo], figures: dict) -> dict:
    """Score another source, of both classes or one; accuracy on real and on fake always apart."""
    labels, p_real = data.labels_of(photos)[:, 0].astype(int), score(model, photos)
    result = {"images": {}, "accuracy": {}}
    for label, name in enumerate(CLASS_NAMES):
        of_class = p_real[labels == label]
        if len(of_class):
            result["images"][name] = len(of_class)
            result["accuracy"][name] = float(((of_class >= figures["threshold"]) == label).mean())
    if len(result["images"]) == len(CLASS_NAMES):
        result["all"] = metrics.summarize(labels, p_real, figures["threshold"], figures["temperature"])
    return result


def source_line(name: str, figures: dict) -> str:
    """The figures of one other source as a line for a terminal."""
    parts = [f"{figures['images'][c]} {c}, accuracy {figures['accuracy'][c]:.3f}" for c in figures["images"]]
    if "all" in figures:
        at, roc_auc = figures["all"]["at_threshold"], figures["all"]["roc_auc"]
        low, high = at["accuracy_interval_95"]
        parts.append(f"together {at['accuracy']:.3f} (95% {low:.3f}..{high:.3f}), ROC AUC {roc_auc:.3f}")
    return f"{name}: " + "; ".join(parts)


def table(split: str, figures: dict) -> str:
    """The figures of one split as text for a terminal."""
    before, after = (figures["calibration"][key] for key in ("before", "after"))
    points = ", ".join(
        f"{point['fakes_found']:.0%} of fakes at {point['false_accusation']:.0%} false accusation"
        for point in figures["operating_points"]
    )
    lines = [
        f"{split}: {figures['images']['fake']} fake, {figures['images']['real']} real; "
        f"ROC AUC {figures['roc_auc']:.3f}, average precision (fake) {figures['average_precision']:.3f}, "
        f"EER {figures['equal_error_rate']:.3f}",
        f"  calibration error {before['ece']:.3f} -> {after['ece']:.3f}, "
        f"Brier score {before['brier']:.3f} -> {after['brier']:.3f}; {points}",
    ]
    for key in ("at_default", "at_threshold"):
        at = figures[key]
        low, high = at["accuracy_interval_95"]
        lines.append(f"  threshold {at['threshold']:.3f}: accuracy {at['accuracy']:.3f} (95% {low:.3f}..{high:.3f})")
        for name, of_class in at["classes"].items():
            lines.append(f"    {name}: " + ", ".join(f"{k} {of_class[k]:.3f}" for k in ("precision", "recall", "f1")))
        lines.append(f"    confusion (rows truth, columns verdict; {', '.join(CLASS_NAMES)}): {at['confusion_matrix']}")
    return "\n".join(lines)


def compare(folders: list[Path], measured: list[dict], split: str, out: Path) -> None:
    """Write one table (Markdown, CSV, JSON) and one ROC plot of several runs, and paired differences to the first."""
    out.mkdir(parents=True, exist_ok=True)
    rows, differences = [], []
    scored = [run.read_csv(folder / f"scores-{split}.csv") for folder in folders]
    labels = np.array([CLASS_NAMES.index(row["class"]) for row in scored[0]])
    scores = [np.array([row["p_real"] for row in of_run]) for of_run in scored]
    for folder, figures, p_real in zip(folders, measured, scores):
        of_split = figures["splits"][split]
        at = of_split["at_threshold"]
        low, high = at["accuracy_interval_95"]
        rows.append(
            {
                "run": folder.name,
                "model": run.read_json(folder, run.CONFIG)["model"],
                "accuracy": f"{at['accuracy']:.3f}",
                "interval_95": f"{low:.3f}..{high:.3f}",
                "accuracy_fake": f"{at['classes']['fake']['recall']:.3f}",
                "accuracy_real": f"{at['classes']['real']['recall']:.3f}",
                "f1_fake": f"{at['classes']['fake']['f1']:.3f}",
                "f1_real": f"{at['classes']['real']['f1']:.3f}",
                "roc_auc": f"{of_split['roc_auc']:.3f}",
                "eer": f"{of_split['equal_error_rate']:.3f}",
                "ece": f"{of_split['calibration']['after']['ece']:.3f}",
            }
        )
        if folder != folders[0]:
            thresholds = figures["threshold"], measured[0]["threshold"]
            difference = metrics.paired_bootstrap(labels, p_real, scores[0], *thresholds)
            differences.append({"run": folder.name, "minus": folders[0].name} | difference)
    run.write_csv(out / "comparison.csv", rows)
    run.write_json(out / "comparison.json", {"split": split, "runs": rows, "differences": differences})
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    lines.append("")
    for difference in differences:
        parts = []
        for name in ("accuracy", "roc_auc"):
            low, high = difference[name]["interval_95"]
            parts.append(f"{name} {difference[name]['difference']:+.3f} (95% {low:+.3f}..{high:+.3f})")
        lines.append(f"{difference['run']} - {difference['minus']}: {', '.join(parts)}")
    (out / "comparison.md").write_text("\n".join(lines) + "\n")
    plots.roc({folder.name: figures["splits"][split] for folder, figures in zip(folders, measured)}, out)
    print("\n".join(lines))
