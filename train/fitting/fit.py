"""Train one network: resumable after every epoch, reproducible from its seed.

    python -m train fit custom --data DIR --out runs/custom
    python -m train fit xception --data DIR --out runs/xception --backbone-weights FILE.weights.h5
    python -m train fit residual --data DIR --out runs/residual --crop 160 --teacher runs/xception

Each leaves a run folder (see `run`) and prints the figures of its best epoch on validation and test, as `evaluate`
does. The second trains a head on features computed once; the third learns another run's answers.
"""

import argparse
import contextlib
import dataclasses
import functools
import itertools
import math
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import grain
import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from tqdm import tqdm

from train import run
from train.chain.read import read_photo
from train.fitting import processes
from train.fitting.calibration import fit_temperature
from train.networks import features, inference, models
from train.photos import data, leaks

EPOCHS = 10
HEAD_EPOCHS = 100  # On cached features, an epoch takes a moment; early stopping ends it.
PROBE_C = 0.003  # Inverse of the regression's L2 penalty: weak enough to fit, strong enough to leave more to learn.
PROBE_IMAGES = 3000  # As many as the regression of some thousand features needs.
DIVERGED = "Start anew with a lower --learning-rate, or with --clip-norm 1."
NETWORK = ("filters", "dense_units", "dropout")  # Those that `models.custom` takes.
SAME = ("model", "backbone", "teacher", "dataset")  # What a resumed training must not change, beside its options.
PRECISIONS = ("float32", "mixed_bfloat16")
OPTIMIZERS = {
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
    "rmsprop": keras.optimizers.RMSprop,
    "sgd": functools.partial(keras.optimizers.SGD, momentum=0.9, nesterov=True),
}


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides a training, apart from its images and the weights it starts from; kept in the run's config.json."""

    epochs: int | None = None  # None: HEAD_EPOCHS for the head of a frozen backbone, else EPOCHS.
    batch_size: int = 128
    learning_rate: float = 1e-3  # At its highest.
    optimizer: str = "adam"  # Of OPTIMIZERS.
    schedule: str = "constant"  # Or "cosine".
    warmup: float = 0.0  # Epochs of a rate rising from 0, before the cosine.
    clip_norm: float | None = None  # Largest norm of each weight tensor's gradient.
    label_smoothing: float = 0.0  # Share (0..1) by which labels are moved towards 0.5.
    patience: int = 5  # Epochs without a lower validation loss that end the training.
    precision: str | None = None  # Of PRECISIONS; None: what this CPU computes faster.
    seed: int = 0  # Of weights, order and augmentation.
    train_size: int | None = None  # Images, half of each class; None for all.
    split_seed: int | None = None  # Divides a dataset without splits.
    flip: bool = True  # As in `data.Augmentation`, like the next three.
    zoom: float = 0.0
    crop: int | None = None
    degrade: float = 0.0
    filters: list[int] | None = None  # As `models.custom` takes, like the next two; None for its own.
    dense_units: int | None = None
    dropout: float | None = None
    unfreeze: int = 0  # Last layers of the backbone that are trained on.
    fine_tune_epochs: int = 10
    fine_tune_rate: float = 1e-5


def options_of(args: argparse.Namespace) -> Options:
    """The options given, and the defaults of the others; of a resumed training, those that it was begun with.

    Args:
        args: holds each option, None where it was not given.

    Raises:
        run.RunError: ``args.out`` holds a training that is not resumed, or another network, or none to resume; or an
            option differs from the run's.
    """
    out = Path(args.out)
    names = [field.name for field in dataclasses.fields(Options)]
    given = {name: value for name in names if (value := getattr(args, name)) is not None}
    before = run.read_json(out, run.CONFIG)
    if not args.resume:
        if (out / run.HISTORY).exists():
            raise run.RunError(f"{out} already holds a training run; pass --resume, or another --out.")
        if (out / run.MODEL).exists():
            raise run.RunError(f"{out} already holds a network, {before.get('model', 'unknown')}; pass another --out.")
        given.setdefault("epochs", HEAD_EPOCHS if args.model in models.BACKBONES else EPOCHS)
        given.setdefault("precision", fastest_precision())
        return Options(**given)
    if not before:
        raise run.RunError(f"{out} holds no training to resume; leave out --resume.")
    kept = {name: before[name] for name in ("epochs", "patience") if name in before} | before.get("options", {})
    if not kept.keys() <= {*names} or not kept.get("epochs"):  # Options that were added since then have their defaults.
        raise run.RunError(f"{out} was not begun by `fit` as it is now, so it can't be resumed; choose another --out.")
    kept = dataclasses.asdict(Options(**kept))
    for name, value in given.items():
        if value != kept[name]:
            option = "--" + name.replace("_", "-")
            raise run.RunError(
                f"{out} was begun with {option} {kept[name]}, not {value}. A resumed training keeps its options: leave "
                f"out {option}, or choose another --out."
            )
    return Options(**kept)


