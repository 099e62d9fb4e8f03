"""The page's module as an npm package, used as a newcomer would: packed, installed into a new Vite project, bundled."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT, Site, encode
from PIL import Image
from skimage import data

from export.upkeep import vendor

WEB = ROOT / "web"
VITE = "8.3.8"
INDEX = """<!doctype html>
<title>Mine</title>
<input type="file" id="photo">
<p id="verdict"></p>
<script type="module" src="/main.js"></script>
"""
MAIN = """import { loadDetector } from 'deepfacedetect';

const detector = await loadDetector({ base: '/deepfacedetect/' });
const photo = document.getElementById('photo');
photo.onchange = async () => {
  const { words } = await detector.classify(photo.files[0]);
  document.getElementById('verdict').textContent = words;
};
photo.dataset.ready = '';
"""


def npm(*argv: str, cwd: Path) -> str:
    result = subprocess.run(["npm", *argv], cwd=cwd, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A new Vite project with the package in it."""
    folder = tmp_path_factory.mktemp("vite")
    [packed] = json.loads(npm("pack", "--json", "--pack-destination", str(folder), cwd=WEB))
    (folder / "package.json").write_text('{"name": "mine", "private": true, "type": "module"}')
    (folder / "index.html").write_text(INDEX)
    (folder / "main.js").write_text(MAIN)
    try:
        npm("install", "--no-audit", "--no-fund", "--prefer-offline", packed["filename"], f"vite@{VITE}", cwd=folder)
    except AssertionError as error:
        if any(code in str(error) for code in ("ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN")):
            pytest.skip("npm's registry is out of reach")
        raise
    return folder


def test_the_package_holds_the_module_and_not_the_page():
    [packed] = json.loads(npm("pack", "--json", "--dry-run", cwd=WEB))
    names = {file["path"] for file in packed["files"]}
    assert {
        "detector.js",
        "detector.d.ts",
        "info.d.ts",
        "worker.js",
        "models.json",
        "README.md",
        "vendor/faces.json",
    } <= names
    assert {
        f"vendor/icodec/{name}" for name in ("avif-dec.js", "avif-dec.wasm", "webp-dec.js", "webp-dec.wasm", "LICENSE")
    } <= names
    assert not names & {"app.js", "index.html", "sw.js", "files.js"}
    code = "".join(path.read_text() for path in WEB.glob("*.js") if path.name in names)
    imported = {*re.findall(r"['/]([a-z]+\.js)'", code)}
    assert {"chain.js", "faces.js", "photo.js", "png.js", "card.js"} <= imported
    assert not {name for name in imported if (WEB / name).exists()} - names


def test_a_new_vite_project_gives_a_verdict(project, browser):
    shutil.copytree(project / "node_modules/deepfacedetect", project / "public/deepfacedetect")
    npm("exec", "vite", "build", cwd=project)
    site = Site(project / "dist")
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.goto(site.url)
    page.wait_for_selector("#photo[data-ready]")
    picture = encode(Image.fromarray(data.astronaut()), "PNG")
    page.set_input_files("#photo", {"name": "a.png", "mimeType": "image/png", "buffer": picture})
    [folder] = [each["folder"] for each in json.loads((WEB / "models.json").read_text())[:1]]
    words = json.loads((WEB / folder / "detector.json").read_text())["words"]
    page.wait_for_selector(",".join(f'#verdict:text-is("{each}")' for each in words.values()))
    page.close()
    site.stop()


def test_the_types_are_those_of_the_module(tmp_path, monkeypatch):
    (tmp_path / "web").mkdir()
    shutil.copy(WEB / "detector.js", tmp_path / "web")
    monkeypatch.setattr(vendor, "ROOT", tmp_path)
    vendor.write_types()
    types = (WEB / "detector.d.ts").read_text()
    assert (tmp_path / "web/detector.d.ts").read_text() == types, "python -m export vendor"
    assert (tmp_path / "web/info.d.ts").read_text() == (WEB / "info.d.ts").read_text(), "python -m export vendor"
    assert 'info: import("./info.js").Info;' in types
