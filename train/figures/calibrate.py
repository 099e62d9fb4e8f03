"""Make P(real) of a trained network a probability on the pictures that people have.

    python -m train calibrate runs/residual --data DIR --valid DIR

`fit` calibrates on validation images that it degrades by itself. This judges them, and those of other sources, as
people's photos are judged and in the conditions that `evaluate` chooses the threshold on; then 0.9 means that nine of
ten such pictures are real, and the threshold lies near 0.5. It comes after `quantize`: rounding moves all answers a
little to one side, and the last layer, which this changes, is not rounded.
"""

import argparse

import numpy as np

from train import run
from train.figures import evaluate, metrics, scoring
from train.figures.conditions import as_it_is
from train.fitting.calibration import fit_platt
from train.networks import models
from train.photos import data, leaks


def calibrate(args: argparse.Namespace) -> None:
    """Fit temperature and offset, make them part of the run's network, and print what became of its answers.

    What was measured before is deleted: figures, scores and plots of other answers.

    Raises:
        data.DataError: the dataset or another source can't be used.
        run.RunError: the run holds no finished network, or its answers tell nothing; or another command uses it.
    """
    run.network_file(args.run)
    with run.alone(args.run):
        print(calibrated(args))


def calibrated(args: argparse.Namespace) -> str:
    """What `calibrate` does in a run that no other command writes to; returns the line about it."""
    model = run.load_model(args.run)
    config = run.read_config(args.run)
    photos = data.load_checked(
        args.data, ("valid",), allow_duplicates=args.allow_duplicates, optional=("test",), split_seed=args.split_seed
    )
    choice = [photo for photo in photos if photo.split == "valid"]
    choice += [photo for folder in args.valid for photo in data.check_source(folder)]
    leaks.check(args.run, choice, args.allow_duplicates)
    views = [*((photo, as_it_is) for photo in choice), *scoring.in_conditions(choice)]
    labels = data.labels_of([photo for photo, _ in views])[:, 0].astype(int)
    before = np.array([one.p_real for one in evaluate.through_chain(model, views)])
    try:
        temperature, offset = fit_platt(labels, before)
    except ValueError as error:
        raise run.RunError(f"{args.run} can't be calibrated: {error}.") from None

    models.rescale_logit(model, 1 / temperature, offset)
    before_it = run.calibration(config)
    combined = {
        "temperature": before_it["temperature"] * temperature,
        "offset": before_it["offset"] / temperature + offset,
    }
    run.replace_network(args.run, model, config | combined)
    after = metrics.rescale(before, 1 / temperature, offset)
    errors = [metrics.calibration(labels, p_real)["ece"] for p_real in (before, after)]
    _, threshold = metrics.equal_error(labels, after)
    return (
        f"{len(views)} views of {len(choice)} images: temperature {combined['temperature']:.3f}, "
        f"offset {combined['offset']:.3f}; calibration error {errors[0]:.3f} -> {errors[1]:.3f}, "
        f"equal errors at {threshold:.3f}"
    )
