"""Fit, evaluate and apply the detectors.

    python -m train fetch --out DIR
    python -m train explore --data DIR --out DIR
    python -m train fit custom --data DIR --out runs/custom
    python -m train tune custom --data DIR --out runs/tune --trials 30
    python -m train evaluate runs/custom --data DIR --split test
    python -m train calibrate runs/custom --data DIR
    python -m train ensemble runs/custom runs/xception --data DIR --out runs/ensemble
    python -m train learning-curve runs/custom-200 runs/custom --out runs/curve
    python -m train report runs/custom --out report.html
    python -m train predict runs/custom PATH...
    python -m train clean

`python -m train COMMAND --help` lists each command's options.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from train.quiet import import_quietly

import_quietly("keras")  # Which imports TensorFlow only where that is its backend.

from train import run  # noqa: E402
from train.arguments import count, rate, seed, status_of, whole  # noqa: E402
from train.figures import calibrate, evaluate, learning_curve, predict, report  # noqa: E402
from train.fitting import ensemble, fit, options, tune  # noqa: E402
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
    if not separator or Path(text).is_dir():  # A colon may be part of a folder's name.
        return Path(text), 1.0
    return Path(folder), rate(weight)


def add_network(p: argparse.ArgumentParser) -> None:
    """What a command trains, and from which weights."""
    p.add_argument("model", choices=sorted(models.NAMES), help="network to train")
    p.add_argument("--backbone-weights", type=Path, help=".weights.h5 file to use instead of Keras' ImageNet weights")


def add_data(p: argparse.ArgumentParser) -> None:
    """The dataset of a command."""
    p.add_argument("--data", type=Path, required=True, help="the Kaggle zip, its folder, or any split/class folders")


def add_valid(p: argparse.ArgumentParser) -> None:
    """More images than the dataset's to choose on."""
    p.add_argument(
        "--valid",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="folder of more validation images, with fake/, real/ or both; none may be measured too",
    )


def add_data_options(p: argparse.ArgumentParser) -> None:
    """What each command that checks its dataset takes."""
    p.add_argument(
        "--split-seed",
        type=seed,
        metavar="N",
        help="divide a dataset without splits at random, always alike for the same N",
    )
    p.add_argument(
        "--allow-duplicates",
        action="store_true",
        help="accept an image in two splits or in both classes, and a run measured on its own training images",
    )


