"""P(real) of photos as every part of the project judges them: read, brought to their faces, and put to the network."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import keras
import numpy as np

from train.chain.read import read_photo
from train.chain.resize import resize
from train.chain.verdict import face_views
from train.figures.conditions import CONDITIONS, FILES, SIZES, Condition, as_it_is, of_size
from train.networks import inference, models
from train.photos import data

GRID_SIZE = 512  # Largest of SIZES that an image of 256 pixels is enlarged to.
READERS = 2  # Threads that decode and look for faces while the network computes.

Item = TypeVar("Item")
Looked = tuple[Any, list[np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Score:
    """What a network says of one photo.

    Attributes:
        p_real: of its worst face, 0..1; of the whole picture where no face is found.
        faces: how many were found.
        as_is: whether that face was judged without resampling.
    """

    p_real: float
    faces: int
    as_is: bool


def score(model: keras.Model, photos: Iterable[Callable[[], np.ndarray]]) -> list[Score]:
    """Judge photos one after the other.

    Args:
        model: pixels to P(real).
        photos: each a function that reads one: uint8 (height, width, 3).
    """

    def look(read: Callable[[], np.ndarray]) -> tuple[tuple[int, list[bool]], list[np.ndarray]]:
        pixels = read()
        faces = face_views(pixels)
        seen = [(face.as_is, face.pixels) for face in faces] or [(True, pixels)]
        return (len(faces), [kept for kept, _ in seen]), [view for _, view in seen]

    scores = []
    for (faces, kept), p_real in judge(model, photos, look):
        worst = int(np.argmin(p_real))
        scores.append(Score(p_real[worst], faces, kept[worst]))
    return scores


def judge(model: keras.Model, items: Iterable[Item], look: Callable[[Item], Looked]) -> Iterator[tuple]:
    """Judge what is seen in each item; the next ones are read while the network computes.

    Args:
        model: pixels to P(real).
        items: what is to be judged.
        look: from an item to what is to be said of it, and any number of views, uint8 (height, width, 3).

    Yields:
        For each item in order: the former, and float64 (views,), P(real) 0..1.
    """
    size = models.input_size(model)

    def resized(item: Item) -> Looked:
        kept, views = look(item)
        return kept, [resize(view, size) for view in views]

    pool = ThreadPoolExecutor(READERS)
    try:
        for group in _grouped(_ahead(pool, resized, items)):
            inputs = [view for _, views in group for view in views]
            p_real = model.predict_on_batch(np.stack(inputs))[:, 0].astype(float) if inputs else np.empty(0)
            for kept, views in group:
                yield kept, p_real[: len(views)]
                p_real = p_real[len(views) :]
    finally:
        pool.shutdown(cancel_futures=True)


def reader(photo: data.Photo, condition: Condition) -> Callable[[], np.ndarray]:
    """What reads a photo for `score`, in a condition."""
    return lambda: condition(read_photo(photo.path))


def in_conditions(photos: list[data.Photo]) -> list[tuple[data.Photo, Condition]]:
    """What a threshold for pictures of every kind is chosen on, beside the validation images as they are.

    Each image in two conditions that its own content draws, so that they are the same for every network: one of
    CONDITIONS, and a size with a file of `of_size`'s.
    """
    views = []
    for photo in photos:
        random = np.random.default_rng(int(photo.sha256[:16], 16))
        name = random.choice([name for name, condition in CONDITIONS.items() if condition is not as_it_is])
        grid = of_size(int(random.choice([size for size in SIZES if size <= GRID_SIZE])), str(random.choice(FILES)))
        views += [(photo, CONDITIONS[name]), (photo, grid)]
    return views


def _ahead(pool: ThreadPoolExecutor, function: Callable, items: Iterable) -> Iterator:
    """Results in order, a few computed ahead: `pool.map` would hold those of all photos at once."""
    waiting = []
    for item in items:
        waiting.append(pool.submit(function, item))
        if len(waiting) > 4 * inference.BATCH:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def _grouped(results: Iterable) -> Iterator[list]:
    """Photos together until a batch of faces is full."""
    group, count = [], 0
    for result in results:
        group.append(result)
        count += max(len(result[1]), 1)  # One that shows nothing took its time too.
        if count >= inference.BATCH:
            yield group
            group, count = [], 0
    if group:
        yield group
