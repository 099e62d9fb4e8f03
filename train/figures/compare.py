"""Trained networks side by side: a row of figures for each, and differences with their intervals."""

import sys
from pathlib import Path

import numpy as np

from train import plots, run
from train.figures import metrics
from train.networks import models
from train.spec import CLASS_NAMES

NOT_TRAINED = "not trained here"  # Instead of a figure.


def sort_out(folders: list[Path]) -> tuple[list[Path], dict[Path, str]]:
    """Tell the runs that hold a network from those that were not trained to the end, or not at all.

    Returns:
        The trained ones, and {folder: name of the network} of the others. A folder that does not exist counts
        if it is called like a network: ``runs/resnet50``.

    Raises:
        run.RunError: no run is trained, or an untrained one's network can't be told.
    """
    trained = [folder for folder in folders if (folder / run.MODEL).exists()]
    untrained = {}
    for folder in folders:
        if folder not in trained:
            name = run.read_json(folder, run.CONFIG).get("model", folder.name)
            if not trained or name not in models.NAMES:
                run.load_model(folder)  # Says what to do.
            untrained[folder] = name
            print(f"{folder} holds no {run.MODEL}: {NOT_TRAINED}", file=sys.stderr)
    return trained, untrained


def check_names(names: list[str]) -> None:
    """Refuse two runs, or two sources, of one name: the tables tell them apart by it.

    Raises:
        run.RunError: naming it.
    """
    if twice := {name for name in names if names.count(name) > 1}:
        raise run.RunError(f"Two are called {min(twice)}; rename one of them.")


def compare(runs: dict[Path, dict], untrained: dict[Path, str], names: tuple[str, ...], out: Path) -> None:
    """Write the comparison of several runs as Markdown, CSV and JSON, and their ROC curves.

    Args:
        runs: {folder: content of its metrics.json}; differences are those to the first.
        untrained: {folder: network} of runs to be shown without figures.
        names: a split, then other sources.
        out: folder to write into.
    """
    rows, changes, lines = [], [], []
    for name in names:
        of_name = [row(folder, name, figures) for folder, figures in runs.items()]
        empty = dict.fromkeys(of_name[0], "") | {"images": name, "accuracy": NOT_TRAINED}
        of_name += [empty | {"run": folder.name, "model": model} for folder, model in untrained.items()]
        changes_here = differences(runs, name)
        lines += [f"## {name}", "", run.markdown(of_name)]
        lines += [*(f"- {difference_line(change)}" for change in changes_here), ""]
        rows += of_name
        changes += changes_here
    run.write_csv(out / "comparison.csv", rows)
    run.write_json(out / "comparison.json", {"split": names[0], "runs": rows, "differences": changes})
    with run.replaced(out / "comparison.md") as partial:
        partial.write_text("\n".join(lines))
    plots.roc({folder.name: figures["splits"][names[0]] for folder, figures in runs.items()}, out)
    print("\n".join(lines))


def row(folder: Path, name: str, figures: dict) -> dict[str, str]:
    """The figures of one run on a split or another source; "-" for what one class alone does not tell."""
    source = figures.get("extra", {}).get(name)
    whole = source.get("all") if source else figures["splits"][name]
    classes = source["accuracy"] if source else {}
    result = {"images": name, "run": folder.name, "model": run.read_config(folder)["model"]}
    columns = "accuracy interval_95 accuracy_fake accuracy_real f1_fake f1_real roc_auc eer ece brier".split()
    columns += [f"fakes_found_at_{point:.0%}" for point in metrics.FALSE_ACCUSATIONS]
    if not whole:
        of_class = {f"accuracy_{class_name}": f"{right:.3f}" for class_name, right in classes.items()}
        return result | dict.fromkeys(columns, "-") | of_class
    at, calibration = whole["at_threshold"], whole["calibration"]["after"]
    low, high = at["accuracy_interval_95"]
    values = [
        at["accuracy"],
        f"{low:.3f}..{high:.3f}",
        *(at["classes"][class_name][key] for key in ("recall", "f1") for class_name in CLASS_NAMES),
        whole["roc_auc"],
        whole["equal_error_rate"],
        calibration["ece"],
        calibration["brier"],
        *(point["fakes_found"] for point in whole["operating_points"]),
    ]
    return result | {k: v if isinstance(v, str) else f"{v:.3f}" for k, v in zip(columns, values, strict=True)}


def differences(runs: dict[Path, dict], name: str) -> list[dict]:
    """Paired differences of the runs to the first one on a split or other source, from their score files.

    A run that was scored on other images than the first one, or on none of that name, is left out; images count as
    the same by their content, whatever they are called.
    """
    (first, of_first), *others = runs.items()
    scored = {
        folder: {(image["sha256"], image["class"]): image["p_real"] for image in rows}
        for folder in runs
        if "sha256" in (rows := run.read_csv(folder / f"scores-{name}.csv") or [{}])[0]
    }
    images = sorted(scored.get(first, {}))
    labels = np.array([CLASS_NAMES.index(class_name) for _, class_name in images])
    same = [folder for folder, of_folder in scored.items() if sorted(of_folder) == images]
    p_real = {folder: np.array([scored[folder][image] for image in images]) for folder in same}
    return [
        {"images": name, "run": folder.name, "minus": first.name}
        | metrics.paired_bootstrap(labels, p_real[folder], p_real[first], figures["threshold"], of_first["threshold"])
        for folder, figures in others
        if images and folder in same
    ]


def difference_line(change: dict) -> str:
    """One of `differences` as a line for people."""
    parts = []
    for key, words in (("accuracy", "accuracy"), ("roc_auc", "ROC AUC")):
        if key in change:
            low, high = change[key]["interval_95"]
            parts.append(f"{words} {change[key]['difference']:+.3f} (95% {low:+.3f}..{high:+.3f})")
    return f"{change['run']} - {change['minus']} on {change['images']}: {', '.join(parts)}"
