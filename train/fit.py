"""Train one network: resumable after every epoch, reproducible from its seed."""

import argparse
import shutil
from pathlib import Path

import keras

from train import data, evaluate, models, run


def fit(args: argparse.Namespace) -> None:
    """Train ``args.model`` on ``args.data`` and leave a run folder at ``args.out``.

    The best epoch by validation loss becomes the run's model, measured on validation and, if there is one, the
    test split. Each epoch is run by its own ``model.fit``
    call, so that its order and flips follow from (seed, epoch) and early stopping's state from the history:
    a training that was killed and resumed ends as an uninterrupted one.

    Raises:
        data.DataError: the dataset can't be trained on.
        run.RunError: ``args.out`` holds another run, or one with other options, or nothing to resume.
    """
    out = Path(args.out)
    checkpoints = out / run.CHECKPOINTS
    history = run.read_csv(out / run.HISTORY)
    if history and not args.resume:
        raise run.RunError(f"{out} already holds a training of {len(history)} epochs: pass --resume, or another --out.")

    keras.utils.set_random_seed(args.seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()

    splits = ("train", "valid", *({"test"} & data.find_splits(args.data).keys()))
    photos = data.load_checked(args.data, splits, args.extra, args.allow_duplicates)
    training = [photo for photo in photos if photo.split == "train"]
    validation = [photo for photo in photos if photo.split == "valid"]
    config = {
        "model": args.model,
        "options": {
            key: getattr(args, key) for key in ("batch_size", "learning_rate", "label_smoothing", "zoom", "seed")
        },
        "dataset": {"names": [folder.resolve().name for folder in (args.data, *args.extra)]} | data.fingerprint(photos),
        "versions": run.versions(),
    }
    if history:
        before = run.read_json(out, run.CONFIG)
        changed = [key for key in ("model", "options", "dataset") if before.get(key) != config[key]]
        if changed:
            raise run.RunError(f"{out} was trained with another {' and '.join(changed)}; resume it as it was begun.")
    checkpoints.mkdir(parents=True, exist_ok=True)
    run.write_json(out / run.CONFIG, config | {"epochs": args.epochs, "patience": args.patience})

    if history:
        model = keras.saving.load_model(checkpoints / f"epoch-{len(history):03d}.keras")
    else:
        model = models.BUILDERS[args.model]()
        model.compile(
            optimizer=keras.optimizers.Adam(args.learning_rate),
            loss=keras.losses.BinaryCrossentropy(label_smoothing=args.label_smoothing),
            metrics=["accuracy", keras.metrics.AUC(name="auc")],
            jit_compile=False,  # XLA's convolutions are slower than oneDNN's on CPUs.
        )
    model.summary()

    cached = data.cache_pixels(photos) if args.cache else {}
    while len(history) < args.epochs and not stopped_early(history, args.patience):
        epoch = len(history)
        log = model.fit(
            data.batches(training, args.batch_size, cached, training_seed=(args.seed, epoch), zoom=args.zoom),
            validation_data=data.batches(validation, args.batch_size, cached),
            initial_epoch=epoch,
            epochs=epoch + 1,
        ).history
        row = {"epoch": epoch + 1} | {name: values[0] for name, values in log.items()}

        # The checkpoint comes before the history's row, and the old one goes after it: killed anywhere
        # between, the last row's checkpoint is there.
        current = checkpoints / f"epoch-{epoch + 1:03d}.keras"
        run.save_model(model, current)
        if best_epoch([*history, row]) == epoch + 1:
            shutil.copy(current, checkpoints / "partial-best.keras")
            (checkpoints / "partial-best.keras").replace(checkpoints / "best.keras")
        history.append(row)
        run.write_csv(out / run.HISTORY, history)
        (checkpoints / f"epoch-{epoch:03d}.keras").unlink(missing_ok=True)

    best = keras.saving.load_model(checkpoints / "best.keras", compile=False)
    run.save_model(best, out / run.MODEL)
    print(f"best of {len(history)} epochs: {best_epoch(history)}, in {out / run.MODEL}")
    evaluate.measure(out, best, photos, splits[1:], args.batch_size)


def best_epoch(history: list[dict]) -> int:
    """The epoch (from 1) of the lowest validation loss; 0 for an empty history."""
    return int(min(history, key=lambda row: row["val_loss"])["epoch"]) if history else 0


def stopped_early(history: list[dict], patience: int) -> bool:
    """Whether ``patience`` epochs have passed without a lower validation loss."""
    return len(history) - best_epoch(history) >= patience if history else False
