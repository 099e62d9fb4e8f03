"""What a network learns from, as batches: photos, a frozen backbone's features of them, or a teacher's answers."""

import dataclasses
from collections.abc import Callable

import grain
import keras
import numpy as np

from train.fitting.options import Options
from train.networks import features, inference
from train.photos import data, feed


@dataclasses.dataclass(frozen=True)
class Lessons:
    """Batches of (inputs, labels float32 (batch, 1), 0..1).

    Attributes:
        training: from an epoch's number (from 0) and how many follow from there, to all their batches.
        validation: batches.
        steps: batches of an epoch and of validation.
    """

    training: Callable[[int, int], grain.IterDataset]
    validation: grain.IterDataset
    steps: tuple[int, int]


def steps(
    training: list[data.Photo], validation: list[data.Photo], options: Options, share: feed.Share
) -> tuple[int, int]:
    """Batches of an epoch and of validation."""
    return (
        feed.steps(feed.epoch_size(training), options.batch_size, share),
        feed.steps(len(validation), inference.BATCH * share.devices, share),
    )


def of_photos(
    training: list[data.Photo],
    validation: list[data.Photo],
    labels: np.ndarray,
    size: int,
    read: Callable[[str], np.ndarray],
    options: Options,
    workers: int = 0,
    share: feed.Share = feed.WHOLE,
) -> Lessons:
    """Training photos, drawn and augmented, and validation photos as they are.

    Args:
        training: photos.
        validation: photos.
        labels: float32 (photos, 1), 0..1, of the training.
        size: as in `feed.batches`, like ``read``, ``workers`` and ``share``.
        read: from path to pixels.
        options: of the training.
        workers: processes that read.
        share: of each batch, what this process feeds.
    """
    augmentation = feed.Augmentation(options.flip, options.zoom, options.crop, options.degrade)
    batch = inference.BATCH * share.devices
    return Lessons(
        lambda first, epochs: feed.batches(
            training,
            options.batch_size,
            size,
            read,
            (options.seed, first),
            augmentation,
            labels,
            epochs,
            workers,
            share,
        ),
        feed.batches(validation, batch, size, read, share=share),
        steps(training, validation, options, share),
    )


def of_features(
    model: keras.Model,
    training: list[data.Photo],
    validation: list[data.Photo],
    labels: np.ndarray,
    options: Options,
    share: feed.Share = feed.WHOLE,
) -> Lessons:
    """What the frozen backbone of ``model`` makes of the photos, for its head; the rest as in `of_photos`."""
    extractor = features.extractor(model)
    of_training, of_validation = features.compute(extractor, training), features.compute(extractor, validation)
    batch = inference.BATCH * share.devices
    return Lessons(
        lambda first, epochs: features.batches(
            of_training, training, options.batch_size, (options.seed, first), options.flip, labels, epochs, share
        ),
        features.batches(of_validation, validation, batch, share=share),
        steps(training, validation, options, share),
    )


def taught(lessons: Lessons, teacher: keras.Model) -> Lessons:
    """The same pictures, each with the teacher's P(real) of it in place of its label."""

    def training(first: int, epochs: int) -> grain.IterDataset:
        answered = lessons.training(first, epochs).map(lambda batch: (batch[0], teacher.predict_on_batch(batch[0])))
        return grain.experimental.ThreadPrefetchIterDataset(answered, prefetch_buffer_size=1)

    return dataclasses.replace(lessons, training=training)
