"""What more data would bring: figures of runs that differ in the number of training images.

    for n in 200 400 800 1600; do python -m train fit custom --data DIR --train-size $n --out runs/custom-$n; done
    python -m train learning-curve runs/custom-200 runs/custom-400 runs/custom-800 runs/custom-1600 --out runs/curve

prints each run's number of training images, accuracy with its 95% interval and ROC AUC, and writes
runs/curve/learning-curve.csv and .png: a line for each kind of model, with the interval at each size.
"""

import argparse

from tabulate import tabulate

from train import plots, run


def learning_curve(args: argparse.Namespace) -> None:
    """Write learning-curve.csv and learning-curve.png of the runs, in order of their training images.

    Raises:
        run.RunError: a run was not evaluated, or some on other images than others: a curve of them would mislead.
    """
    rows = []
    measured: dict[str, list[str]] = {}  # {hash of the images: the runs}
    for folder in args.run:
        config, test = run.read_config(folder), run.read_figures(folder)["splits"]["test"]
        measured.setdefault(test["dataset"]["sha256"], []).append(folder.name)
        low, high = test["at_threshold"]["accuracy_interval_95"]
        counts = config["dataset"]["counts"]
        rows.append(
            {
                "model": config["model"],
                "images": sum(count for name, count in counts.items() if name.startswith("train/")),
                "accuracy": test["at_threshold"]["accuracy"],
                "low": low,
                "high": high,
                "roc_auc": test["roc_auc"],
            }
        )
    if len(measured) > 1:
        groups = " and ".join(", ".join(names) for names in measured.values())
        raise run.RunError(f"{groups} were measured on different test images; evaluate all on the same.")
    rows.sort(key=lambda row: (row["model"], row["images"]))
    args.out.mkdir(parents=True, exist_ok=True)
    run.write_csv(args.out / "learning-curve.csv", rows)
    plots.learning_curve(rows, args.out)
    print(tabulate(rows, headers="keys", floatfmt=".3f"))
