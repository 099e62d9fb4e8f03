"""Feed photos to a network: batches of pixels and labels, drawn, augmented and read ahead."""

import dataclasses
import multiprocessing
import os
import threading
from collections.abc import Callable

import grain
import joblib
import numpy as np
from absl import flags

from train.chain.read import read_photo
from train.chain.resize import resize
from train.photos.data import Photo, labels_of
from train.photos.degrade import degraded
from train.spec import INPUT_SIZE


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What training does to an image at random; both classes alike."""

    flip: bool = True  # Horizontally, half of the images.
    zoom: float = 0.0  # Largest share (0..1) of height and width that is cut away before resizing.
    crop: int | None = None  # Height and width in pixels of what is cut out after resizing.
    degrade: float = 0.0  # Share (0..1) of the images that go through `degrade.degraded`.


@dataclasses.dataclass(frozen=True)
class Share:
    """What one process feeds of every batch: one of several equal parts, that of its place among them."""

    index: int = 0
    processes: int = 1
    devices: int = 1  # Of all processes together. Each gets as many images as any other.

    def of(self, batch: range) -> range:
        """This process's part of the places of a batch; of a last one, up to ``devices`` - 1 are nobody's."""
        part = len(batch) // self.devices * self.devices // self.processes
        return batch[self.index * part : (self.index + 1) * part]


WHOLE = Share()  # Of a process that is alone.


def draw(photos: list[Photo], random: np.random.Generator) -> np.ndarray:
    """Which photos an epoch shows: int (`epoch_size`,), each photo as often as its weight says, shuffled.

    A weight of 2.5 gives two or three times, in turn (systematic sampling), so that every epoch has one length.
    """
    ends = np.cumsum([photo.weight for photo in photos])
    places = random.random() + np.arange(epoch_size(photos))
    return random.permutation(np.minimum(np.searchsorted(ends, places), len(photos) - 1))


def epoch_size(photos: list[Photo]) -> int:
    """Images of an epoch of training."""
    return round(sum(photo.weight for photo in photos))


def batches(
    photos: list[Photo],
    batch_size: int,
    size: int = INPUT_SIZE,
    read: Callable[[str], np.ndarray] = read_photo,
    training_seed: tuple[int, int] | None = None,
    augmentation: Augmentation = Augmentation(),
    labels: np.ndarray | None = None,
    epochs: int = 1,
    workers: int = 0,
    share: Share = WHOLE,
) -> grain.IterDataset:
    """Feed photos to a model in their order, or, for training, shuffled and augmented.

    Args:
        photos: what to feed.
        batch_size: images a batch; the last one may be smaller.
        size: height and width that the network resizes to (`models.input_size`).
        read: from path to uint8 (height, width, 3), as `read_photo`.
        training_seed: (seed, epoch). Given, the images are drawn by their weights (`draw`) and each is augmented at
            random, both reproducible from these two numbers alone, so that a resumed training sees what an
            uninterrupted one would have seen.
        augmentation: with training_seed, what is done to each image.
        labels: float32 (photos, 1), 0..1, in place of the photos' own.
        epochs: with training_seed, how many follow one another, counted on from that seed's.
        workers: as in `fed`.
        share: of each batch, what this process feeds.

    Returns:
        Dataset of (float32 (batch, size, size, 3) RGB 0..255, float32 (batch, 1) label 0..1), or
        (batch, crop, crop, 3) where training crops. The network's own resizing leaves `size` as it is.
    """
    paths = [photo.path for photo in photos]  # Without all else that is known of a photo, for worker processes.
    labels = labels_of(photos) if labels is None else labels
    if training_seed is None:

        def view(epoch: int, place: int) -> tuple[np.ndarray, np.ndarray]:
            return resize(read(paths[place]), size), labels[place]

        return fed(view, len(photos), batch_size, epochs, workers, share)

    seed, first = training_seed
    orders = [draw(photos, np.random.default_rng((seed, first + epoch))) for epoch in range(epochs)]

    def training_view(epoch: int, place: int) -> tuple[np.ndarray, np.ndarray]:
        index = orders[epoch][place]
        random = np.random.default_rng(np.random.SeedSequence((seed, first + epoch), spawn_key=(place,)))
        return augmented(read(paths[index]), size, augmentation, random), labels[index]

    return fed(training_view, epoch_size(photos), batch_size, epochs, workers, share)


def augmented(pixels: np.ndarray, size: int, how: Augmentation, random: np.random.Generator) -> np.ndarray:
    """One training image: uint8 (height, width, 3) to float32 (side, side, 3), of side ``size`` or that of the crop."""
    flip, kept, degrade = random.random(3)
    cut, corner = random.random((2, 2))
    full = np.array(pixels.shape[:2])
    kept = np.maximum(np.round((1 - how.zoom * kept) * full), 1).astype(int)
    top, left = np.round(cut * (full - kept)).astype(int)
    pixels = pixels[top : top + kept[0], left : left + kept[1]]
    if how.flip and flip < 0.5:  # Before it is encoded: encoders work on blocks, so a mirrored file is another.
        pixels = pixels[:, ::-1]
    if degrade < how.degrade:
        pixels = degraded(np.ascontiguousarray(pixels), random)
    side = how.crop or size
    top, left = np.round(corner * (size - side)).astype(int)
    return resize(pixels, size, slice(top, top + side), slice(left, left + side))


def steps(images: int, batch_size: int, share: Share = WHOLE) -> int:
    """Batches of an epoch."""
    return images // batch_size + (images % batch_size >= share.devices)


def fed(
    view: Callable[[int, int], tuple[np.ndarray, np.ndarray]],
    images: int,
    batch_size: int,
    epochs: int = 1,
    workers: int = 0,
    share: Share = WHOLE,
) -> grain.IterDataset:
    """Batches of one epoch after another, read ahead.

    Args:
        view: from an epoch (from 0) and a place in it to one image's input and label.
        images: of an epoch.
        batch_size: each epoch's last batch may be smaller.
        epochs: how many.
        workers: processes that read; 0 for threads of this one, one a core.
        share: of each batch, what this process feeds.

    Returns:
        Dataset of (inputs, labels), as `view` gives them, along a first axis. One with workers wants its iterator to
        be closed.
    """
    of_epoch = steps(images, batch_size, share)

    def batch(index: int) -> tuple[np.ndarray, np.ndarray]:
        epoch, step = divmod(index, of_epoch)
        places = share.of(range(images)[step * batch_size : (step + 1) * batch_size])
        views = [view(epoch, place) for place in places]
        inputs, labels = map(np.stack, zip(*views))
        return inputs, labels

    threads = 1 if workers else joblib.cpu_count()
    ahead = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=threads)
    dataset = grain.MapDataset.range(epochs * of_epoch).map(batch).to_iter_dataset(ahead)
    if not workers:
        return dataset
    flags.FLAGS.mark_as_parsed()  # Of Grain's, which has no command line here.
    return dataset.mp_prefetch(grain.multiprocessing.MultiprocessingOptions(workers), _end_with_parent)


def best_workers() -> int:
    """How many processes read fastest here: none where there are few cores, which the network needs itself."""
    cores = joblib.cpu_count()
    return cores - 1 if cores >= 4 else 0


def _end_with_parent(worker: int, workers: int) -> None:
    """Let a worker process end when its parent was killed, which Grain's own don't notice."""

    parent = multiprocessing.parent_process()
    assert parent, "this runs in a worker process"

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
