"""What training takes an image, beside the plain loop of Keras' own tutorials.

    python tests/bench/training.py [--data DIR] [--images 2048] [--epochs 3] [--frozen 256] [--backbone-weights FILE]

Turn by turn, epoch by epoch, in this process: `custom` as `fit --cache` trains it, and in float32 on Keras'
`image_dataset_from_directory`; the reading of either alone; and a head on a frozen Xception for 60 epochs, its features
computed once, or by the whole network in each epoch, of which one is timed and taken 60 times. Without --data, the
photos are drawn; without --backbone-weights, the frozen network's are random.
"""

import argparse
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

import keras  # noqa: E402
from conftest import write_dataset  # noqa: E402
from table import row  # noqa: E402

from train.figures.metrics import interval_95  # noqa: E402
from train.fitting import backend  # noqa: E402
from train.networks import features, models  # noqa: E402
from train.photos import data, decoded, feed  # noqa: E402
from train.spec import CLASS_NAMES, INPUT_SIZE  # noqa: E402

BATCH = 32
HEAD_EPOCHS = 60


def seconds(work: Callable[[], object]) -> float:
    """What it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def linked(source: Path, folder: Path, count: int) -> Path:
    """A set of links to the first images of each class of another: ``count`` for training, a quarter of that beside."""
    for split, most in (("train", count), ("valid", count // 4)):
        for name in CLASS_NAMES:
            (folder / split / name).mkdir(parents=True)
            for path in sorted((source / split / name).iterdir())[:most]:
                os.symlink(path.resolve(), folder / split / name / path.name)
    return folder


def compiled(model: keras.Model) -> keras.Model:
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"], jit_compile=keras.backend.backend() == "jax")
    return model


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of {train,valid}/{fake,real}")
    parser.add_argument("--images", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--frozen", type=int, default=256, help="images for the frozen network")
    parser.add_argument("--backbone-weights")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["DEEPFACEDETECT_CACHE"] = f"{scratch}/cache"
        folder, count = Path(scratch) / "set", args.images // 2
        if args.data:
            linked(args.data, folder, count)
        else:
            write_dataset(folder, {"train": count, "valid": count // 4}, size=256)
        photos = {split: data.scan(data.list_photos(folder / split, split)) for split in ("train", "valid")}
        custom(folder, photos, args.epochs)
        frozen(photos["train"][:: max(1, args.images // args.frozen)], args.backbone_weights)


def custom(folder: Path, photos: dict[str, list[data.Photo]], epochs: int) -> None:
    """Compare the training of `custom`, its accuracy, and what is read for it."""
    images, precision = len(photos["train"]), backend.fastest_precision()
    steps = feed.steps(images, BATCH)
    plain = keras.utils.image_dataset_from_directory(
        folder / "train", label_mode="binary", image_size=(INPUT_SIZE, INPUT_SIZE), batch_size=BATCH, verbose=False
    )
    of_fit = {"read": decoded.cached_reader(photos["train"]), "training_seed": (0, 0), "workers": feed.best_workers()}
    fed = feed.batches(photos["train"], BATCH, epochs=1 + epochs, **of_fit)
    networks = {
        f"`fit --cache`, {precision}": compiled(models.in_precision(models.custom(), precision)),
        "plain loop": compiled(models.custom()),
    }
    epoch_times: dict[str, list[float]] = {name: [] for name in networks}
    with contextlib.closing(iter(fed)) as stream:
        for _, (name, network) in itertools.product(range(1 + epochs), networks.items()):
            batches = plain if name == "plain loop" else (batch for batch in itertools.islice(stream, steps))
            start = time.perf_counter()
            network.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)
            epoch_times[name].append(1000 * (time.perf_counter() - start) / images)
    # The first epoch compiles.
    print(
        row(
            "Training `custom`, an image",
            "ms",
            *((name, statistics.mean(all_[1:])) for name, all_ in epoch_times.items()),
        )
    )
    fed = feed.batches(photos["train"], BATCH, epochs=3, **of_fit)
    with contextlib.closing(iter(fed)) as stream:
        times = {"Grain, decoded once": reading(stream, steps), "plain loop": reading(iter(plain.repeat(3)), steps)}
    print(
        row(
            "Reading for it, an image",
            "ms",
            *((name, 1000 * taken / images) for name, taken in times.items()),
            digits=2,
        )
    )
    for name, network in networks.items():
        valid = feed.batches(photos["valid"], BATCH)
        _, accuracy = network.evaluate(valid, steps=feed.steps(len(photos["valid"]), BATCH), verbose=0)
        low, high = interval_95(round(accuracy * len(photos["valid"])), len(photos["valid"]))
        print(f"{name}: validation accuracy {accuracy:.3f} ({low:.3f}..{high:.3f}) after {1 + epochs} epochs")


def reading(batches: Iterator, steps: int) -> float:
    """Seconds of the second of three epochs: as many batches are read ahead at its end as at its start."""
    for _ in itertools.islice(batches, steps):
        pass
    start = time.perf_counter()
    for _ in itertools.islice(batches, steps):
        pass
    return time.perf_counter() - start


def frozen(photos: list[data.Photo], backbone_weights: str | None) -> None:
    """Compare the training of a head on a frozen network."""
    model = compiled(models.build("xception", backbone_weights))
    head = compiled(models.in_precision(models.part(model, models.HEAD), "float32"))
    size, steps = models.input_size(model), feed.steps(len(photos), BATCH)

    def once() -> None:
        views = features.compute(features.extractor(model), photos)
        batches = features.batches(views, photos, BATCH, (0, 0), epochs=HEAD_EPOCHS)
        head.fit(batches, steps_per_epoch=HEAD_EPOCHS * steps, verbose=0, shuffle=False)

    def whole() -> None:
        model.fit(
            feed.batches(photos, BATCH, size, training_seed=(0, 0)), steps_per_epoch=steps, verbose=0, shuffle=False
        )

    whole()  # Compiles.
    plain, ours = HEAD_EPOCHS * seconds(whole), seconds(once)
    work = f"A frozen `xception`'s head, {HEAD_EPOCHS} epochs of {len(photos)} images"
    print(row(work, "s", ("features once", ours), ("in each epoch", plain)))


if __name__ == "__main__":
    main()
