"""What a fixed network makes of each image and of its mirror, computed once and kept on disk.

A frozen backbone's pooled features, for its head to learn from; or a teacher's P(real), for its pupil.
"""

import hashlib
import re

import grain
import keras
import numpy as np
from tqdm import tqdm

from train.networks import models
from train.photos import cache, data, feed

CHUNK = 64  # Images a file: what an interruption can lose.


def weights_hash(model: keras.Model) -> str:
    """Identifies a network: 16 hexadecimal digits of a SHA-256 over its weights."""
    digest = hashlib.sha256()
    for weights in model.get_weights():
        digest.update(weights.tobytes())
    return digest.hexdigest()[:16]


def topology_hash(model: keras.Model) -> str:
    """Identifies what a network computes, its preprocessing included, weights aside: 16 hexadecimal digits.

    Layers are told by their order: Keras numbers those without a name of their own anew in each process.
    """
    text = model.to_json()
    for index, name in enumerate(dict.fromkeys(re.findall(r'"name": "([^"]+)"', text))):
        text = text.replace(f'"{name}"', f'"#{index}"')
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def extractor(model: keras.Model) -> keras.Model:
    """The part of a transfer network of `models.build` that stays frozen: pixels to pooled features."""
    return keras.Model(model.input, model.get_layer(models.FEATURES).output, name=model.name)


def compute(model: keras.Model, photos: list[data.Photo]) -> np.ndarray:
    """What a network answers to every photo and to its mirror image.

    Computed in chunks that are kept under a name that follows from all that decides their content (network, input
    size, topology, weights, images), so that an interrupted call goes on where it stopped and a repeated one only
    reads. Calls at once may compute a chunk twice, and don't disturb each other.

    Args:
        model: pixels to float32 (batch, channels).
        photos: scanned photos.

    Returns:
        float32 (photos, 2, channels); index 1 of the second axis is the mirror image.
    """
    size = models.input_size(model)
    images = hashlib.sha256("".join(photo.sha256 for photo in photos).encode()).hexdigest()[:16]
    all_of_it = f"{model.name}-{size}-{topology_hash(model)}-{weights_hash(model)}-{images}-{CHUNK}"
    folder = cache.folder() / f"features-{hashlib.sha256(all_of_it.encode()).hexdigest()[:16]}"
    starts = range(0, len(photos), CHUNK)
    missing = [start for start in starts if not (folder / f"{start:07d}.npz").exists()]
    # One pass over all that is missing; only the last chunk can be short, so each batch is a chunk.
    pixels = feed.batches([photo for start in missing for photo in photos[start : start + CHUNK]], CHUNK, size)
    chunks = zip(missing, pixels) if missing else ()
    for start, (views, _) in tqdm(chunks, total=len(missing), desc=f"{model.name} answers", unit="chunk"):
        both = [model.predict_on_batch(view) for view in (views, views[:, :, ::-1])]
        cache.save(folder / f"{start:07d}.npz", views=np.stack(both, axis=1))
    return np.concatenate([np.load(folder / f"{start:07d}.npz")["views"] for start in starts])


def batches(
    features: np.ndarray,
    photos: list[data.Photo],
    batch_size: int,
    training_seed: tuple[int, int] | None = None,
    flip: bool = True,
    labels: np.ndarray | None = None,
    epochs: int = 1,
    share: feed.Share = feed.WHOLE,
) -> grain.IterDataset:
    """Feed features in place of pixels, as `feed.batches` does, with the mirror image in place of a flip.

    Args:
        features: float32 (photos, 2, channels) from `compute` of
        photos: whose weights decide how often each is drawn.
        flip: with training_seed, take the mirror image of half of the photos.
        batch_size, training_seed, labels, epochs, share: as in `feed.batches`.

    Returns:
        Dataset of (float32 (batch, channels), float32 (batch, 1) label 0..1).
    """
    labels = data.labels_of(photos) if labels is None else labels
    if training_seed is None:
        return feed.fed(
            lambda _, place: (features[place, 0], labels[place]), len(photos), batch_size, epochs, share=share
        )

    seed, first = training_seed
    randoms = [np.random.default_rng((seed, first + epoch)) for epoch in range(epochs)]
    orders = [feed.draw(photos, random) for random in randoms]
    flips = [flip * random.integers(0, 2, len(order)) for random, order in zip(randoms, orders)]

    def training_view(epoch: int, place: int) -> tuple[np.ndarray, np.ndarray]:
        index = orders[epoch][place]
        return features[index, flips[epoch][place]], labels[index]

    return feed.fed(training_view, feed.epoch_size(photos), batch_size, epochs, share=share)
