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
import contextlib
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from tqdm import tqdm

from train import plots, run
from train.figures import compare, metrics, robustness, scoring
from train.figures.conditions import Condition, as_it_is
from train.networks import inference
from train.photos import data, leaks
from train.spec import CLASS_NAMES


def evaluate(args: argparse.Namespace) -> None:
    """Score validation, ``args.split`` and other sources; write into each run, print, and compare several runs.

    Raises:
        data.DataError: the dataset or another source can't be used.
        run.RunError: a run holds no finished network, and nothing tells which one it is to become; or another command
            writes to it; or two runs that are compared, or two sources, have one name.
    """
    trained, untrained = compare.sort_out(args.run)
    compare.check_names([name for name, _ in args.extra])
    if args.out:
        compare.check_names([folder.name for folder in args.run])
        args.out.mkdir(parents=True, exist_ok=True)  # Refused before hours of measuring, if it is.
    with contextlib.ExitStack() as held:
        for folder in trained:
            held.enter_context(run.alone(folder))
        evaluate_alone(args, trained, untrained)


def evaluate_alone(args: argparse.Namespace, trained: list[Path], untrained: dict[Path, str]) -> None:
    """Score, write and compare, as `evaluate` says; no other command writes to the trained runs meanwhile."""
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
        compare.compare(dict(zip(trained, measured)), untrained, (args.split, *sources), args.out)


def identity(photos: list[data.Photo], name: str) -> dict:
    """What was measured: the dataset's name, and counts and hash of its content."""
    return {"name": name} | data.fingerprint(photos)


def measure(
    out: Path,
    model: keras.Model,
    photos: list[data.Photo],
    splits: tuple[str, ...],
    name: str,
    as_is: bool = True,
    more_validation: Sequence[data.Photo] = (),
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

    choice = [*of_splits["valid"], *more_validation]
    changed = [] if as_is else scoring.in_conditions(choice)
    of_views = data.labels_of([*choice, *(photo for photo, _ in changed)])[:, 0].astype(int)
    p_real = scores["valid"]
    if more_validation:
        p_real = np.append(p_real, judged(model, list(more_validation), as_is)[0])
    if changed:
        p_real = np.append(p_real, [one.p_real for one in through_chain(model, changed)])
    _, threshold = metrics.equal_error(of_views, p_real)
    low, high = metrics.unsure_band(of_views, p_real, threshold)
    points = metrics.choose_points(of_views, p_real)
    platt = run.calibration(run.read_json(out, run.CONFIG))
    chosen_on = data.fingerprint(choice)["sha256"] + (" as is" if as_is else "")
    seen_as = "" if as_is else f", each as it is and in {len(changed) // len(choice)} conditions"
    figures = kept_figures(out, chosen_on) | {
        "threshold": threshold,
        "threshold_from": f"equal error rate on {len(choice)} validation images{seen_as}",
        "chosen_on": chosen_on,
        "unsure": {"low": low, "high": high}
        | metrics.outside_band(labels[splits[-1]], scores[splits[-1]], low, high)
        | {"measured_on": splits[-1]},
        **platt,
    }
    figures["splits"] = figures.get("splits", {}) | {
        split: {"dataset": identity(of_splits[split], name), "chain": chains[split]}
        | metrics.summarize(labels[split], scores[split], threshold, points, **platt)
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
    run.forget_figures(out, "their threshold came from other validation images")
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
        return inference.p_real(model, photos), {"as_is": len(photos)}
    found = through_chain(model, [(photo, as_it_is) for photo in photos])
    counts = {
        "as_is": sum(one.as_is and one.faces != 0 for one in found),
        "cut": sum(not one.as_is for one in found),
        "several": sum(one.faces > 1 for one in found),
        "no_face": sum(one.faces == 0 for one in found),
    }
    return np.array([one.p_real for one in found]), counts


def measure_source(
    out: Path, name: str, model: keras.Model, photos: list[data.Photo], figures: dict, as_is: bool
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
        result["all"] = metrics.summarize(
            labels, p_real, figures["threshold"], points, figures["temperature"], figures["offset"]
        )
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
