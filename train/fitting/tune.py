"""Search for better settings of a network: resumable, the same search from the same seed.

    python -m train tune custom --data DIR --out runs/tune --trials 30
    python -m train tune residual --data DIR --out runs/tune-residual --trials 20

The folder holds ``study.db`` (Optuna's, which ``optuna-dashboard`` can show, too), ``config.json``, the ranked
trials as ``ranking.csv`` and ``ranking.md``, and ``plots/tuning.png``.
"""

import argparse
import contextlib
import logging
import math
import shlex
import sqlite3
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import optuna
from matplotlib.figure import Figure
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.trial import FrozenTrial, TrialState

from train import run
from train.chain.read import read_photo
from train.fitting import backend, lessons, start
from train.fitting.options import OPTIMIZERS, Options, flag
from train.networks import models
from train.photos import data, decoded

STUDY = "study.db"
RANKING = "ranking"

SPACE = {
    "first_filters": CategoricalDistribution((16, 32, 48)),
    "convolutions": IntDistribution(3, 5),
    "dense_units": CategoricalDistribution((64, 128, 256)),
    "dropout": FloatDistribution(0.0, 0.6, step=0.1),
    "optimizer": CategoricalDistribution(tuple(OPTIMIZERS)),
    "learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
    "flip": CategoricalDistribution((True, False)),
    "zoom": FloatDistribution(0.0, 0.4, step=0.1),
    "crop": CategoricalDistribution((96, 128, 160, 192)),
}
# What `fit` does by itself; the first trial, so that the ranking shows what the search gains.
DEFAULTS = {
    "first_filters": models.CUSTOM_FILTERS[0],
    "convolutions": len(models.CUSTOM_FILTERS),
    "dense_units": 128,
    "dropout": 0.0,
    "optimizer": Options.optimizer,
    "learning_rate": Options.learning_rate,
    "flip": Options.flip,
    "zoom": Options.zoom,
    "crop": 160,
}
OF_CUSTOM = ("first_filters", "convolutions", "dense_units", "dropout")


def settings_of(model: str) -> list[str]:
    """Those of SPACE that a network can be trained with: a frozen backbone sees each photo as it is."""
    left_out = set() if model == "custom" else {*OF_CUSTOM}
    if model not in models.TEXTURE_NETWORKS:
        left_out.add("crop")
    if model in models.BACKBONES:
        left_out.add("zoom")
    return [name for name in SPACE if name not in left_out]


MOST_FILTERS = 256
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
KEPT = 75.0  # The usual median, taken over completed trials alone, grows so strict that it prunes nearly all.
ENOUGH_TO_EXPLAIN = 10  # Completed trials; the importance of a setting is noise below.


def tune(args: argparse.Namespace) -> None:
    """Run trials until ``args.out`` holds ``args.trials`` of them, then rank them.

    Settings are proposed by the tree-structured Parzen estimator (Bergstra et al. 2011). Once five trials are
    completed, one whose lowest validation loss so far is worse than that of KEPT percent of them at that epoch is
    pruned. The test split is never read. Each proposal follows from the seed and the trials before it, and a killed
    trial counts for nothing: a search that was killed and started again ends as an uninterrupted one.

    Raises:
        data.DataError: the dataset can't be trained on.
        run.RunError: ``args.out`` holds a search with other options, or one that is at work.
    """
    with run.alone(args.out):
        try:
            search(args)
        except (sqlite3.DatabaseError, StorageInternalError) as error:
            reason = str(error.__cause__ or error).splitlines()[0]
            raise run.RunError(f"{args.out / STUDY} can't be used ({reason}); choose another --out.") from error


