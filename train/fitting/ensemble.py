"""Join trained networks into one, usable like any other run.

    python -m train ensemble runs/custom runs/xception --data DIR --out runs/ensemble
    python -m train ensemble runs/custom runs/xception --data DIR --out runs/stacked --stacked
    python -m train ensemble runs/xception_tuned --data DIR --out runs/mirrored --mirror

Each prints the joined network's figures on validation and test, as `evaluate` does, and leaves a run folder that
`evaluate`, `predict`, `report` and `python -m export` take.
"""

import argparse

import numpy as np
from scipy.special import logit
from sklearn.linear_model import LogisticRegression

from train import run
from train.fitting.calibration import fit_platt
from train.networks import inference, models
from train.photos import data, leaks


def ensemble(args: argparse.Namespace) -> list[data.Photo]:
    """Write a run whose network averages its members' probabilities, or weighs their logits (--stacked).

    With --mirror, each member answers to a photo with the mean over the photo and its mirror image.

    The stacked weights (Wolpert, "Stacked generalization", 1992) and the calibration are fitted on validation.

    Returns:
        The photos of validation and, if there is one, of the test split, for `evaluate.measure`.

    Raises:
        data.DataError: the dataset can't be used.
        run.RunError: a member holds no finished network or is being written to, or ``args.out`` exists.
    """
    with run.filled(args.out) as folder, run.unchanged(*args.run):
        members = [run.load_model(member) for member in args.run]
        if args.mirror:
            members = [models.mirrored(member) for member in members]
        photos = data.load_checked(
            args.data, ("valid",), (), args.allow_duplicates, optional=("test",), split_seed=args.split_seed
        )
        for member in args.run:
            leaks.check(member, photos, args.allow_duplicates)
        validation = [photo for photo in photos if photo.split == "valid"]
        labels = data.labels_of(validation)[:, 0]

        if args.stacked:
            size = max(map(models.input_size, members))  # The pixels that they get in the joined network.
            scores = np.stack([inference.p_real(member, validation, size) for member in members], axis=1)
            logits = logit(np.clip(scores, 1e-7, 1 - 1e-7))
            regression = LogisticRegression().fit(logits, labels)
            model = models.ensemble(members, regression.coef_[0], regression.intercept_[0])
        else:
            model = models.ensemble(members)
        try:
            temperature, offset = fit_platt(labels, inference.p_real(model, validation))
        except ValueError as error:
            raise run.RunError(f"The joined network can't be calibrated on validation: {error}.") from None
        models.rescale_logit(model, 1 / temperature, offset)

        config = {
            "model": "ensemble",
            "options": {"stacked": args.stacked, "mirror": args.mirror},
            "input_size": models.input_size(model),
            "members": [run.read_json(member, run.CONFIG) for member in args.run],
            "dataset": {"names": [args.data.resolve().name]} | data.fingerprint(photos),
            "temperature": temperature,
            "offset": offset,
            "versions": run.versions(),
        }
        leaks.keep(folder, [], args.run)
        run.save_model(model, folder / run.MODEL)
        run.write_json(folder / run.CONFIG, config)
    return photos