def measured(train: Callable[[argparse.Namespace], list[data.Photo] | None]) -> Callable[[argparse.Namespace], None]:
    """The command that trains, then measures on validation and test what it left in ``args.out``."""

    def command(args: argparse.Namespace) -> None:
        photos = train(args)
        if photos is None:
            return
        splits = tuple(split for split in data.SPLITS if any(photo.split == split for photo in photos))
        with run.alone(args.out):
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
    add_data(p)
    p.add_argument("--out", type=Path, required=True, help="folder for explore.html and explore.json")
    p.add_argument("--seed", type=seed, default=0, help="seed that chooses the faces of the contact sheets")
    p.set_defaults(command=explore.explore)

    p = commands.add_parser("fit", help="train a model")
    add_network(p)
    add_data(p)
    p.add_argument(
        "--extra",
        type=weighted,
        action="append",
        default=[],
        metavar="DIR[:WEIGHT]",
        help="folder of more images, with fake/ and real/ in it or in its train/ and valid/; "
        "an epoch shows each image WEIGHT times (default: 1)",
    )
    p.add_argument("--out", type=Path, required=True, help="run folder to write")
    p.add_argument("--teacher", type=Path, metavar="RUN", help="learn this run's P(real) instead of the labels")
    p.add_argument("--start", type=Path, metavar="RUN", help="start from those of this run's layers that the model has")
    options.add_options(p)
    p.add_argument(
        "--resume",
        action="store_true",
        help="continue after the last finished epoch, with the options that the run was started with",
    )
    p.add_argument(
        "--workers",
        type=whole,
        metavar="N",
        help="processes that read the images; 0 reads them in threads (default: one less than cores, from 4 cores on)",
    )
    p.add_argument("--cache", action="store_true", help="decode the images once, into files that later runs share")
    group = p.add_argument_group("several processes", "each on a machine or graphics card, with one --data and --out")
    group.add_argument("--coordinator", metavar="HOST:PORT", help="where the first process listens for the others")
    group.add_argument("--processes", type=count, metavar="N", help="of the training")
    group.add_argument("--process-id", type=whole, metavar="I", help="of this one, from 0")
    group.add_argument(
        "--distributed", action="store_true", help="in place of these, what JAX finds of a Slurm or MPI job"
    )
    add_data_options(p)
    p.set_defaults(command=measured(fit.fit))

    p = commands.add_parser("tune", help="search for better settings")
    add_network(p)
    add_data(p)
    p.add_argument("--out", type=Path, required=True, help="folder to write; a search that is there is continued")
    p.add_argument(
        "--trials",
        type=count,
        default=30,
        help="trials in all, including those of earlier starts (default: %(default)s)",
    )
    p.add_argument(
        "--epochs",
        type=count,
        default=5,
        help="epochs of each trial that is not given up earlier (default: %(default)s)",
    )
    p.add_argument(
        "--batch-size", type=count, default=options.Options.batch_size, help="images per step (default: %(default)s)"
    )
    p.add_argument("--seed", type=seed, default=0, help="seed of the proposals and trainings (default: %(default)s)")
    add_data_options(p)
    p.set_defaults(command=tune.tune)

    p = commands.add_parser("ensemble", help="join trained models into one")
    p.add_argument("run", type=Path, nargs="+", help="runs to join")
    add_data(p)
    p.add_argument("--out", type=Path, required=True, help="run folder to write")
    p.add_argument("--stacked", action="store_true", help="weight the members by a logistic regression on validation")
    p.add_argument("--mirror", action="store_true", help="let each member see the mirror image too")
    add_data_options(p)
    p.set_defaults(command=measured(ensemble.ensemble))

    p = commands.add_parser("calibrate", help="make P(real) a probability on people's pictures")
    p.add_argument("run", type=Path, help="run folder of the network, before its weights are rounded")
    add_data(p)
    add_valid(p)
    add_data_options(p)
    p.set_defaults(command=calibrate.calibrate)

    p = commands.add_parser("evaluate", help="measure trained models")
    p.add_argument("run", type=Path, nargs="+", help="run folders; those without a model are shown as not trained")
    add_data(p)
    p.add_argument("--split", choices=data.SPLITS, default="test", help="split to measure (default: %(default)s)")
    p.add_argument(
        "--extra",
        type=source,
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="folder of another source to measure, with fake/, real/ or both",
    )
    add_valid(p)
    p.add_argument("--as-is", action="store_true", help="judge the images as they are, without looking for faces")
    p.add_argument(
        "--robustness",
        type=Path,
        metavar="DIR",
        help="folder of pictures, with fake/ and real/ and ideally of 1024 pixels, to measure in all sizes, files and "
        "conditions",
    )
    p.add_argument("--out", type=Path, help="folder for a comparison of the runs")
    add_data_options(p)
    p.set_defaults(command=evaluate.evaluate)

    p = commands.add_parser("report", help="write one page about trained models")
    p.add_argument("run", type=Path, nargs="+", help="evaluated runs; those without a model are shown as not trained")
    p.add_argument("--out", type=Path, required=True, help="HTML file to write")
    p.set_defaults(command=report.report)

    p = commands.add_parser("learning-curve", help="compare runs by their number of training images")
    p.add_argument("run", type=Path, nargs="+", help="evaluated runs")
    p.add_argument("--out", type=Path, required=True, help="folder to write")
    p.set_defaults(command=learning_curve.learning_curve)

    p = commands.add_parser("predict", help="judge photos")
    p.add_argument("run", type=Path, help="run folder of the network")
    p.add_argument("paths", nargs="+", metavar="PATH", help="files or folders; with --ray, s3:// and gs:// URIs too")
    p.add_argument("--as-is", action="store_true", help="treat each picture as a face that has already been cut out")
    output = p.add_mutually_exclusive_group()
    output.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="write the table to this file instead of printing it; a table that is there is continued",
    )
    output.add_argument(
        "--jsonl", type=Path, metavar="FILE", help="likewise, but as JSON lines; /dev/stdout prints them"
    )
    output.add_argument(
        "--out",
        metavar="FOLDER",
        help="with --ray, folder for Parquet files, here or on S3 or GCS; verdicts that are there are continued",
    )
    p.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="judge on all cores of the Ray cluster at ADDRESS, or of this machine if it is left out",
    )
    p.set_defaults(command=predicted)

    p = commands.add_parser("clean", help=f"delete what is kept in the cache, {cache.folder()}")
    p.set_defaults(command=cache.clean)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the process's exit status."""
    args = parser().parse_args(argv)
    return status_of(
        lambda: args.command(args),
        (data.DataError, run.RunError, fetch.FetchError),
        "interrupted; start `tune`, or `predict` to a file, again to continue it, and `fit` with --resume",
    )


if __name__ == "__main__":
    sys.exit(main())
