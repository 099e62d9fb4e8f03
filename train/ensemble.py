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

from train import data, evaluate, metrics, models, run


def ensemble(args: argparse.Namespace) -> None:
    """Write a run whose network averages its members' probabilities, or weighs their logits (--stacked).

    With --mirror, each member answers to a photo with the mean over the photo and its mirror image.

    The stacked weights (Wolpert, "Stacked generalization", 1992) and the temperature are fitted on validation.

    Raises:
        data.DataError: the dataset can't be used.
        run.RunError: a member holds no finished network, or ``args.out`` exists.
    """
    if args.out.exists():
        raise run.RunError(f"{args.out} exists; choose another --out.")
    members = [run.load_model(folder) for folder in args.run]
    if args.mirror:
        members = [models.mirrored(member) for member in members]
    splits = tuple(split for split in ("valid", "test") if split in data.find_splits(args.data))
    photos = data.load_checked(args.data, splits, allow_duplicates=args.allow_duplicates)
    validation = [photo for photo in photos if photo.split == "valid"]
    labels = data.labels_of(validation)[:, 0]
    scores = np.stack([evaluate.score(member, validation) for member in members], axis=1)

    if args.stacked:
        logits = logit(np.clip(scores, 1e-7, 1 - 1e-7))
        regression = LogisticRegression().fit(logits, labels)
        joined = regression.predict_proba(logits)[:, 1]
        model = models.ensemble(members, regression.coef_[0], regression.intercept_[0])
    else:
        joined = scores.mean(axis=1)
        model = models.ensemble(members)
    temperature = metrics.fit_temperature(labels, joined)
    models.scale_logit(model, 1 / temperature)

    args.out.mkdir(parents=True)
    run.save_model(model, args.out / run.MODEL)
    config = {
        "model": "ensemble",
        "options": {"stacked": args.stacked, "mirror": args.mirror},
        "input_size": models.input_size(model),
        "members": [run.read_json(folder, run.CONFIG) for folder in args.run],
        "dataset": {"names": [args.data.resolve().name]} | data.fingerprint(photos),
        "temperature": temperature,
        "versions": run.versions(),
    }
    run.write_json(args.out / run.CONFIG, config)
    evaluate.measure(args.out, model, photos, splits)
