"""Measure trained networks, with the decision threshold taken from validation.

    python -m train evaluate runs/custom --data DIR --split test
    python -m train evaluate runs/custom --data DIR --extra lfw=DIR --robustness DIR/of/pictures
    python -m train evaluate runs/custom runs/residual runs/resnet50 --data DIR --extra second=DIR --out comparison

The first prints accuracy with its interval, ROC AUC, calibration and operating points of both splits, and writes them
to runs/custom/metrics.json. The second adds another source's accuracy, real and fake apart, and tables of what
is judged right in other sizes, files and conditions. The third also writes comparison/comparison.{md,csv,json} and
roc.png: a row for each run, "not trained here" for runs/resnet50 where there is no such run, and, for the test images
and each other source, the difference of each run to the first in accuracy and ROC AUC, with its 95% interval.
"""

import argparse
import sys
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from train import data, leaks, metrics, models, plots, robustness, run, scoring
from train.conditions import Condition, as_it_is
from train.spec import CLASS_NAMES

NOT_TRAINED = "not trained here"  # Instead of a figure.


def evaluate(args: argparse.Namespace) -> None:
    """Score validation, ``args.split`` and other sources; write into each run, print, and compare several runs.

    Raises:
        data.DataError: the dataset or another source can't be used.
        run.RunError: a run holds no finished network, and nothing tells which one it is to become.
    """
    trained, untrained = sort_out(args.run)
    splits = tuple(dict.fromkeys(("valid", args.split)))
    photos = data.load_checked(args.data, splits, allow_duplicates=args.allow_duplicates, split_seed=args.split_seed)
    name_of_data = args.data.resolve().name
    sources = {name: data.check_source(folder) for name, folder in args.extra}
    more_validation = [photo for folder in args.valid for photo in data.check_source(folder)]
    pictures = data.check_source(args.robustness) if args.robustness else []
    for folder in trained:
        for of_one in (photos, more_validation, pictures, *sources.values()):
            leaks.check(folder, of_one, args.allow_duplicates)
    measured = []
    for folder in trained:
        print(f"== {folder}")
        model = run.load_model(folder)
        figures = measure(folder, model, photos, splits, name_of_data, args.as_is, more_validation)
        for name, of_source in sources.items():
            figures.setdefault("extra", {})[name] = measure_source(folder, name, model, of_source, figures, args.as_is)
            print(source_line(name, figures["extra"][name]))
        if args.robustness:
            found = robustness.measure(model, pictures, figures["threshold"])
            figures["robustness"] = {"dataset": identity(pictures, args.robustness.resolve().name)} | found
            plots.robustness(found, folder / run.PLOTS)
            print(*map(run.markdown, robustness.tables(found)), sep="\n\n")
        run.write_json(folder / run.METRICS, figures)
        measured.append(figures)
    if args.out:
        compare(dict(zip(trained, measured)), untrained, (args.split, *sources), args.out)


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


def identity(photos: list[data.Photo], name: str) -> dict:
    """What was measured: the dataset's name, and counts and hash of its content."""
    return {"name": name} | data.fingerprint(photos)


def score(model: keras.Model, photos: list[data.Photo], size: int | None = None) -> np.ndarray:
    """P(real) of each photo as it is, resized to ``size`` or to the network's own: float64 (photos,), 0..1."""
    return model.predict(data.batches(photos, scoring.BATCH, size or models.input_size(model)))[:, 0].astype(float)