def fit(args: argparse.Namespace) -> list[data.Photo] | None:
    """Train ``args.model`` on ``args.data`` and leave a run folder at ``args.out``.

    The best epoch by validation loss becomes the run's model; its temperature is fitted on validation and becomes
    part of the graph. Of a network with a frozen backbone, the head alone is trained, on features computed once; with
    ``args.unfreeze``, the backbone's last layers are then trained on with it.

    With ``args.teacher``, the labels are that run's P(real) in place of 0 and 1 (knowledge distillation, Hinton et al.,
    2015): of the very crop that its pupil sees, degraded as it is, where both take crops (Beyer et al., "Knowledge
    distillation: A good teacher is patient and consistent", 2022, arXiv:2106.05237); else of each training photo.

    With ``args.start``, it starts from those of that run's layers that it has too (as DistilBERT does; Sanh et al.,
    2019, arXiv:1910.01108).

    Returns:
        The photos of validation and, if there is one, of the test split, for `evaluate.measure`; None from all but the
        first of several processes.

    Raises:
        data.DataError: the dataset can't be trained on.
        run.RunError: ``args.out`` holds another run, or one with other options, or nothing to resume, or the
            backbone's weights can't be had, or the teacher is unfinished, or an option would do nothing or
            can't be met (`check_options`, `processes.join`), or the training diverges.
    """
    out = Path(args.out)
    begun = (out / run.HISTORY).exists()
    options = options_of(args)
    check_fine_tuning(args)
    vars(args).update(dataclasses.asdict(options))

    share = processes.join(args)
    keras.utils.set_random_seed(args.seed)
    if keras.backend.backend() == "tensorflow":
        tf.config.experimental.enable_op_determinism()

    frozen = args.model in models.BACKBONES
    settings = {key: getattr(args, key) for key in NETWORK if getattr(args, key) is not None}
    check_options(args, settings)
    start = run.load_model(args.start) if args.start else None
    model = models.build(args.model, None) if start else build(args.model, args.backbone_weights, settings)
    learner = models.part(model, models.HEAD, models.BODY)
    if args.crop:
        check_crop(args.crop, model, learner)
    photos = data.load_checked(
        args.data, ("train", "valid"), args.extra, args.allow_duplicates, optional=("test",), split_seed=args.split_seed
    )
    training = [photo for photo in photos if photo.split == "train"]
    if args.train_size:
        training = data.balanced_subset(training, args.train_size)
    print(run.markdown(data.by_source(training)))
    photos = training + [photo for photo in photos if photo.split != "train"]
    validation = [photo for photo in photos if photo.split == "valid"]
    measured = [photo for photo in photos if photo.split != "train"]
    learnt_from = [folder for folder in (args.teacher, args.start) if folder]
    for folder in learnt_from:
        leaks.check(folder, measured, args.allow_duplicates)
    teacher = run.load_model(args.teacher) if args.teacher else None
    config = {
        "model": args.model,
        "options": dataclasses.asdict(options),
        "input_size": models.input_size(model),
        "backbone": features.weights_hash(model.get_layer(models.BACKBONE)) if frozen else None,
        "start": describe(args.start, start) if start else start_of(args.model, args.backbone_weights),
        "teacher": teacher and describe(args.teacher, teacher),
        "dataset": {"names": names_of(args)} | data.fingerprint(photos),
        "versions": run.versions(),
    }
    if args.resume:
        before = run.read_json(out, run.CONFIG)
        changed = [key for key in SAME if before.get(key) != config[key]]
        if changed:
            raise run.RunError(
                f"{out} was begun with another {' and '.join(changed)}; resume it with the model, --data, --extra, "
                "--teacher, --start and --backbone-weights of then."
            )
    if not share.index:
        out.mkdir(parents=True, exist_ok=True)
        run.write_json(out / run.CONFIG, config)
        leaks.keep(out, training, learnt_from)
    model.summary()

    read = data.cached_reader([*training, *validation]) if args.cache else read_photo
    size = models.input_size(model)
    augmentation = data.Augmentation(args.flip, args.zoom, args.crop, args.degrade)
    labels, answer = data.labels_of(training), None
    if teacher and args.crop and models.part(teacher, models.BODY) is not teacher:
        answer = models.in_precision(models.part(teacher, models.BODY), args.precision)
    elif teacher:  # Both views of a photo show the same face: their mean is the better answer.
        labels = features.compute(teacher, training).mean(axis=1)

    def images(epoch: int, epochs: int, share: data.Share = share) -> grain.IterDataset:
        seed, workers = (args.seed, epoch), data.best_workers() if args.workers is None else args.workers
        return data.batches(training, args.batch_size, size, read, seed, augmentation, labels, epochs, workers, share)

    def lessons(epoch: int, epochs: int) -> grain.IterDataset:
        if not answer:
            return images(epoch, epochs)
        taught = images(epoch, epochs).map(lambda batch: (batch[0], answer.predict_on_batch(batch[0])))
        return grain.experimental.ThreadPrefetchIterDataset(taught, prefetch_buffer_size=1)

    batch = inference.BATCH * share.devices
    steps = (
        data.steps(data.epoch_size(training), args.batch_size, share),
        data.steps(len(validation), batch, share),
    )
    validation_images = data.batches(validation, batch, size, read, share=share)
    if frozen:
        extractor = features.extractor(model)
        of_training, of_validation = features.compute(extractor, training), features.compute(extractor, validation)
        train_epochs(
            learner,
            lambda epoch, epochs: features.batches(
                of_training, training, args.batch_size, (args.seed, epoch), args.flip, labels, epochs, share
            ),
            features.batches(of_validation, validation, batch, share=share),
            steps,
            out,
            args,
            share,
        )
    else:
        if args.model in models.TEXTURE_NETWORKS and not begun:
            if start:
                models.inherit(model, start)
            with contextlib.closing(iter(images(0, 1, data.WHOLE))) as shown:
                start_linear(model, itertools.islice(shown, data.steps(PROBE_IMAGES, args.batch_size)))
        train_epochs(learner, lessons, validation_images, steps, out, args, share)
    if args.unfreeze:
        unfreeze(model, args.unfreeze)
        train_epochs(model, images, validation_images, steps, out / "fine-tune", args, share, fine_tune=True)
    processes.leave(share)
    if share.index:
        return None

    # On untouched files alone, a network is surer than it may be elsewhere.
    seed = (args.seed, 0) if args.degrade else None
    world = data.Augmentation(args.flip, degrade=args.degrade)
    temperature = calibrate(model, data.batches(validation, inference.BATCH, size, read, seed, world))
    run.save_model(model, out / run.MODEL)
    run.write_json(out / run.CONFIG, run.read_json(out, run.CONFIG) | {"temperature": temperature})
    return measured


