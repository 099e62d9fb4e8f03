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
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from train import run
from train.chain.read import read_photo
from train.fitting import backend, lessons, processes, start
from train.fitting.calibration import fit_platt
from train.fitting.epochs import DIVERGED, train_epochs
from train.fitting.options import Options, check_crop, check_options, options_of
from train.networks import features, inference, models
from train.photos import data, decoded, feed, leaks

SAME = ("model", "backbone", "teacher", "dataset")  # What a resumed training must not change, beside its options.


def fit(args: argparse.Namespace) -> list[data.Photo] | None:
    """Train ``args.model`` on ``args.data`` and leave a run folder at ``args.out``.

    The best epoch (`epochs.best_epoch`) becomes the run's model; its calibration is fitted on validation and becomes
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
        run.RunError: ``args.out`` holds another run, or one with other options, or nothing to resume, or is in use, or
            the backbone's weights can't be had, or the teacher is unfinished, or an option would do nothing or can't
            be met (`check_options`, `processes.join`), or the training diverges.
    """
    options = options_of(args)
    check_options(args, options)
    share = processes.join(args, options.batch_size)
    with contextlib.nullcontext() if share.index else run.alone(args.out):
        return fitted(args, options, share)


def fitted(args: argparse.Namespace, options: Options, share: feed.Share) -> list[data.Photo] | None:
    """What `fit` does in a folder that no other command writes to."""
    begun = bool(run.read_history(args.out))
    backend.compute_alike()
    keras.utils.set_random_seed(options.seed)
    options = dataclasses.replace(options, precision=options.precision or backend.fastest_precision())

    model, parent = network(args, options)
    photos = images(args, options)
    teacher = run.load_model(args.teacher) if args.teacher else None
    config = record(args, options, photos, model, parent, teacher)
    if args.resume:
        check_same(args.out, config)
    training, validation = ([photo for photo in photos if photo.split == split] for split in ("train", "valid"))
    if not share.index:
        run.write_json(args.out / run.CONFIG, config)
        leaks.keep(args.out, training, learnt_from(args))
    model.summary()

    read = decoded.cached_reader([*training, *validation]) if args.cache else read_photo
    workers = feed.best_workers() if args.workers is None else args.workers
    labels, crops_teacher = answers(teacher, training, options)

    def photo_lessons(share: feed.Share) -> lessons.Lessons:
        size = models.input_size(model)
        return lessons.of_photos(training, validation, labels, size, read, options, workers, share)

    if args.model in models.BACKBONES:
        of_features = lessons.of_features(model, training, validation, labels, options, share)
        train_epochs(models.part(model, models.HEAD), of_features, options, args.out, share)
        if options.unfreeze:
            unfreeze(model, options.unfreeze)
            train_epochs(model, photo_lessons(share), options.of_fine_tuning, args.out / "fine-tune", share)
    else:
        if args.model in models.TEXTURE_NETWORKS and not begun:
            start.start_linear(model, photo_lessons(feed.WHOLE).training(0, 1), options.batch_size)
        of_photos = photo_lessons(share)
        of_photos = lessons.taught(of_photos, crops_teacher) if crops_teacher else of_photos
        train_epochs(models.part(model, models.BODY), of_photos, options, args.out, share)
    processes.leave(share)
    if share.index:
        return None

    temperature, offset = calibrate(model, validation, read, options)
    run.replace_network(args.out, model, config | {"temperature": temperature, "offset": offset})
    return [photo for photo in photos if photo.split != "train"]


def network(args: argparse.Namespace, options: Options) -> tuple[keras.Model, keras.Model | None]:
    """The network to train, and that of ``args.start`` if it is to begin with layers of one.

    Raises:
        run.RunError: it can't be had, or can't be trained as the options say.
    """
    parent = run.load_model(args.start) if args.start else None
    if parent:
        model = models.build(args.model, None)
        models.inherit(model, parent)
    else:
        model = start.build(args.model, args.backbone_weights, options.of_network)
    if options.crop:
        check_crop(options.crop, model)
    return model, parent