def measure(
    out: Path,
    model: keras.Model,
    photos: list[data.Photo],
    splits: tuple[str, ...],
    name: str,
    as_is: bool = True,
    more_validation: list[data.Photo] = (),
) -> dict:
    """Score the splits ("valid" among them), choose threshold and "unsure" band on validation, write and print.

    Through the chain (not ``as_is``), the choice is made on the views of `scoring.in_conditions` too: one threshold is
    to serve pictures of every kind.

    What was measured before stays if the threshold came from the same validation images, and goes if not.

    Args:
        out: the run's folder.
        model: its network.
        photos: scanned, of the splits.
        splits: to be measured; the last one tells how the "unsure" band does.
        name: of the dataset.
        as_is: judge the images as they are, which are cut to the face already; else as people's photos are judged.
        more_validation: images of other sources that the choice is made on too.

    Returns:
        The content of metrics.json.
    """
    labels, scores, of_splits, chains = {}, {}, {}, {}
    for split in splits:
        of_split = of_splits[split] = [photo for photo in photos if photo.split == split]
        labels[split] = data.labels_of(of_split)[:, 0].astype(int)
        scores[split], chains[split] = judged(model, of_split, as_is)

    choice = of_splits["valid"] + list(more_validation)
    changed = [] if as_is else scoring.in_conditions(choice)
    of_views = data.labels_of([*choice, *(photo for photo, _ in changed)])[:, 0].astype(int)
    p_real = scores["valid"]
    if more_validation:
        p_real = np.append(p_real, judged(model, more_validation, as_is)[0])
    if changed:
        p_real = np.append(p_real, [one.p_real for one in through_chain(model, changed)])
    _, threshold = metrics.equal_error(of_views, p_real)
    low, high = metrics.unsure_band(of_views, p_real, threshold)
    points = metrics.choose_points(of_views, p_real)
    temperature = run.read_json(out, run.CONFIG).get("temperature", 1.0)
    chosen_on = data.fingerprint(choice)["sha256"] + (" as is" if as_is else "")
    seen_as = "" if as_is else f", each as it is and in {len(changed) // len(choice)} conditions"
    figures = kept_figures(out, chosen_on) | {
        "threshold": threshold,
        "threshold_from": f"equal error rate on {len(choice)} validation images{seen_as}",
        "chosen_on": chosen_on,
        "temperature": temperature,
        "unsure": {"low": low, "high": high}
        | metrics.outside_band(labels[splits[-1]], scores[splits[-1]], low, high)
        | {"measured_on": splits[-1]},
    }
    figures["splits"] = figures.get("splits", {}) | {
        split: {"dataset": identity(of_splits[split], name), "chain": chains[split]}
        | metrics.summarize(labels[split], scores[split], threshold, points, temperature)
        for split in splits
    }
    figures["operating_points"] = {str(rate): point for rate, point in points.items()}
    for split in splits:  # After those of before were deleted.
        write_scores(out, split, of_splits[split], scores[split])
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


def kept_figures(out: Path, validation: str) -> dict:
    """The content of metrics.json that still holds with a threshold from the validation images of this hash.

    Figures, scores and plots that another threshold made are deleted.
    """
    figures = run.read_json(out, run.METRICS)
    if figures.get("chosen_on") == validation:
        return figures
    for name in (*figures.get("splits", {}), *figures.get("extra", {})):
        print(f"{out}: figures of {name} go, since their threshold came from other validation images", file=sys.stderr)
        (out / f"scores-{name}.csv").unlink(missing_ok=True)
        for plot in ("confusion", "reliability"):
            (out / run.PLOTS / f"{plot}-{name}.png").unlink(missing_ok=True)
    return {}


def write_scores(out: Path, name: str, photos: list[data.Photo], p_real: np.ndarray) -> None:
    """Write P(real) of each photo of a split or other source, with all digits of a float32."""
    rows = [
        {"file": "/".join(Path(photo.path).parts[-2:]), "class": CLASS_NAMES[photo.label], "p_real": f"{p:.9g}"}
        | {"sha256": photo.sha256}
        for photo, p in zip(photos, p_real)
    ]
    run.write_csv(out / f"scores-{name}.csv", rows)