def describe(folder: Path, model: keras.Model) -> dict[str, str]:
    """A run for the record of another: its network, its weights, and its repository if it was pulled from the Hub."""
    repo = run.read_json(folder, run.DETECTOR).get("hub")
    return {"model": model.name, "weights": features.weights_hash(model)} | ({"hub": repo} if repo else {})


def names_of(args: argparse.Namespace) -> list[str]:
    """What the images are called: the dataset's folder, and each other source's with its weight."""
    extra = [folder.resolve().name + (f" x {weight:g}" if weight != 1 else "") for folder, weight in args.extra]
    return [args.data.resolve().name, *extra]


def check_options(args: argparse.Namespace, settings: dict) -> None:
    """Refuse what would silently do nothing, or end in a traceback later on.

    Raises:
        run.RunError: naming the option, and what it is for.
    """
    frozen = args.model in models.BACKBONES
    if settings and args.model != "custom":
        raise run.RunError(f"{args.model} has no {' or '.join(settings)} to choose; only custom does.")
    if args.backbone_weights and args.model in models.FROM_SCRATCH:
        raise run.RunError(f"{args.model} starts from random weights; it takes no --backbone-weights.")
    if args.start and args.model not in models.TEXTURE_NETWORKS:
        raise run.RunError(f"--start is for {' and '.join(models.TEXTURE_NETWORKS)}, which have layers in common.")
    if args.start and args.backbone_weights:
        raise run.RunError("--start and --backbone-weights are two starts; leave out one.")
    if args.unfreeze and not frozen:
        raise run.RunError(f"{args.model} has no frozen backbone; --unfreeze is for {', '.join(models.BACKBONES)}.")
    if frozen and not args.unfreeze and (args.zoom or args.degrade):
        raise run.RunError(
            "A frozen backbone sees each photo and its mirror image once, as they are; "
            "--zoom and --degrade work with --unfreeze alone."
        )
    if args.cache and frozen and not args.unfreeze:
        raise run.RunError("A frozen backbone reads each photo once, for its features; --cache works with --unfreeze.")
    if args.train_size and args.train_size % 2:
        raise run.RunError(f"--train-size {args.train_size} can't be half of each class; take an even number.")
    if args.warmup and args.schedule != "cosine":
        raise run.RunError("--warmup is a part of --schedule cosine; pass that too.")
    shortest = min(args.epochs, args.fine_tune_epochs) if args.unfreeze else args.epochs
    if args.warmup >= shortest:
        raise run.RunError(f"--warmup {args.warmup:g} leaves none of {shortest} epochs to train in; choose fewer.")


