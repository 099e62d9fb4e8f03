"""One page for people about trained runs: figures, curves and limits, pictures inside.

    python -m train report runs/custom runs/residual --out report.html

writes report.html, one file with its pictures inside: all runs in one table and one ROC plot, their paired
differences to the first, other sources, then a section for each run.
"""

import argparse
from pathlib import Path

from markupsafe import Markup

from train import html, plots, run
from train.figures import compare, metrics, robustness
from train.spec import CLASS_NAMES

SPLIT_TITLES = {"test": "Test images", "valid": "Validation images (threshold and calibration were chosen on these)"}
PICTURES = {  # File in plots/: alternative text, caption.
    "training": ("Training curves", "Loss and accuracy over the epochs."),
    "roc": ("ROC curves", "Fakes found against real photos called fake, over all thresholds."),
    "confusion-test": ("Confusion matrix", "Verdicts on the test images, at the threshold."),
    "reliability-test": ("Reliability diagram", "Of the photos given one P(real), how many are real."),
    "robustness": (
        "Heat maps and bars of shares judged right",
        "Share judged right in other sizes, files and conditions.",
    ),
}


def report(args: argparse.Namespace) -> None:
    """Write the page about ``args.run`` to ``args.out``.

    Raises:
        run.RunError: a run was not evaluated, or is not trained and nothing tells which one it is to become, or is
            being written to; or two have one name.
    """
    compare.check_names([folder.name for folder in args.run])
    with run.unchanged(*args.run):
        sections = sections_of(args.run)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with run.replaced(args.out) as partial:
        partial.write_text(html.page("How well the detectors tell", sections))
    print(args.out)


def sections_of(folders: list[Path]) -> dict[str, list[Markup]]:
    """What the page says of runs, under its headings."""
    trained, untrained = compare.sort_out(folders)
    runs = {folder: run.read_figures(folder) for folder in trained}
    sections = {"Figures on the test images": [html.table(summary(runs, untrained)), html.text(legend(runs))]}
    if len(runs) > 1:
        curves = plots.roc_curves({folder.name: figures["splits"]["test"] for folder, figures in runs.items()})
        sections["Figures on the test images"].append(html.figure(curves, *PICTURES["roc"]))
    if changes := paired(runs):
        sections["Which is better?"] = changes
    if sources := other_sources(runs):
        sections["Other sources"] = [
            html.text(
                "Images of other collections, never used to choose a threshold; accuracy of each class apart. "
                "What each model was trained on stands in its own section."
            ),
            html.table(sources),
        ]
    for folder, figures in runs.items():
        sections[folder.name] = one_run(folder, figures)
    return sections


def interval(at: dict) -> str:
    """Accuracy and its 95% interval, in percent, kept on one line."""
    low, high = at["accuracy_interval_95"]
    return f"{at['accuracy']:.1%} ({low:.1%} to {high:.1%})".replace(" ", "\N{NO-BREAK SPACE}")


def summary(runs: dict[Path, dict], untrained: dict[Path, str]) -> list[dict]:
    """One row a run, with figures where it is trained."""
    rows = []
    for folder, figures in runs.items():
        test = figures["splits"]["test"]
        classes = test["at_threshold"]["classes"]
        points = {f"{point['false_accusation']:.0%}": point for point in test["operating_points"]}
        rows.append(
            {
                "run": folder.name,
                "model": run.read_config(folder)["model"],
                "accuracy (95% interval)": interval(test["at_threshold"]),
                **{f"right on {name}": f"{classes[name]['recall']:.1%}" for name in CLASS_NAMES},
                "ROC AUC": f"{test['roc_auc']:.3f}",
                "calibration error": f"{test['calibration']['after']['ece']:.3f}",
                **{
                    f"fakes found at {rate} accused": f"{point['fakes_found']:.1%} (accused: {point['accused']:.1%})"
                    for rate, point in points.items()
                },
            }
        )
    return rows + [
        dict.fromkeys(rows[0], "")
        | {"run": folder.name, "model": model, "accuracy (95% interval)": compare.NOT_TRAINED}
        for folder, model in untrained.items()
    ]


def paired(runs: dict[Path, dict]) -> list[Markup]:
    """Differences of the runs to the first one, on the test images and on each other source that several share."""
    sources = dict.fromkeys(name for figures in runs.values() for name in figures.get("extra", {}))
    changes = [change for name in ("test", *sources) for change in compare.differences(runs, name)]
    if not changes:
        return []

    def shown(change: dict, key: str) -> str:
        if key not in change:
            return "-"
        low, high = change[key]["interval_95"]
        return f"{change[key]['difference']:+.3f} ({low:+.3f} to {high:+.3f})"

    rows = [
        {
            "difference": f"{change['run']} - {change['minus']}",
            "images": change["images"],
            "accuracy (95% interval)": shown(change, "accuracy"),
            "ROC AUC (95% interval)": shown(change, "roc_auc"),
        }
        for change in changes
    ]
    return [
        html.table(rows),
        html.text(
            "The runs of a pair judged the same images, by their content, so their difference is known better than "
            f"each one's figures: {metrics.RESAMPLES:,} resamples of the images, the same for both (paired bootstrap). "
            "Where the interval holds 0, chance may be all there is."
        ),
    ]


