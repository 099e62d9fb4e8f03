"""Judge millions of photos on Ray: on all cores of a machine, or on a cluster.

    python -m train predict runs/residual s3://bucket/photos more/ --out verdicts/ --ray [ADDRESS]

takes files and folders of this machine, of S3 (``s3://``) and of Google Cloud Storage (``gs://``), and writes Parquet
files of `train.chain.verdict.COLUMNS`, each of one part of the photos. A part whose worker is lost is judged once more
and still leaves one file. Started again with the same ``--out``, it judges the files that have no rows there.
"""

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import ray
from pyarrow import fs
from pyarrow.dataset import dataset
from ray.data import ActorPoolStrategy, DataContext
from tqdm import tqdm

from train import run
from train.figures import parts, predict
from train.networks import litert
from train.photos import layout

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # Its makers would be told of each start.
    "RAY_BACKEND_LOG_LEVEL": "fatal",  # Less is about metrics that nobody asked for.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # As it will be in future versions; else a warning says so.
}
PACKAGE = str(Path(__file__).parents[1])  # What a cluster's machines are sent; they hold requirements.txt already.
ALONE = "local"  # The address that makes Ray start a cluster of its own on this machine.
PARTS = 64  # At least so many where there are as many photos, so that many cores have work.
LARGEST_PART = 1000  # Photos: a minute or two of one core, which a lost worker costs.


def predict_ray(args: argparse.Namespace) -> int:
    """Judge files, and write their rows.

    Returns:
        Exit status: 1 if any file could not be read or there is none, else 0.

    Raises:
        run.RunError: the run holds no finished network, a path or the cluster can't be reached, or the output's folder
            holds something else.
    """
    info = predict.info_of(args.run)
    try:
        out, _ = system_of(args.out)
        stores, listed = zip(*map(files_of, args.paths))
        done = finished(*out, info["name"])
    except (OSError, pa.ArrowInvalid) as error:  # The latter for a scheme that nobody knows.
        raise run.RunError(str(error)) from None
    waiting, count = divide(listed, done)
    with tqdm(total=count, desc="judging", unit="photo", smoothing=0) as bar:
        bar.update(count - sum(len(part["names"]) for part in waiting))
        if waiting:
            work = {"network": network_of(args.run), "info": info, "as_is": args.as_is, "stores": stores, "out": out}
            for judged in judge(waiting, args.ray, **work, here=Path.cwd()):
                bar.update(judged)
    found = written(*out, ["verdict"])["verdict"].value_counts().to_pylist()
    counts = {each["values"]: each["counts"] for each in found}
    print(predict.summary(count, counts, info), file=sys.stderr)
    return 1 if None in counts or not count else 0


def system_of(uri: str) -> tuple[tuple[fs.FileSystem, str], str]:
    """A path's or URI's file system and path there, and what stands before that path in a file's name."""
    if "://" not in uri:
        return (fs.LocalFileSystem(), os.path.abspath(uri)), ""
    system, path = fs.FileSystem.from_uri(uri)
    return (system, path), uri.partition("://")[0] + "://"


def files_of(uri: str) -> tuple[parts.Store, list[bytes]]:
    """The store of a path or URI, and the names of its pictures, as `predict.expand` finds them.

    Raises:
        OSError: it can't be reached.
    """
    if "://" not in uri:
        return None, [os.fsencode(path) for path in predict.expand([Path(uri)])]
    (system, path), scheme = system_of(uri)
    found = [path]
    if system.get_file_info(path).type == fs.FileType.Directory:
        below = system.get_file_info(fs.FileSelector(path, recursive=True))
        found = sorted(each.path for each in below if each.is_file and is_picture(each.path))
    return (system, scheme), [(scheme + each).encode() for each in found]


def is_picture(path: str) -> bool:
    """Whether a file is called as pictures are."""
    return os.path.splitext(path)[1].lower() in layout.SUFFIXES


def finished(system: fs.FileSystem, folder: str, model: str) -> set[str]:
    """The names of all files that have rows in the output's folder, which is made if there is none.

    Raises:
        run.RunError: the folder holds something else.
        OSError: it can't be reached.
    """
    system.create_dir(folder)
    try:
        found = written(system, folder, ["file", "model"])
        is_ours = set(found["model"].unique().to_pylist()) <= {model}
    except pa.ArrowException:
        is_ours = False
    if not is_ours:
        raise run.RunError(f"{folder} holds something other than verdicts of {model}; name another folder.")
    return set(found["file"].to_pylist())


def written(system: fs.FileSystem, folder: str, columns: list[str]) -> pa.Table:
    """Some columns of all rows in the output's folder."""
    paths = [each.path for each in system.get_file_info(fs.FileSelector(folder)) if each.path.endswith(parts.SUFFIX)]
    return dataset(sorted(paths), parts.SCHEMA, filesystem=system, format="parquet").to_table(columns)


def divide(listed: list[list[bytes]], done: set[str]) -> tuple[list[parts.Part], int]:
    """The parts that are still to be judged, and how many files there are in all, each counted once.

    The parts are those of all files, whatever is done, and then lose the files that are. So two starts make the same
    parts, and what a dying one may still write is what the next one would.

    Args:
        listed: names of the files in each store.
        done: names of those that have rows.
    """
    once = {name: store for store, names in reversed(list(enumerate(listed))) for name in names}
    size = max(1, min(LARGEST_PART, len(once) // PARTS))
    waiting: list[parts.Part] = []
    for store, names in enumerate(listed):
        names = [name for name in names if once[name] == store]
        for start in range(0, len(names), size):
            if left := [name for name in names[start : start + size] if parts.text(name) not in done]:
                waiting.append({"store": store, "names": left})
    return waiting, len(once)


def network_of(folder: Path) -> bytes:
    """The content of a run's LiteRT file, made of its Keras file where it has none.

    Raises:
        run.RunError: it has neither.
    """
    path = folder / run.TFLITE
    return path.read_bytes() if path.exists() else litert.converted(run.load_model(folder))


def judge(waiting: list[parts.Part], address: str, **work) -> Iterator[int]:
    """Judge parts on Ray, on as many cores as it has; yields how many files each one has as it is done.

    Args:
        waiting: the parts.
        address: of the cluster, or ALONE.
        work: what `parts.Judge` takes.

    Raises:
        run.RunError: no cluster answers there, or a part can't be written.
    """
    os.environ |= SETTINGS
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    DataContext.get_current().enable_progress_bars = False
    options = {"include_dashboard": False} if address == ALONE else {"runtime_env": {"py_modules": [PACKAGE]}}
    try:
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False, **options)
    except ConnectionError as error:
        raise run.RunError(f"No Ray cluster answers at {address}: {error}") from None
    try:
        # One block a part: what is judged once more after a loss is a part, not many.
        judged = ray.data.from_items(waiting, override_num_blocks=len(waiting)).map_batches(
            parts.Judge,
            fn_constructor_kwargs=work,
            batch_size=1,
            num_cpus=1,
            compute=ActorPoolStrategy(min_size=1, max_size=len(waiting)),
        )
        for batch in judged.iter_batches(batch_size=1):
            if refused := batch["refused"][0]:
                raise run.RunError(f"{work['out'][1]}: {refused}; the same command goes on once that is mended.")
            yield int(batch["count"][0])
    finally:
        ray.shutdown()