def search(args: argparse.Namespace) -> None:
    """What `tune` does in a folder that no other command writes to."""
    backend.compute_alike()
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # It warns of each new network's tracing.
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    out = Path(args.out)
    photos = data.load_checked(args.data, ("train", "valid"), (), args.allow_duplicates, split_seed=args.split_seed)
    config = {
        "model": args.model,
        "options": {key: getattr(args, key) for key in ("epochs", "batch_size", "seed")},
        "start": start.start_of(args.model, args.backbone_weights),
        "search": {name: str(SPACE[name]) for name in settings_of(args.model)},
        "dataset": {"names": [args.data.resolve().name]} | data.fingerprint(photos),
        "versions": run.versions(),
    }
    if before := run.read_json(out, run.CONFIG):
        changed = [key for key in ("model", "start", "options", "search", "dataset") if before.get(key) != config[key]]
        if changed:
            raise run.RunError(f"{out} was tuned with another {' and '.join(changed)}; choose another --out.")
    run.write_json(out / run.CONFIG, config)

    with contextlib.closing(sqlite3.connect(out / STUDY)) as database:
        database.execute("PRAGMA quick_check")  # Optuna would hand on SQLAlchemy's error of a damaged one.
    study = optuna.create_study(
        storage=f"sqlite:///{out / STUDY}",
        study_name=args.model,
        pruner=optuna.pruners.PercentilePruner(KEPT),
        load_if_exists=True,
    )
    for killed in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(killed.number, state=TrialState.FAIL)
    read = decoded.cached_reader(photos) if len(finished(study)) < args.trials else read_photo
    while (done := len(finished(study))) < args.trials:
        trial = propose(study, args.model, args.seed, done)
        settings = ", ".join(f"{name} {shown(value)}" for name, value in trial.params.items())
        print(f"\ntrial {done + 1} of {args.trials}: {settings}")
        value = attempt(trial, args.model, args.backbone_weights, photos, read, args.epochs, args.batch_size, args.seed)
        study.tell(trial, value, TrialState.PRUNED if value is None else TrialState.COMPLETE)

    rows = ranking(study)
    run.write_csv(out / f"{RANKING}.csv", rows)
    table = run.markdown([{key: shown(value) for key, value in row.items()} for row in rows])
    with run.replaced(out / f"{RANKING}.md") as partial:
        partial.write_text(table)
    plot(study, out / run.PLOTS)
    print("", table, how_to_train(args, rows[0]), sep="\n")


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that count, in their order: completed or pruned, not killed."""
    return study.get_trials(states=FINISHED)


def propose(study: optuna.Study, model: str, seed: int, done: int) -> optuna.Trial:
    """Ask for the next settings, reproducibly: a sampler that went on in memory could not be resumed."""
    if not done and not study.get_trials(states=(TrialState.WAITING,)):
        study.enqueue_trial({name: DEFAULTS[name] for name in settings_of(model)})
    study.sampler = optuna.samplers.TPESampler(seed=int(np.random.SeedSequence((seed, done)).generate_state(1)[0]))
    return study.ask({name: SPACE[name] for name in settings_of(model)})


def attempt(
    trial: optuna.Trial,
    name: str,
    backbone_weights: Path | None,
    photos: list[data.Photo],
    read: Callable[[str], np.ndarray],
    epochs: int,
    batch_size: int,
    seed: int,
) -> float | None:
    """Train one trial's network, as `fit` does; returns its lowest validation loss, or None if it was pruned.

    Raises:
        run.RunError: the backbone's weights can't be had.
    """
    settings = trial.params
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    of_network = {}
    if name == "custom":
        of_network = {"filters": filters(settings), **{key: settings[key] for key in ("dense_units", "dropout")}}
    model = start.build(name, backbone_weights, of_network)
    learner = models.part(model, models.HEAD, models.BODY)
    training, validation = ([photo for photo in photos if photo.split == split] for split in ("train", "valid"))
    of_training = {key: settings[key] for key in ("flip", "zoom", "crop") if key in settings}
    options, labels = Options(batch_size=batch_size, seed=seed, **of_training), data.labels_of(training)
    if name in models.BACKBONES:
        shown = lessons.of_features(model, training, validation, labels, options)
    else:
        shown = lessons.of_photos(training, validation, labels, models.input_size(model), read, options)
    if name in models.TEXTURE_NETWORKS:
        start.start_linear(model, shown.training(0, 1), batch_size)
    learner.compile(
        optimizer=OPTIMIZERS[settings["optimizer"]](settings["learning_rate"]),
        loss="binary_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # As in `fit`.
    )
    trial.set_user_attr("parameters", model.count_params())

    lowest = math.inf
    for epoch in range(epochs):
        log = learner.fit(
            shown.training(epoch, 1),
            validation_data=shown.validation,
            initial_epoch=epoch,
            epochs=epoch + 1,
            steps_per_epoch=shown.steps[0],
            shuffle=False,
            validation_steps=shown.steps[1],
        ).history
        loss = log["val_loss"][0]
        if not math.isfinite(loss):
            return None
        if loss < lowest:
            lowest = loss
            trial.set_user_attr("val_accuracy", log["val_accuracy"][0])
        trial.report(loss, epoch + 1)
        if epoch + 1 < epochs and trial.should_prune():
            return None
    return lowest


def filters(settings: dict) -> tuple[int, ...]:
    """Filters of each convolution: doubled from one to the next, up to MOST_FILTERS."""
    return tuple(min(settings["first_filters"] * 2**i, MOST_FILTERS) for i in range(settings["convolutions"]))


def lowest_loss(trial: FrozenTrial) -> float:
    """Lowest validation loss of a trial's epochs; infinity if it diverged in the first."""
    return min(trial.intermediate_values.values(), default=math.inf)


