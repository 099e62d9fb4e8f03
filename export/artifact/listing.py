"""What the page knows of its own files: ``web/models.json`` and ``web/files.js``.

``models.json`` holds what the menu says of each model; its order, and which models it has, are edited by hand:
`{"folder": "models/NAME"}` is enough, the rest is filled in from that folder. ``files.js`` holds every file of the page
with its size and sha256, for the page's service worker; its VERSION is a hash of the list, so it changes when any file
does, and only then. ``python -m export vendor`` writes both, and ``python -m export convert`` when it fills a folder of
the page.
"""

import hashlib
import json
from pathlib import Path

from train.run import sha256

MODELS = "models.json"
LISTING = "files.js"
UNLISTED = {LISTING, "sw.js"}  # The service worker and its list are the browser's own business.
FOR_DEVELOPERS = ("README.md", "package.json", ".d.ts")  # How files end that no visitor's browser asks for.
# For few; stored once they are first used.
LATER = ("tf-backend-webgl.es2017.min.js", "tf-backend-webgpu.es2017.min.js", "tfjs-backend-wasm.wasm")


def folders(web: Path) -> list[str]:
    """Each model's folder below ``web``, the default first."""
    return [model["folder"] for model in json.loads((web / MODELS).read_text())]


def describe_models(web: Path) -> list[dict]:
    """[{"folder", "name", "bytes" of the weights, "accuracy" on the test split}] of the models in models.json.

    What is not known is None: the accuracy of a model without a test split, all of a model whose folder is missing.
    """
    described = []
    for folder in folders(web):
        path = web / folder / "detector.json"
        info = json.loads(path.read_text()) if path.exists() else {"name": None, "metrics": {}}
        weights = [file.stat().st_size for file in path.parent.glob("*.bin")]
        test = info["metrics"].get("test")
        described.append(
            {
                "folder": folder,
                "name": info["name"],
                "bytes": sum(weights) or None,
                "accuracy": test and test["at_threshold"]["accuracy"],
            }
        )
    return described


def list_files(web: Path) -> dict[str, dict]:
    """{path below ``web``: {"bytes": int, "sha256": hex, "later": true if it is stored only once it is used}}.

    Of the models in models.json only the first one's files are stored from the start.
    """
    others = tuple(f"{folder}/" for folder in folders(web)[1:])
    listing = {}
    for path in sorted(web.rglob("*")):
        name = path.relative_to(web).as_posix()
        is_hidden = any(part.startswith(".") for part in path.relative_to(web).parts)
        if path.is_dir() or is_hidden or name in UNLISTED or name.endswith(FOR_DEVELOPERS):
            continue
        listing[name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        if path.name in LATER or name.startswith((*others, "examples/")):
            listing[name]["later"] = True
    return listing


def write_listing(web: Path) -> None:
    """Bring ``web/models.json``, then ``web/files.js``, up to date."""
    (web / MODELS).write_text(json.dumps(describe_models(web), indent=2) + "\n")
    text = json.dumps(list_files(web), indent=2)
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    (web / LISTING).write_text(
        f"// Written by `python -m export vendor`; see export/artifact/listing.py.\n"
        f"self.VERSION = '{version}';\nself.FILES = {text};\n"
    )