def legend(runs: dict[Path, dict]) -> str:
    """How to read the table."""
    measured: dict[str, list[str]] = {}
    for folder, figures in runs.items():
        test = figures["splits"]["test"]
        fakes, reals = (test["images"][name] for name in CLASS_NAMES)
        guess = max(fakes, reals) / (fakes + reals)
        line = (
            f"{reals} real and {fakes} fake test images of {dataset(test)}; one answer for all is right on {guess:.0%}"
        )
        measured.setdefault(line, []).append(folder.name)
    lines = [line if len(measured) == 1 else f"{', '.join(names)}: {line}" for line, names in measured.items()]
    different = " Runs that were measured on different images can't be compared by this table."
    return (
        f"{'; '.join(lines)}.{different if len(measured) > 1 else ''} "
        "Fakes found at 1% accused: the share of fakes found at the threshold where one real validation photo of a "
        "hundred is called fake; beside it, the share of these real photos that is."
    )


def dataset(figures: dict) -> str:
    """Name and the hash's beginning of what was measured."""
    return f"{figures['dataset']['name']} (content {figures['dataset']['sha256'][:12]})"


def other_sources(runs: dict[Path, dict]) -> list[dict]:
    """One row a run and source."""
    rows = []
    for folder, figures in runs.items():
        for name, of_source in figures.get("extra", {}).items():
            row = {"run": folder.name, "source": f"{name} (content {of_source['dataset']['sha256'][:12]})"}
            for label in CLASS_NAMES:
                right = of_source["accuracy"].get(label)
                row[f"{label} images"] = of_source["images"].get(label, 0)
                row[f"right on {label}"] = "-" if right is None else f"{right:.1%}"
            both = of_source.get("all")
            row["together (95% interval)"] = interval(both["at_threshold"]) if both else "-"
            row["ROC AUC"] = f"{both['roc_auc']:.3f}" if both else "-"
            rows.append(row)
    return rows


def start(config: dict) -> str:
    """A sentence on the weights that the training started from, where they were not random."""
    origin = config.get("start")
    if not origin:
        return ""
    if origin == "imagenet":
        return " It started from Keras' ImageNet weights."
    if "model" in origin:
        return f" It started from layers of {origin['model']} (weights {origin['weights']})."
    return f" It started from the weights in {origin['file']} (SHA-256 {origin['sha256'][:16]}...)."


def one_run(folder: Path, figures: dict) -> list[Markup]:
    """What the run is, its figures on each split, and its plots."""
    config = run.read_config(folder)
    counts = ", ".join(f"{count} {name}" for name, count in config["dataset"]["counts"].items())
    unsure = figures["unsure"]
    right = f", {unsure['accuracy']:.1%} of them judged right" if unsure["coverage"] else ""
    band = (
        f" Unsure from {unsure['low']:.3f} to {unsure['high']:.3f}: {unsure['coverage']:.0%} of the "
        f"{unsure['measured_on']} images lie outside{right}."
    )
    parts = [
        html.text(f"{config['model']}, on {' + '.join(config['dataset']['names'])} ({counts}).{start(config)}"),
        html.text(
            f"Called real from P(real) {figures['threshold']:.3f} on ({figures['threshold_from']})."
            f"{band if unsure['low'] < unsure['high'] else ''} Calibrated by a temperature of "
            f"{figures['temperature']:.2f} and an offset of {figures['offset']:.2f}."
        ),
    ]
    for split in (name for name in SPLIT_TITLES if name in figures["splits"]):
        at = figures["splits"][split]["at_threshold"]
        rows = [
            {"class": name} | {key: f"{of_class[key]:.3f}" for key in ("precision", "recall", "f1")}
            for name, of_class in at["classes"].items()
        ]
        of_what = dataset(figures["splits"][split])
        parts += [html.text(f"{SPLIT_TITLES[split]}, {of_what}: {interval(at)} right."), html.table(rows)]
    for name, words in PICTURES.items():
        path = folder / run.PLOTS / f"{name}.png"
        if path.exists():
            parts.append(html.picture(path.read_bytes(), *words))
    if "robustness" in figures:
        parts.append(html.text("Share judged right of pictures in other sizes, files and conditions:"))
        parts += map(html.table, robustness.tables(figures["robustness"]))
    return parts
