"""Copy into the Space and the page what they hold of others, so that each can be deployed alone.

    npm ci --prefix tests && python -m export vendor

``web/vendor/`` gets TensorFlow.js from ``tests/node_modules``, and from ``train/chain`` what both must agree on about
faces; ``space/chain/`` is ``train/chain/`` again, since a Space can't import from outside its folder, and
``web/examples/`` is ``space/examples/`` again.
BlazeFace goes to both: as it is to ``train/chain/``, converted to the page. ``web/files.js`` lists the page's files.
The tests fail when a copy differs from its source, or the list from the files: run this after any change in ``web/``.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from export.artifact.listing import write_listing
from export.upkeep import faces
from train.run import sha256

ROOT = Path(__file__).parents[2]
NODE = ROOT / "tests/node_modules"
CHAIN = ROOT / "train/chain"
SPACE_CHAIN = ROOT / "space/chain"
EXAMPLES = ROOT / "space/examples"
BLAZEFACE = NODE / "@mediapipe/face_detection/face_detection_short_range.tflite"

COPIES = {
    ROOT / "web/vendor": [
        NODE / "@tensorflow/tfjs-core/dist/tf-core.es2017.min.js",
        NODE / "@tensorflow/tfjs-converter/dist/tf-converter.es2017.min.js",
        NODE / "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.es2017.min.js",
        NODE / "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm",
        NODE / "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
        NODE / "@tensorflow/tfjs-backend-webgl/dist/tf-backend-webgl.es2017.min.js",
        NODE / "@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.es2017.min.js",
        CHAIN / "faces.json",
    ],
    ROOT / "web/vendor/fflate": [NODE / "fflate/umd/index.js"],
    CHAIN: [BLAZEFACE],
}
CONVERTED = {ROOT / "web/vendor/blazeface": BLAZEFACE}
PACKAGES = "packages.json"
FACE_CHECK = "face-check.json"
TYPES = "detector.d.ts"


def vendor(args: argparse.Namespace) -> None:
    """Replace the copies, and note each npm package's version and licence beside them in ``packages.json``."""
    for folder, sources in COPIES.items():
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copyfile(source, folder / source.name)
        (folder / PACKAGES).write_text(json.dumps(packages(folder), indent=2) + "\n")
    for folder, source in CONVERTED.items():
        faces.convert(source, folder)
    copy_chain()
    copy_examples()
    write_face_check()
    write_types()
    write_listing(ROOT / "web")


def copy_chain() -> None:
    """Make the Space's copy of ``train/chain`` anew; the first line of each module says that it is one."""
    shutil.rmtree(SPACE_CHAIN, ignore_errors=True)
    SPACE_CHAIN.mkdir()
    for source in sorted(path for path in CHAIN.iterdir() if path.is_file()):
        note = b""
        if source.suffix == ".py":
            note = (
                f"# Copied from train/chain/{source.name} by `python -m export vendor`; edit the original.\n".encode()
            )
        (SPACE_CHAIN / source.name).write_bytes(note + source.read_bytes())


def copy_examples() -> None:
    """Make the page's copy of the Space's examples anew."""
    shutil.rmtree(ROOT / "web/examples", ignore_errors=True)
    shutil.copytree(EXAMPLES, ROOT / "web/examples")


def write_types() -> None:
    """Write ``web/detector.d.ts``, the types of the page's module, from its JSDoc."""
    options = "--allowJs --declaration --emitDeclarationOnly --noResolve --target es2022 --module es2022".split()
    with tempfile.TemporaryDirectory() as folder:
        tsc: list[str | Path] = [NODE / "typescript/bin/tsc", *options, "--outDir", folder, ROOT / "web/detector.js"]
        subprocess.run(["node", *tsc], check=True)
        shutil.copyfile(Path(folder) / TYPES, ROOT / "web" / TYPES)


def write_face_check() -> None:
    """Write the sha256 of each file that the page's face check loads, for the page to compare them with."""
    folder = ROOT / "web/vendor"
    files: dict[str, str | dict[str, str]] = {"faces.json": sha256(folder / "faces.json")}
    for network in CONVERTED:
        files[network.name] = {path.name: sha256(path) for path in sorted(network.iterdir())}
    (folder / FACE_CHECK).write_text(json.dumps(files, indent=2) + "\n")


def url(repository: str | dict) -> str:
    """npm has it in two forms."""
    return repository if isinstance(repository, str) else repository["url"]


def packages(folder: Path) -> dict[str, dict]:
    """{npm package: its version, licence and repository or home page} of what a folder of COPIES holds."""
    found = {}
    for source in [*COPIES[folder], *(source for inner, source in CONVERTED.items() if folder in inner.parents)]:
        if NODE not in source.parents:
            continue
        root = next(parent for parent in source.parents if (parent / "package.json").exists())
        package = json.loads((root / "package.json").read_text())
        found[package["name"]] = {
            "version": package["version"],
            "license": package["license"],
            "repository": package["homepage"] if "repository" not in package else url(package["repository"]),
        }
    return found
