"""Train a network epoch by epoch, so that a killed training goes on as if it had not been."""

import contextlib
import itertools
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from train import run
from train.fitting import processes
from train.fitting.lessons import Lessons
from train.fitting.options import OPTIMIZERS, Options
from train.networks import models
from train.photos.feed import Share

DIVERGED = "Start anew with a lower --learning-rate, or with --clip-norm 1."


class HardLabels(keras.metrics.Metric):
    """Lets a metric take a teacher's soft labels at their verdict: compared as they are, no prediction is right."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(keras.ops.round(y_true), y_pred, sample_weight)


@keras.saving.register_keras_serializable("train")
class Accuracy(HardLabels, keras.metrics.BinaryAccuracy):
    """Share of verdicts at P(real) 0.5 that agree with the labels."""


@keras.saving.register_keras_serializable("train")
class AUC(HardLabels, keras.metrics.AUC):
    """Area under the ROC curve."""


def train_epochs(learner: keras.Model, lessons: Lessons, options: Options, out: Path, share: Share) -> None:
    """Train until the last epoch or early stopping; leave the weights of `best_epoch` in ``learner``.

    Each epoch is run by its own ``fit`` call, so that its order, flips and dropout follow from (seed, epoch),
    its learning rate from the optimiser's count of steps, and early stopping's state from the history: a
    training that was killed and resumed ends as an uninterrupted one. Keras' own callbacks don't survive that:
    EarlyStopping counts anew, and ModelCheckpoint and BackupAndRestore write beside the history, not in step with it.

    Args:
        learner: a frozen backbone's head, a body that takes crops, or the whole network.
        lessons: what it learns from.
        options: of this training.
        out: folder of the history and checkpoints; what is there is gone on from.
        share: of this process; the first one writes.

    Raises:
        run.RunError: the loss is no number, or what is there can't be gone on from.
    """
    checkpoints = out / run.CHECKPOINTS
    with processes.together(share):
        history = run.read_history(out)
        if history:
            trained = run.load_network(run.checkpoint(out, len(history)), compile=True)
        else:
            trained = begun(learner, options, lessons.steps[0], share)

        # One stream over all epochs: the next one is read while this one is validated, and workers start once.
        with contextlib.closing(iter(lessons.training(len(history), options.epochs - len(history)))) as stream:
            while len(history) < options.epochs and not stopped_early(history, options):
                history.append(epoch(trained, stream, lessons, options.seed, len(history)))
                if not share.index:
                    with processes.apart():
                        keep(trained, history, out, options.schedule)

    best = run.load_network(checkpoints / "best.keras")
    learner.set_weights(best.get_weights())
    print(f"best of {len(history)} epochs: {best_epoch(history, options.schedule)}")


def begun(learner: keras.Model, options: Options, steps: int, share: Share) -> keras.Model:
    """A copy to train: ``learner`` itself stays free of the optimiser's state, which takes twice the weights' space,
    of metrics that nobody but this module can load, and of a lower precision.

    Args:
        learner: the network.
        options: of the training.
        steps: batches of an epoch.
        share: of this process; all start from the first one's weights.
    """
    copy = models.in_precision(learner, options.precision)
    copy.set_weights(processes.of_first(copy.get_weights(), share))
    rates = learning_rate(
        options.learning_rate, options.epochs * steps, round(options.warmup * steps), options.schedule
    )
    copy.compile(
        optimizer=OPTIMIZERS[options.optimizer](rates, clipnorm=options.clip_norm),
        loss=keras.losses.BinaryCrossentropy(label_smoothing=options.label_smoothing),
        metrics=[Accuracy(name="accuracy"), AUC(name="auc")],
        jit_compile=keras.backend.backend() == "jax",  # Whose XLA is all it has; on CPUs, oneDNN is faster.
    )
    return copy


def epoch(trained: keras.Model, stream: Iterator, lessons: Lessons, seed: int, done: int) -> dict:
    """Train one more epoch on the next batches of a stream; returns its row of the history.

    Raises:
        run.RunError: the loss is no number.
    """
    reseed(trained, seed, done)
    steps, validation_steps = lessons.steps
    log = trained.fit(
        (batch for batch in itertools.islice(stream, steps)),
        validation_data=lessons.validation,
        initial_epoch=done,
        epochs=done + 1,
        steps_per_epoch=steps,
        validation_steps=validation_steps,
        shuffle=False,
    ).history
    row = {"epoch": done + 1} | {name: values[0] for name, values in log.items()}
    if not (math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])):
        raise run.RunError(f"The loss is no longer a number in epoch {done + 1}. {DIVERGED}")
    return row


def reseed(learner: keras.Model, seed: int, epoch: int) -> None:
    """Let dropout follow from (seed, epoch): Keras saves no state of random generators with a network."""
    states = [variable for variable in learner.variables if variable.name == "seed_generator_state"]
    for place, state in enumerate(states):
        drawn = np.random.SeedSequence((seed, epoch), spawn_key=(place,)).generate_state(2)
        state.assign((drawn >> 1).astype(state.dtype))  # Within the 31 bits of any backend's type.


def keep(learner: keras.Model, history: list[dict], out: Path, schedule: str) -> None:
    """Write the checkpoint and the row of the last epoch of ``history``.

    The checkpoint comes before the row, and the old one goes after it: killed anywhere between, the last row's
    checkpoint is there.
    """
    checkpoints, epoch = out / run.CHECKPOINTS, len(history)
    checkpoints.mkdir(parents=True, exist_ok=True)
    current = run.checkpoint(out, epoch)
    run.save_model(learner, current)
    if best_epoch(history, schedule) == epoch:
        with run.replaced(checkpoints / "best.keras") as best:
            shutil.copy(current, best)
    run.write_csv(out / run.HISTORY, history)
    run.checkpoint(out, epoch - 1).unlink(missing_ok=True)


def learning_rate(
    rate: float, steps: int, warmup: int, schedule: str
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """``rate`` throughout, or raised to it from 0 over ``warmup`` steps and then let fall to 0 on a cosine's half."""
    if schedule == "constant":
        return rate
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup)


def best_epoch(history: list[dict], schedule: str) -> int:
    """The epoch (from 1) whose weights are kept; 0 for an empty history.

    At a constant rate it is that of the lowest validation loss. On a cosine it is the last one, whose steps were the
    smallest. Validation's loss would choose an earlier one, whose logits happen to be less sure, while the temperature
    that is fitted afterwards takes that difference away: of one training here it chose epoch 4, which got 5.3 % of
    validation's images wrong in all conditions, and the last of 7 epochs 4.5 %.
    """
    if schedule == "cosine":
        return len(history)
    return int(min(history, key=lambda row: row["val_loss"])["epoch"]) if history else 0


def stopped_early(history: list[dict], options: Options) -> bool:
    """Whether ``options.patience`` epochs have passed without a lower validation loss; never on a cosine."""
    return bool(history) and len(history) - best_epoch(history, options.schedule) >= options.patience