def fastest_precision() -> str:
    """What to compute a training in here: bfloat16 where the CPU multiplies it in hardware or there is a GPU, float32
    elsewhere, where it would have to be emulated. The weights are float32 in either."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    hardware = "avx512_bf16" in flags or "amx_bf16" in flags or bool(tf.config.list_physical_devices("GPU"))
    return "mixed_bfloat16" if hardware else "float32"


def check_fine_tuning(args: argparse.Namespace) -> None:
    """Refuse options of the fine-tuning without it.

    Raises:
        run.RunError: naming the option.
    """
    for option in ("fine_tune_epochs", "fine_tune_rate"):
        if getattr(args, option) is not None and not args.unfreeze and not args.resume:
            raise run.RunError(f"--{option.replace('_', '-')} belongs to --unfreeze; pass that too.")


def check_crop(crop: int, model: keras.Model, learner: keras.Model) -> None:
    """Refuse crops that the network can't be trained on.

    Raises:
        run.RunError: it takes whole photos, or the crop is larger than they are or too small for its layers.
    """
    if learner.name != models.BODY:
        raise run.RunError(f"{model.name} takes whole photos; --crop is for networks that pool over any size.")
    size = models.input_size(model)
    if crop > size:
        raise run.RunError(f"--crop {crop} is larger than the photos, which {model.name} takes at {size} pixels.")
    try:
        learner.compute_output_shape((None, crop, crop, 3))
    except ValueError:
        raise run.RunError(f"--crop {crop} is too small for {model.name}'s layers; choose a larger one.") from None


def start_of(name: str, backbone_weights: Path | None) -> str | dict | None:
    """What a network starts from, for the record: None for random weights, "imagenet", or a file and its SHA-256."""
    if name in models.FROM_SCRATCH:
        return None
    if backbone_weights is None:
        return "imagenet"
    return {"file": backbone_weights.name, "sha256": run.sha256(backbone_weights)}


def start_linear(model: keras.Model, training: Iterable[tuple[np.ndarray, np.ndarray]]) -> None:
    """Standardize the features over training images and let a logistic regression of them be the last layer.

    Trained on from there, the features change less than from a random last layer, and serve new sources better
    (Kumar et al., "Fine-Tuning can Distort Pretrained Features", 2022, arXiv:2202.10054).

    Args:
        model: changed in place.
        training: batches as training feeds them, crops and degraded pictures included: standardized over others, some
            features of a sharpened or noisy picture lie so far out that they decide alone.
    """
    features = models.features_of(model)
    seen = [(features.predict_on_batch(pixels), labels[:, 0]) for pixels, labels in tqdm(training, "features")]
    of_images, labels = map(np.concatenate, zip(*seen))
    mean, variance = of_images.mean(axis=0), of_images.var(axis=0)
    standardized = (of_images - mean) / np.sqrt(variance + models.STANDARDIZE_EPSILON)
    regression = LogisticRegression(C=PROBE_C, max_iter=500).fit(standardized, np.round(labels))
    accuracy = regression.score(standardized, np.round(labels))
    print(f"logistic regression of {len(mean)} features: training accuracy {accuracy:.3f}")
    models.set_start(model, mean, variance, regression.coef_[0], regression.intercept_[0])


def calibrate(model: keras.Model, validation: grain.IterDataset) -> float:
    """Fit a temperature on batches of validation, make it part of ``model``'s last layer, and return it.

    Raises:
        run.RunError: the answers tell nothing, so that no temperature makes them probabilities.
    """
    answers = [(labels[:, 0], model.predict_on_batch(pixels)[:, 0]) for pixels, labels in validation]
    labels, p_real = map(np.concatenate, zip(*answers))
    try:
        temperature = fit_temperature(labels, p_real.astype(float))
    except ValueError as error:
        raise run.RunError(f"The training diverged: {error}. {DIVERGED}") from error
    models.scale_logit(model, 1 / temperature)
    return temperature


def build(name: str, backbone_weights: Path | None, settings: dict) -> keras.Model:
    """Build a network; a backbone gets ImageNet's weights from Keras' store, or those of a local file.

    ``settings`` as in `models.build`.

    Raises:
        run.RunError: neither can be had, or there are too many filters.
    """
    if backbone_weights and not backbone_weights.name.endswith(".weights.h5"):
        raise run.RunError(f"{backbone_weights}: pass a .weights.h5 file that Keras saved.")
    try:
        return models.build(name, str(backbone_weights) if backbone_weights else "imagenet", **settings)
    except Exception as error:  # Keras wraps network errors in plain Exception.
        if settings.get("filters") and isinstance(error, ValueError):
            raise run.RunError(
                f"{len(settings['filters'])} --filters are too many: each convolution and pooling halves the picture, "
                "until nothing is left."
            ) from None
        if name in models.FROM_SCRATCH:
            raise
        raise run.RunError(
            f"{name}'s weights can't be had ({str(error).splitlines()[0]}). Connect to the network for Keras' own "
            f"ImageNet weights, or pass --backbone-weights FILE.weights.h5."
        ) from error


def unfreeze(model: keras.Model, count: int) -> None:
    """Let the backbone's last ``count`` layers learn, but for BatchNormalization, which keeps its statistics."""
    backbone = model.get_layer(models.BACKBONE)
    backbone.trainable = True
    for index, layer in enumerate(backbone.layers):
        last = index >= len(backbone.layers) - count
        layer.trainable = last and not isinstance(layer, keras.layers.BatchNormalization)


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