def images(args: argparse.Namespace, options: Options) -> list[data.Photo]:
    """The photos of training, of validation and, if there is one, of the test split, checked.

    Raises:
        data.DataError: they can't be trained on, or were learnt from by the teacher or by what the network starts from.
    """
    photos = data.load_checked(
        args.data,
        ("train", "valid"),
        args.extra,
        args.allow_duplicates,
        optional=("test",),
        split_seed=options.split_seed,
    )
    training = [photo for photo in photos if photo.split == "train"]
    measured = [photo for photo in photos if photo.split != "train"]
    if options.train_size:
        training = data.balanced_subset(training, options.train_size)
    print(run.markdown(data.by_source(training)))
    for folder in learnt_from(args):
        leaks.check(folder, measured, args.allow_duplicates)
    return training + measured


def learnt_from(args: argparse.Namespace) -> list[Path]:
    """The runs whose training images the network learns from at second hand."""
    return [folder for folder in (args.teacher, args.start) if folder]


def record(
    args: argparse.Namespace,
    options: Options,
    photos: list[data.Photo],
    model: keras.Model,
    parent: keras.Model | None,
    teacher: keras.Model | None,
) -> dict:
    """What config.json says of the training; ``parent`` is the network of ``args.start``."""
    frozen = args.model in models.BACKBONES
    extra = [folder.resolve().name + (f" x {weight:g}" if weight != 1 else "") for folder, weight in args.extra]
    return {
        "model": args.model,
        "options": dataclasses.asdict(options),
        "input_size": models.input_size(model),
        "backbone": features.weights_hash(model.get_layer(models.BACKBONE)) if frozen else None,
        "start": start.describe(args.start, parent) if parent else start.start_of(args.model, args.backbone_weights),
        "teacher": teacher and start.describe(args.teacher, teacher),
        "dataset": {"names": [args.data.resolve().name, *extra]} | data.fingerprint(photos),
        "versions": run.versions(),
    }


def check_same(out: Path, config: dict) -> None:
    """Refuse to go on with another training than the one that was begun in ``out``.

    Raises:
        run.RunError: naming what differs.
    """
    before = run.read_json(out, run.CONFIG)
    changed = [key for key in SAME if before.get(key) != config[key]]
    if changed:
        raise run.RunError(
            f"{out} was begun with another {' and '.join(changed)}; resume it with the model, --data, --extra, "
            "--teacher, --start and --backbone-weights of then."
        )


def answers(
    teacher: keras.Model | None, training: list[data.Photo], options: Options
) -> tuple[np.ndarray, keras.Model | None]:
    """What the network is to answer.

    Returns:
        float32 (photos, 1), 0..1, the labels of the training photos or a teacher's P(real) of them; and the teacher
        that answers to each crop in their place, if it can and crops are what is trained on.
    """
    if teacher is None:
        return data.labels_of(training), None
    body = models.part(teacher, models.BODY)
    if options.crop and body is not teacher:
        return data.labels_of(training), models.in_precision(body, options.precision)
    # Both views of a photo show the same face: their mean is the better answer.
    return features.compute(teacher, training).mean(axis=1), None


def unfreeze(model: keras.Model, count: int) -> None:
    """Let the backbone's last ``count`` layers learn, but for BatchNormalization, which keeps its statistics."""
    backbone = model.get_layer(models.BACKBONE)
    backbone.trainable = True
    for index, layer in enumerate(backbone.layers):
        last = index >= len(backbone.layers) - count
        layer.trainable = last and not isinstance(layer, keras.layers.BatchNormalization)


def calibrate(
    model: keras.Model, validation: list[data.Photo], read: Callable[[str], np.ndarray], options: Options
) -> tuple[float, float]:
    """Fit a temperature and an offset on validation, make them part of ``model``'s last layer, and return them.

    Raises:
        run.RunError: the answers tell nothing, so that nothing makes them probabilities.
    """
    # On untouched files alone, a network is surer than it may be elsewhere.
    seed = (options.seed, 0) if options.degrade else None
    world = feed.Augmentation(options.flip, degrade=options.degrade)
    shown = feed.batches(validation, inference.BATCH, models.input_size(model), read, seed, world)
    answered = [(labels[:, 0], model.predict_on_batch(pixels)[:, 0]) for pixels, labels in shown]
    labels, p_real = map(np.concatenate, zip(*answered))
    try:
        temperature, offset = fit_platt(labels, p_real.astype(float))
    except ValueError as error:
        raise run.RunError(f"The training diverged: {error}. {DIVERGED}") from error
    models.rescale_logit(model, 1 / temperature, offset)
    return temperature, offset
