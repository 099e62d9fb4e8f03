"""Fit, evaluate and apply the detectors.

    python -m train fetch --out DIR
    python -m train explore --data DIR --out DIR
    python -m train fit custom --data DIR --out runs/custom
    python -m train tune custom --data DIR --out runs/tune --trials 30
    python -m train evaluate runs/custom --data DIR --split test
    python -m train ensemble runs/custom runs/xception --data DIR --out runs/ensemble
    python -m train learning-curve runs/custom-200 runs/custom --out runs/curve
    python -m train report runs/custom --out report.html
    python -m train predict runs/custom PATH...
    python -m train clean

`python -m train COMMAND --help` lists each command's options.
"""

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path

from train.quiet import import_tensorflow

import_tensorflow()

from train import run  # noqa: E402
from train.figures import evaluate, learning_curve, predict, report  # noqa: E402
from train.fitting import ensemble, fit, tune  # noqa: E402
from train.networks import models  # noqa: E402
from train.photos import cache, data, explore, fetch  # noqa: E402


def source(text: str) -> tuple[str, Path]:
    """Parse NAME=DIR."""
    name, separator, folder = text.partition("=")
    if not (separator and name) or name in data.SPLITS or "/" in name:
        raise argparse.ArgumentTypeError(f"{text}: write NAME=DIR, with a name that is no split and has no slash")
    return name, Path(folder)


def weighted(text: str) -> tuple[Path, float]:
    """Parse DIR or DIR:WEIGHT."""
    folder, separator, weight = text.rpartition(":")
    try:
        if separator and (number := float(weight)) > 0:
            return Path(folder), number
    except ValueError:
        pass  # A folder with a colon in its name.
    return Path(text), 1.0


def count(text: str) -> int:
    """Parse a whole number from 1 on."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def whole(text: str) -> int:
    """Parse a whole number from 0 on."""
    if (number := int(text)) < 0:
        raise ValueError
    return number


def share(text: str) -> float:
    """Parse a number from 0 to 1."""
    if not 0 <= (number := float(text)) <= 1:
        raise ValueError
    return number


def seed(text: str) -> int:
    """Parse a whole number that seeds Python's, NumPy's and TensorFlow's generators."""
    if not 0 <= (number := int(text)) < 2**32:
        raise ValueError
    return number


def rate(text: str) -> float:
    """Parse a finite number above 0."""
    if not 0 < (number := float(text)) < math.inf:
        raise ValueError
    return number


def add_data_options(p: argparse.ArgumentParser) -> None:
    """What each command that reads a dataset takes."""
    p.add_argument("--split-seed", type=seed, metavar="N", help="divide a dataset that has no splits, alike for each N")
    p.add_argument(
        "--allow-duplicates",
        action="store_true",
        help="accept one image in two splits or in both classes, and measuring on training images",
    )


def measured(train: Callable[[argparse.Namespace], list[data.Photo]]) -> Callable[[argparse.Namespace], None]:
    """The command that trains, then measures on validation and test what it left in ``args.out``."""

    def command(args: argparse.Namespace) -> None:
        photos = train(args)
        splits = tuple(split for split in data.SPLITS if any(photo.split == split for photo in photos))
        evaluate.measure(args.out, run.load_model(args.out), photos, splits, args.data.resolve().name)

    return command


def predicted(args: argparse.Namespace) -> int:
    """The command that judges photos, here or on Ray.

    Raises:
        run.RunError: --ray without --out, or the other way round.
    """
    if (args.ray is None) != (args.out is None):
        raise run.RunError("--ray and --out FOLDER go together.")
    if args.ray is None:
        return predict.predict(args)
    from train.figures import predict_ray  # Ray takes seconds to import.

    return predict_ray.predict_ray(args)


