"""``web/files.js``: every file of the page with its size and sha256, for the page's service worker.

Its VERSION is a hash of the list, so it changes when any file does, and only then. ``python -m export vendor``
writes it, and ``python -m export convert`` when it fills a folder of the page.
"""

import hashlib
import json
from pathlib import Path

from train.run import sha256

LISTING = "files.js"
UNLISTED = {LISTING, "sw.js", "README.md"}  # The service worker and its list are the browser's own business.
# For few; stored once they are first used.
LATER = ("tf-backend-webgl.es2017.min.js", "tf-backend-webgpu.es2017.min.js", "tfjs-backend-wasm.wasm")


def list_files(web: Path) -> dict[str, dict]:
    """{path below ``web``: {"bytes": int, "sha256": hex, "later": true if it is stored only once it is used}}.

    Of the models in models.json only the first one's weights are stored from the start.
    """
    others = tuple(f"{folder}/" for folder in json.loads((web / "models.json").read_text())[1:])
    listing = {}
    for path in sorted(web.rglob("*")):
        name = path.relative_to(web).as_posix()
        if path.is_dir() or name in UNLISTED or any(part.startswith(".") for part in path.relative_to(web).parts):
            continue
        listing[name] = {"bytes": path.stat().st_size, "sha256": sha256(path)}
        if path.name in LATER or (name.startswith(others) and path.suffix == ".bin"):
            listing[name]["later"] = True
    return listing


def write_listing(web: Path) -> None:
    """Bring ``web/files.js`` up to date."""
    text = json.dumps(list_files(web), indent=2)
    version = hashlib.sha256(text.encode()).hexdigest()[:12]
    (web / LISTING).write_text(
        f"// Written by `python -m export vendor`; see export/listing.py.\n"
        f"self.VERSION = '{version}';\nself.FILES = {text};\n"
    )
