"""Write a run's network, and what it sees of a fake, where the page or the Space loads it.

    python -m export convert runs/custom --out web/models/custom                    TensorFlow.js graph model
    python -m export convert runs/custom --out web/models/custom --precision auto --data DIR
    python -m export convert runs/custom --out space/models/custom --format tflite  LiteRT file
    python -m export convert runs/custom --out DIR --format keras tflite            both beside each other

Each prints the files that it wrote, and their size.
"""

import argparse
import glob
import json
import tempfile
from pathlib import Path

import keras
from tensorflowjs.converters.tf_saved_model_conversion_v2 import convert_tf_saved_model
from tensorflowjs.read_weights import read_weights
from tensorflowjs.write_weights import write_weights

from export.artifact import detector, listing, precision
from export.artifact.evidence import EvidenceError, with_evidence
from export.artifact.fold import LARGE
from export.artifact.litert import to_tflite
from export.artifact.quantize import deflate
from train import run
from train.networks.litert import disk_errors

AUTO = "auto"
GRAPH = "model.json"
BEFORE = "before"  # What a conversion replaces, until it is done.
FORMATS = ("tfjs", "tflite", "keras")


@disk_errors()
def convert(args: argparse.Namespace) -> None:
    """Fill ``args.out`` with the model files and their detector.json; at the end, replace an earlier conversion there.

    Raises:
        run.RunError: the run is unfinished, has no test figures, can't be converted or is being written to; or
            ``args.out`` holds something else than an earlier conversion.
        data.DataError, verify.VerifyError: as in `precision.choose`, for ``args.precision`` "auto".
    """
    out = Path(args.out).resolve()  # A link stays one.
    out.parent.mkdir(parents=True, exist_ok=True)
    recover(out)
    check_replaceable(out)
    with run.unchanged(args.run):
        facts = detector.read_facts(args.run)
        network = run.load_model(args.run)
    try:
        model = with_evidence(network)
    except EvidenceError as error:
        model = network
        print(error)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:

        def make(stored_as: str) -> Path:
            folder = Path(scratch) / stored_as
            folder.mkdir()
            if "tfjs" in args.format:
                to_tfjs(model, folder, stored_as)
            if "tflite" in args.format:
                to_tflite(model, folder / run.TFLITE)
            if "keras" in args.format:
                run.save_model(model, folder / run.MODEL)
                deflate(folder / run.MODEL)
            run.write_json(folder / run.DETECTOR, detector.describe(facts, stored_as, folder, model))
            return folder

        if args.precision == AUTO:
            chosen, rows = precision.choose(network, facts["threshold"], args.data, make)
            folder = Path(scratch) / chosen
            described = run.read_json(folder, run.DETECTOR)
            run.write_json(folder / run.DETECTOR, described | {"precisions": rows})
        else:
            folder = make(args.precision)
        replace(out, folder)
    for page in (folder for folder in out.parents if (folder / listing.LISTING).exists()):
        listing.write_listing(page)
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{args.out}: {', '.join(path.name for path in sorted(out.iterdir()))}; {size / 1e6:.1f} MB")


def check_replaceable(out: Path) -> None:
    """Refuse to delete what `convert` did not write.

    Raises:
        run.RunError: ``out`` is a file, or a folder of other files than those that its detector.json lists.
    """
    if out.is_dir():
        try:
            described = run.read_json(out, run.DETECTOR).get("files", {})
        except ValueError:
            described = {}
        others = sorted(path.name for path in out.iterdir() if path.name not in {*described, run.DETECTOR})
        if others:
            raise run.RunError(f"{out} holds {others[0]}, which no earlier conversion wrote; choose another --out.")
    elif out.exists():
        raise run.RunError(f"{out} is a file; choose another --out.")


def replace(out: Path, folder: Path) -> None:
    """Rename ``folder`` to ``out``; what is there goes into ``folder``'s parent, and comes back when that fails.

    Raises:
        run.RunError: `check_replaceable`.
    """
    check_replaceable(out)
    before = folder.with_name(BEFORE)
    try:
        if out.exists():
            out.rename(before)
        folder.rename(out)
    except BaseException:
        if before.exists() and not out.exists():
            before.rename(out)
        raise


def recover(out: Path) -> None:
    """Bring back what `replace` had moved away when its process was killed."""
    for before in out.parent.glob(f".{glob.escape(out.name)}-*/{BEFORE}"):
        if not out.exists():
            before.rename(out)


def to_tfjs(model: keras.Model, folder: Path, stored_as: str) -> None:
    """Convert Keras -> SavedModel -> TensorFlow.js graph model: model.json and its weight shards.

    ``tensorflowjs``' direct Keras conversion writes Keras 3 models in a form that TensorFlow.js can't load.

    Args:
        model: the network.
        folder: where to write; made if missing.
        stored_as: how tensors of at least `LARGE` numbers are stored; the others stay float32.

    Raises:
        run.RunError: TensorFlow.js lacks an operation of the network; the message names it.
    """
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as saved, tempfile.TemporaryDirectory() as plain:
        model.export(saved, format="tf_saved_model", verbose=False)
        try:
            convert_tf_saved_model(saved, plain)
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise run.RunError(f"{model.name} can't be converted to TensorFlow.js: {reason}.") from error
        graph = json.loads((Path(plain) / GRAPH).read_text())
        [group] = read_weights(graph["weightsManifest"], plain)
    large = [entry for entry in group if entry["data"].size >= LARGE]
    copies = find_copies(large)
    graph["modelTopology"]["node"] = [
        node | {"input": [copies.get(name, name) for name in node.get("input", [])]}
        for node in graph["modelTopology"]["node"]
        if node["name"] not in copies
    ]
    graph["weightsManifest"] = write_weights(
        [[entry for entry in group if entry["name"] not in copies]],
        str(folder),
        write_manifest=False,
        quantization_dtype_map={} if stored_as == "float32" else {stored_as: [entry["name"] for entry in large]},
    )
    (folder / GRAPH).write_text(json.dumps(graph))


def find_copies(entries: list[dict]) -> dict[str, str]:
    """{name of a tensor that repeats an earlier one: that one's name}; a layer used twice leaves two in the graph."""
    first: dict[tuple, str] = {}  # {shape and content: name}
    copies = {}
    for entry in entries:
        earlier = first.setdefault((entry["data"].shape, entry["data"].tobytes()), entry["name"])
        if earlier != entry["name"]:
            copies[entry["name"]] = earlier
    return copies