def parser() -> argparse.ArgumentParser:
    """The command line of ``python -m train``."""
    top = argparse.ArgumentParser(
        prog="python -m train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    p = commands.add_parser("fetch", help="download the Kaggle set")
    p.add_argument("--out", type=Path, required=True, help="folder to download into")
    p.set_defaults(command=fetch.fetch)

    p = commands.add_parser("explore", help="look at a dataset: an HTML report and its numbers")
    p.add_argument("--data", type=Path, required=True, help="the Kaggle zip, its folder, or any split/class folders")
    p.add_argument("--out", type=Path, required=True, help="folder for explore.html and explore.json")
    p.add_argument("--seed", type=seed, default=0, help="chooses the faces of the contact sheets")
    p.set_defaults(command=explore.explore)

    p = commands.add_parser("fit", help="train a model")
    default = fit.Options
    p.add_argument("model", choices=sorted(models.NAMES))
    p.add_argument("--data", type=Path, required=True, help="the Kaggle zip, its folder, or any split/class folders")
    p.add_argument(
        "--extra",
        type=weighted,
        action="append",
        default=[],
        metavar="DIR[:WEIGHT]",
        help="more images, fake/ and real/ or these in train/ and valid/, each WEIGHT times an epoch (default: 1)",
    )
    p.add_argument("--out", type=Path, required=True, help="run folder to write")
    p.add_argument("--train-size", type=count, metavar="N", help="train on N images alone, half of each class")
    p.add_argument(
        "--epochs",
        type=count,
        help=f"at most so many (default: {fit.HEAD_EPOCHS} for the head of a frozen backbone, else {fit.EPOCHS})",
    )
    p.add_argument("--batch-size", type=count, help=f"images a step (default: {default.batch_size})")
    p.add_argument("--learning-rate", type=rate, help=f"at its highest (default: {default.learning_rate})")
    p.add_argument("--optimizer", choices=sorted(fit.OPTIMIZERS), help=f"default: {default.optimizer}")
    p.add_argument(
        "--schedule",
        choices=("constant", "cosine"),
        help=f"of the learning rate: it stays, or falls to 0 on a cosine's half (default: {default.schedule})",
    )
    p.add_argument("--warmup", type=rate, metavar="EPOCHS", help="of a rate rising from 0, before --schedule cosine")
    p.add_argument("--clip-norm", type=rate, help="largest norm of each weight tensor's gradient")
    p.add_argument("--label-smoothing", type=share, metavar="SHARE", help="how far labels are moved towards 0.5")
    p.add_argument("--teacher", type=Path, metavar="RUN", help="learn this run's P(real) in place of the labels")
    p.add_argument("--no-flip", dest="flip", action="store_const", const=False, help="train without mirror images")
    p.add_argument(
        "--zoom",
        type=share,
        metavar="SHARE",
        help="largest share of each side that a random crop cuts away",
    )
    p.add_argument(
        "--crop",
        type=count,
        metavar="PIXELS",
        help="train on random squares of this size, cut out and not resized (residual, xception_tuned)",
    )
    p.add_argument(
        "--degrade",
        type=share,
        metavar="SHARE",
        help="of the training images that are turned, resized, stored again, blurred ... as people's pictures are",
    )
    p.add_argument(
        "--patience",
        type=count,
        help=f"stop after so many epochs without a lower validation loss (default: {default.patience})",
    )
    p.add_argument(
        "--precision",
        choices=fit.PRECISIONS,
        help="to compute in; weights are float32 in either (default: bfloat16 where the hardware has it, else float32)",
    )
    p.add_argument("--seed", type=seed, help=f"of weights, order and augmentation (default: {default.seed})")
    p.add_argument("--filters", type=count, nargs="+", help="of custom's convolutions")
    p.add_argument("--dense-units", type=count, help="of custom's layer before the last")
    p.add_argument("--dropout", type=share, metavar="SHARE", help="of those units that a training step leaves out")
    p.add_argument("--backbone-weights", type=Path, help=".weights.h5 file in place of Keras' ImageNet weights")
    p.add_argument("--unfreeze", type=count, metavar="N", help="then train on the backbone's last N layers")
    p.add_argument(
        "--fine-tune-epochs",
        type=count,
        help=f"of --unfreeze, at most so many (default: {default.fine_tune_epochs})",
    )
    p.add_argument(
        "--fine-tune-rate", type=rate, help=f"learning rate of --unfreeze (default: {default.fine_tune_rate})"
    )
    p.add_argument(
        "--resume",
        action="store_true",
        help="go on after the last finished epoch, with the options that the run was begun with",
    )
    p.add_argument(
        "--workers",
        type=whole,
        metavar="N",
        help="processes that read the images; 0 reads them in threads (default: one less than cores, from 4 cores on)",
    )
    p.add_argument("--cache", action="store_true", help="decode the images once, into files that later runs share")
    add_data_options(p)
    p.set_defaults(command=measured(fit.fit))

    p = commands.add_parser("tune", help="search for better settings")
    p.add_argument("model", choices=sorted(models.NAMES))
    p.add_argument("--data", type=Path, required=True, help="the Kaggle zip, its folder, or any split/class folders")
    p.add_argument("--out", type=Path, required=True, help="folder of the search; given again, the search goes on")
    p.add_argument(
        "--trials", type=count, default=30, help="in all, those of an earlier start included (default: %(default)s)"
    )
    p.add_argument("--epochs", type=count, default=5, help="of each trial not given up before (default: %(default)s)")
    p.add_argument("--batch-size", type=count, default=128, help="images a step (default: %(default)s)")
    p.add_argument("--seed", type=seed, default=0, help="of the proposals and trainings (default: %(default)s)")
    p.add_argument("--backbone-weights", type=Path, help=".weights.h5 file in place of Keras' ImageNet weights")
    add_data_options(p)
    p.set_defaults(command=tune.tune)

    p = commands.add_parser("ensemble", help="join trained models into one")
    p.add_argument("run", type=Path, nargs="+", help="the members")
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True, help="run folder to write")
    p.add_argument("--stacked", action="store_true", help="weigh the members by a logistic regression on validation")
    p.add_argument("--mirror", action="store_true", help="let each member see the mirror image too")
    add_data_options(p)
    p.set_defaults(command=measured(ensemble.ensemble))

    p = commands.add_parser("evaluate", help="measure trained models")
    p.add_argument("run", type=Path, nargs="+", help="run folders; those without a model are shown as not trained")
    p.add_argument("--data", type=Path, required=True, help="the Kaggle zip, its folder, or any split/class folders")
    p.add_argument("--split", choices=data.SPLITS, default="test", help="to measure on (default: %(default)s)")
    p.add_argument(
        "--extra",
        type=source,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="another source: fake/ and/or real/",
    )
    p.add_argument(
        "--valid",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="more images to choose the threshold on: fake/ and/or real/, of none that is measured",
    )
    p.add_argument("--as-is", action="store_true", help="judge the images as they are, without looking for faces")
    p.add_argument(
        "--robustness",
        type=Path,
        metavar="DIR",
        help="measure these pictures, fake/ and real/, best of 1024 pixels, in all sizes, files and conditions",
    )
    p.add_argument("--out", type=Path, help="folder for a comparison of the runs")
    add_data_options(p)
    p.set_defaults(command=evaluate.evaluate)

    p = commands.add_parser("report", help="write one page about trained models")
    p.add_argument("run", type=Path, nargs="+", help="evaluated runs; those without a model are shown as not trained")
    p.add_argument("--out", type=Path, required=True, help="HTML file to write")
    p.set_defaults(command=report.report)

    p = commands.add_parser("learning-curve", help="compare runs by the number of their training images")
    p.add_argument("run", type=Path, nargs="+")
    p.add_argument("--out", type=Path, required=True, help="folder to write")
    p.set_defaults(command=learning_curve.learning_curve)

    p = commands.add_parser("predict", help="judge photos")
    p.add_argument("run", type=Path)
    p.add_argument("paths", nargs="+", metavar="PATH", help="files or folders; with --ray s3:// and gs:// too")
    p.add_argument("--as-is", action="store_true", help="take each picture for a face that is cut out already")
    output = p.add_mutually_exclusive_group()
    output.add_argument(
        "--csv", type=Path, metavar="FILE", help="write the table here instead of printing it; given again, go on in it"
    )
    output.add_argument("--jsonl", type=Path, metavar="FILE", help="the same as JSON lines")
    output.add_argument(
        "--out",
        metavar="FOLDER",
        help="of --ray: where to write Parquet files, or on S3 or GCS; given again, go on in it",
    )
    p.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="judge on the cores of a Ray cluster; without ADDRESS, of this machine",
    )
    p.set_defaults(command=predicted)

    p = commands.add_parser("clean", help=f"delete what is kept to save time, in {cache.folder()}")
    p.set_defaults(command=cache.clean)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the process's exit status."""
    args = parser().parse_args(argv)
    try:
        return args.command(args) or 0
    except (data.DataError, run.RunError, fetch.FetchError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "interrupted; `tune` and `predict` to a file go on when started again, `fit` with --resume", file=sys.stderr
        )
        return 130


if __name__ == "__main__":
    sys.exit(main())