def train_epochs(
    model: keras.Model,
    training: Callable[[int, int], grain.IterDataset],
    validation: grain.IterDataset,
    steps: tuple[int, int],
    out: Path,
    args: argparse.Namespace,
    share: data.Share,
    fine_tune: bool = False,
) -> None:
    """Train until the last epoch or early stopping; leave the best epoch's weights in ``model``.

    Each epoch is run by its own ``model.fit`` call, so that its order, flips and dropout follow from (seed, epoch),
    its learning rate from the optimiser's count of steps, and early stopping's state from the history: a
    training that was killed and resumed ends as an uninterrupted one.

    Args:
        model: what learns: a frozen backbone's head, a body that takes crops, or the whole network.
        training: from an epoch's number (from 0) and how many follow from there, to all their batches.
        validation: batches.
        steps: batches of an epoch and of validation.
        out: folder of the history and checkpoints; what is there is gone on from.
        args: the options of ``fit``.
        share: of this process; the first one writes.
        fine_tune: take the fine-tuning's epochs and learning rate.
    """
    epochs, rate = args.epochs, args.learning_rate
    if fine_tune:
        epochs, rate = args.fine_tune_epochs, args.fine_tune_rate
    checkpoints = out / run.CHECKPOINTS
    with processes.together(share):
        history = run.read_csv(out / run.HISTORY)
        if history:
            learner = keras.saving.load_model(checkpoints / f"epoch-{len(history):03d}.keras")
        else:
            # A network of its own: the run's model stays free of the optimiser's state, which takes twice the weights'
            # space, of metrics that nobody but this module can load, and of a lower precision.
            learner = models.in_precision(model, args.precision)
            learner.set_weights(processes.of_first(learner.get_weights(), share))
            rates = learning_rate(rate, epochs * steps[0], round(args.warmup * steps[0]), args.schedule)
            learner.compile(
                optimizer=OPTIMIZERS[args.optimizer](rates, clipnorm=args.clip_norm),
                loss=keras.losses.BinaryCrossentropy(label_smoothing=args.label_smoothing),
                metrics=[Accuracy(name="accuracy"), AUC(name="auc")],
                jit_compile=keras.backend.backend() == "jax",  # Whose XLA is all it has; on CPUs, oneDNN is faster.
            )

        # One stream over all epochs: the next one is read while this one is validated, and workers start once.
        with contextlib.closing(iter(training(len(history), epochs - len(history)))) as stream:
            while len(history) < epochs and not stopped_early(history, args.patience):
                epoch = len(history)
                reseed(learner, args.seed, epoch)
                log = learner.fit(
                    (batch for batch in itertools.islice(stream, steps[0])),
                    validation_data=validation,
                    initial_epoch=epoch,
                    epochs=epoch + 1,
                    steps_per_epoch=steps[0],
                    validation_steps=steps[1],
                    shuffle=False,
                ).history
                row = {"epoch": epoch + 1} | {name: values[0] for name, values in log.items()}
                if not (math.isfinite(row["loss"]) and math.isfinite(row["val_loss"])):
                    raise run.RunError(f"The loss is no longer a number in epoch {epoch + 1}. {DIVERGED}")

                history.append(row)
                if not share.index:
                    with processes.apart():
                        keep(learner, history, out)

    best = keras.saving.load_model(checkpoints / "best.keras", compile=False)
    model.set_weights(best.get_weights())
    print(f"best of {len(history)} epochs: {best_epoch(history)}")