def through_chain(model: keras.Model, views: list[tuple[data.Photo, Condition]]) -> list[scoring.Score]:
    """Judge photos, each in a condition, as people's photos are judged."""
    readers = [scoring.reader(photo, condition) for photo, condition in views]
    return scoring.score(model, tqdm(readers, "judging", unit="photo"))


def judged(model: keras.Model, photos: list[data.Photo], as_is: bool) -> tuple[np.ndarray, dict]:
    """P(real) of photos, and what the chain made of them.

    Returns:
        float64 (photos,), 0..1; and counts of those as_is, cut (a face was cut out), several (faces, of which the
        worst counts) and no_face (no verdict elsewhere; here they are judged as they are).
    """
    if as_is:
        return score(model, photos), {"as_is": len(photos)}
    found = through_chain(model, [(photo, as_it_is) for photo in photos])
    counts = {
        "as_is": sum(one.as_is and one.faces != 0 for one in found),
        "cut": sum(not one.as_is for one in found),
        "several": sum(one.faces > 1 for one in found),
        "no_face": sum(one.faces == 0 for one in found),
    }
    return np.array([one.p_real for one in found]), counts


def measure_source(
    out: Path, name: str, model: keras.Model, photos: list[data.Photo], figures: dict, as_is: bool = True
) -> dict:
    """Score another source, of both classes or one, and write the scores; real and fake are always kept apart.

    Returns:
        dataset; chain, as `judged` counts; of each class that it has: images, accuracy, accuracy_interval_95, and
        not_wrong, the share that is right or "unsure"; "all", as `metrics.summarize`, if it has both.
    """
    labels = data.labels_of(photos)[:, 0].astype(int)
    p_real, chain = judged(model, photos, as_is)
    write_scores(out, name, photos, p_real)
    result = {"dataset": identity(photos, name), "chain": chain}
    result |= {key: {} for key in ("images", "accuracy", "accuracy_interval_95", "not_wrong")}
    low, high = (figures["unsure"][key] for key in ("low", "high"))
    for label, class_name in enumerate(CLASS_NAMES):
        right = (p_real[labels == label] >= figures["threshold"]) == label
        if len(right):
            result["images"][class_name] = len(right)
            result["accuracy"][class_name] = float(right.mean())
            result["accuracy_interval_95"][class_name] = metrics.interval_95(right.sum(), len(right))
            of_class = p_real[labels == label]
            result["not_wrong"][class_name] = float((of_class >= low if label else of_class < high).mean())
    if len(result["images"]) == len(CLASS_NAMES):
        points = {float(rate): threshold for rate, threshold in figures["operating_points"].items()}
        result["all"] = metrics.summarize(labels, p_real, figures["threshold"], points, figures["temperature"])
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


def compare(runs: dict[Path, dict], untrained: dict[Path, str], names: tuple[str, ...], out: Path) -> None:
    """Write the comparison of several runs as Markdown, CSV and JSON, and their ROC curves.

    Args:
        runs: {folder: content of its metrics.json}; differences are those to the first.
        untrained: {folder: network} of runs to be shown without figures.
        names: a split, then other sources.
        out: folder to write.
    """
    out.mkdir(parents=True, exist_ok=True)
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
    (out / "comparison.md").write_text("\n".join(lines))
    plots.roc({folder.name: figures["splits"][names[0]] for folder, figures in runs.items()}, out)
    print("\n".join(lines))


def row(folder: Path, name: str, figures: dict) -> dict[str, str]:
    """The figures of one run on a split or another source; "-" for what one class alone does not tell."""
    source = figures.get("extra", {}).get(name)
    whole = source.get("all") if source else figures["splits"][name]
    classes = source["accuracy"] if source else {}
    result = {"images": name, "run": folder.name, "model": run.read_json(folder, run.CONFIG)["model"]}
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
        folder: {(image["sha256"], image["class"]): image["p_real"] for image in images}
        for folder in runs
        if "sha256" in (images := run.read_csv(folder / f"scores-{name}.csv") or [{}])[0]
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
