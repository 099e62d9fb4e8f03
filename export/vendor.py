"""Copy into the Space and the page what they hold of others, so that each can be deployed alone.

    npm ci --prefix tests && python -m export vendor

``web/vendor/`` gets TensorFlow.js from ``tests/node_modules``; ``space/vendor/`` gets the project's own photo
reader, since a Space can't import from outside its folder. ``web/files.js`` lists the page's files anew. The tests
fail when a copy differs from its source, or the list from the files: run this after any change in ``web/``.
"""

import argparse
import json
import shutil
from pathlib import Path

from export.listing import write_listing

ROOT = Path(__file__).parent.parent
NODE = ROOT / "tests/node_modules/@tensorflow"

COPIES = {
    ROOT / "web/vendor": [
        NODE / "tfjs-core/dist/tf-core.es2017.min.js",
        NODE / "tfjs-converter/dist/tf-converter.es2017.min.js",
        NODE / "tfjs-backend-wasm/dist/tf-backend-wasm.es2017.min.js",
        NODE / "tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm",
        NODE / "tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
        NODE / "tfjs-backend-webgl/dist/tf-backend-webgl.es2017.min.js",
    ],
    ROOT / "space/vendor": [ROOT / "train/photo.py"],
}


def vendor(args: argparse.Namespace) -> None:
    """Replace the copies, and note each npm package's version and licence in ``web/vendor/packages.json``."""
    for folder, sources in COPIES.items():
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copyfile(source, folder / source.name)
    (ROOT / "web/vendor/packages.json").write_text(json.dumps(packages(), indent=2) + "\n")
    write_listing(ROOT / "web")


def packages() -> dict[str, dict]:
    """{npm package: its version, licence and repository} of what the page vendors."""
    found = {}
    for source in COPIES[ROOT / "web/vendor"]:
        package = json.loads((source.parents[1] / "package.json").read_text())
        found[package["name"]] = {
            "version": package["version"],
            "license": package["license"],
            "repository": package["repository"]["url"],
        }
    return found