def reseed(learner: keras.Model, seed: int, epoch: int) -> None:
    """Let dropout follow from (seed, epoch): Keras saves no state of random generators with a network."""
    states = [variable for variable in learner.variables if variable.name == "seed_generator_state"]
    for place, state in enumerate(states):
        drawn = np.random.SeedSequence((seed, epoch), spawn_key=(place,)).generate_state(2)
        state.assign((drawn >> 1).astype(state.dtype))  # Within the 31 bits of any backend's type.


def keep(learner: keras.Model, history: list[dict], out: Path) -> None:
    """Write the checkpoint and the row of the last epoch of ``history``.

    The checkpoint comes before the row, and the old one goes after it: killed anywhere between, the last row's
    checkpoint is there.
    """
    checkpoints, epoch = out / run.CHECKPOINTS, len(history)
    checkpoints.mkdir(parents=True, exist_ok=True)
    current = checkpoints / f"epoch-{epoch:03d}.keras"
    run.save_model(learner, current)
    if best_epoch(history) == epoch:
        shutil.copy(current, checkpoints / "partial-best.keras")
        (checkpoints / "partial-best.keras").replace(checkpoints / "best.keras")
    run.write_csv(out / run.HISTORY, history)
    (checkpoints / f"epoch-{epoch - 1:03d}.keras").unlink(missing_ok=True)


def learning_rate(
    rate: float, steps: int, warmup: int, schedule: str
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """``rate`` throughout, or raised to it from 0 over ``warmup`` steps and then let fall to 0 on a cosine's half."""
    if schedule == "constant":
        return rate
    if not warmup:
        return keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.schedules.CosineDecay(0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup)


def best_epoch(history: list[dict]) -> int:
    """The epoch (from 1) of the lowest validation loss; 0 for an empty history."""
    return int(min(history, key=lambda row: row["val_loss"])["epoch"]) if history else 0


def stopped_early(history: list[dict], patience: int) -> bool:
    """Whether ``patience`` epochs have passed without a lower validation loss."""
    return len(history) - best_epoch(history) >= patience if history else False