def ranking(study: optuna.Study) -> list[dict]:
    """One row a trial: completed ones by their lowest validation loss, then pruned ones by theirs.

    ``val_accuracy`` is that of the epoch of the lowest loss; ``epochs`` were trained without diverging.
    """
    trials = sorted(
        enumerate(finished(study), start=1), key=lambda n: (n[1].state != TrialState.COMPLETE, lowest_loss(n[1]))
    )
    return [
        {
            "rank": rank,
            "trial": number,
            "state": trial.state.name.lower(),
            "val_loss": lowest_loss(trial),
            "val_accuracy": trial.user_attrs.get("val_accuracy", math.nan),
            "epochs": len(trial.intermediate_values),
            "parameters": trial.user_attrs["parameters"],
        }
        | {name: trial.params[name] for name in SPACE if name in trial.params}
        for rank, (number, trial) in enumerate(trials, start=1)
    ]


def shown(value) -> str:
    """A number or word for people: floats with four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def how_to_train(args: argparse.Namespace, row: dict) -> str:
    """The command that trains a row of the ranking with `fit`, on the same images."""
    options = {"data": args.data, "out": "runs/tuned", "batch_size": args.batch_size}
    given = {name: getattr(args, name) for name in ("backbone_weights", "split_seed")}
    options |= {name: value for name, value in given.items() if value is not None}
    if args.model == "custom":
        options["filters"] = " ".join(map(str, filters(row)))
    skipped = ("first_filters", "convolutions", "flip")
    options |= {name: shown(row[name]) for name in settings_of(args.model) if name not in skipped}
    words = [
        f"{flag(name)} {value if name == 'filters' else shlex.quote(str(value))}" for name, value in options.items()
    ]
    words += [] if row["flip"] else ["--no-flip"]
    words += ["--allow-duplicates"] if args.allow_duplicates else []
    return f"To train the first of them until it stops improving:\n  python -m train fit {args.model} {' '.join(words)}"


def plot(study: optuna.Study, folder: Path) -> None:
    """Write tuning.png: the trials' losses in their order, and which settings mattered (PED-ANOVA, Watanabe 2023)."""
    trials = list(enumerate(finished(study), start=1))
    completed = [(number, trial.value) for number, trial in trials if trial.state == TrialState.COMPLETE]
    pruned = [(number, lowest_loss(trial)) for number, trial in trials if trial.state == TrialState.PRUNED]
    explained = len(completed) >= ENOUGH_TO_EXPLAIN

    drawing = Figure(figsize=(10 if explained else 5, 4), layout="constrained")
    axes = drawing.subplots(1, 1 + explained, squeeze=False)[0]
    for points, marker, label in ((completed, "o", "completed"), (pruned, "x", "pruned")):
        axes[0].plot(*zip(*points) if points else ([], []), marker, label=label)
    if completed:
        numbers, losses = zip(*completed)
        axes[0].step(numbers, np.minimum.accumulate(losses), where="post", color="grey", label="best so far")
    axes[0].set(xlabel="trial", ylabel="lowest validation loss")
    axes[0].xaxis.get_major_locator().set_params(integer=True)
    axes[0].grid(alpha=0.3)
    axes[0].legend()
    if explained:
        importances = optuna.importance.get_param_importances(study)
        axes[1].barh(list(importances), list(importances.values()))
        axes[1].invert_yaxis()
        axes[1].set(xlabel="importance for the validation loss, sum 1")
        axes[1].grid(alpha=0.3, axis="x")
    folder.mkdir(parents=True, exist_ok=True)
    drawing.savefig(folder / "tuning.png", dpi=120)
