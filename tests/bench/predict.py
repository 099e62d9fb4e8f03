"""What `predict` takes a photo, beside its network alone.

    python tests/bench/predict.py [--model NAME] [--photos 320] [--rounds 3]

The photos have 256 pixels and one aligned face, as the Kaggle set's. Turn by turn over the same ones, in this process:
the network alone and one worker of `predict --ray`, with and without --as-is, on one core; then `predict`, on all
cores. At last `predict --ray` on all cores, with and without --as-is, on PARTS parts as large as those of many photos:
from the end of the first part of each core to that of the last. Times are those that all cores in use spend together.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from pyarrow import fs

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from conftest import ROOT, SPACE_MODEL, encode  # noqa: E402
from table import row  # noqa: E402

from train import run  # noqa: E402
from train.chain.faces import cut, find_faces  # noqa: E402
from train.chain.read import read_photo  # noqa: E402
from train.figures import parts, predict, predict_ray, scoring  # noqa: E402

PARTS = 16  # Each of the photos that Ray judges.


def write_photos(folder: Path, count: int) -> list[Path]:
    """JPEG files of one aligned face, each with another grain."""
    photo = read_photo(ROOT / "space/examples/astronaut.jpg")
    face = cut(photo, find_faces(photo)[0]).astype(float)
    random = np.random.default_rng(0)
    paths = [folder / f"{number:05d}.jpg" for number in range(count)]
    for path in paths:
        grained = np.clip(face + random.normal(0, 3, face.shape), 0, 255).astype(np.uint8)
        path.write_bytes(encode(Image.fromarray(grained), "JPEG", quality=75))
    return paths


def seconds(work: Callable[[], object]) -> float:
    """What it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def on_ray(paths: list[Path], work: dict, cores: int) -> float:
    """Seconds of all cores a photo, without Ray's start."""
    names = list(map(os.fsencode, paths))
    size = len(names) // PARTS
    waiting = [{"store": 0, "names": names[start : start + size]} for start in range(0, len(names), size)]
    ends, counts = [], []
    for count in predict_ray.judge(waiting, predict_ray.ALONE, **work):
        ends.append(time.perf_counter())
        counts.append(count)
    return cores * (ends[-1] - ends[cores - 1]) / sum(counts[cores:])


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=SPACE_MODEL.name, help="%(default)s unless another is named")
    parser.add_argument("--photos", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    folder = ROOT / "space/models" / args.model
    info, network, model = predict.info_of(folder), predict_ray.network_of(folder), run.load_model(folder)
    with tempfile.TemporaryDirectory() as scratch:
        every = write_photos(Path(scratch), 4 * args.photos)
        paths, cores = every[: args.photos], os.cpu_count()
        out = Path(scratch) / "out"
        out.mkdir()
        names = list(map(os.fsencode, paths))
        work = {"network": network, "info": info, "stores": [None], "out": (fs.LocalFileSystem(), str(out))}
        work["here"] = Path(scratch)
        whole, as_is = (parts.Judge(as_is=flag, **work) for flag in (False, True))
        ways = {
            "the network alone": lambda: [whole.network.invoke() for _ in names],
            "one worker of `predict --ray --as-is`": lambda: as_is.rows_of(None, names),
            "one worker of `predict --ray`": lambda: whole.rows_of(None, names),
            "`predict`": lambda: list(scoring.judge(model, paths, predict.looker(False))),
        }
        whole.rows_of(None, names[:2])
        whole.judged(read_photo(paths[0]))
        list(scoring.judge(model, paths[:8], predict.looker(False)))
        times = {way: [] for way in ways}
        for _ in range(args.rounds):
            for way, judge in ways.items():
                used = cores if way == "`predict`" else 1
                times[way].append(1000 * used * seconds(judge) / len(paths))
        medians = {way: statistics.median(taken) for way, taken in times.items()}
        for flag, way in ((True, "`predict --ray --as-is`"), (False, "`predict --ray`")):
            (out / way).mkdir()
            ray_work = work | {"as_is": flag, "out": (fs.LocalFileSystem(), str(out / way))}
            medians[f"{way}, on {cores} cores"] = 1000 * on_ray(every, ray_work, cores)
    alone = ("the network alone", medians.pop("the network alone"))
    for way, taken in medians.items():
        print(row(f"Judging a photo, {args.model}", "ms of a core", (way, taken), alone))


if __name__ == "__main__":
    main()
