"""One photo, one answer: the command line, the Space's interface, and the page in Chromium.

The model is the page's default one. With the 140k subset beside the project (or where TEST_IMAGES points),
every image of its test split is compared too.
"""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from conftest import ROOT, SPACE_MODEL, draw, encode, free_port, serve
from gradio_client import Client, handle_file
from PIL import Image

import train.__main__ as train
from train import run

BOUND = 0.001
TEST_IMAGES = Path(os.environ.get("TEST_IMAGES", ROOT.parent / "shared/data/140k-subset/test"))


@pytest.fixture(scope="module")
def space():
    port = free_port()
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "PAGE_URL": "http://127.0.0.1:7861/"}
    with serve([sys.executable, "app.py"], port, cwd=ROOT / "space", env=environment) as url:
        yield url


@pytest.fixture(scope="module")
def web():
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(ROOT / "web")]
    with serve(command, port) as url:
        yield url


@pytest.fixture(scope="module")
def page(browser, web):
    """The page, its model loaded."""
    page = browser.new_page()
    page.goto(web)
    page.wait_for_selector("#file:enabled", state="attached", timeout=60_000)
    return page


def from_command_line(files: list[Path], folder: Path) -> list[float]:
    """P(real) of each file from ``python -m train predict`` with the Space's Keras file."""
    (folder / "run").mkdir()
    shutil.copy(SPACE_MODEL / "model.keras", folder / "run")
    threshold = json.loads((SPACE_MODEL / "detector.json").read_text())["threshold"]
    run.write_json(folder / "run/metrics.json", {"threshold": threshold})
    argv = ["predict", str(folder / "run"), *map(str, files), "--csv", str(folder / "verdicts.csv")]
    assert train.main(argv) == 0
    return [row["p_real"] for row in run.read_csv(folder / "verdicts.csv")]


def from_space(files: list[Path], url: str) -> list[float]:
    client = Client(url, verbose=False)
    return [client.predict(handle_file(file), api_name="/predict")["p_real"] for file in files]


def from_page(files: list[Path], page) -> list[float]:
    p_real = []
    for file in files:
        page.set_input_files("#file", file)
        p_real.append(float(page.locator(".card[data-p-real]").get_attribute("data-p-real")))
        page.click("#clear")
    return p_real


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> list[Path]:
    """Pictures of every kind that people have, drawn here."""
    rotated = Image.Exif()
    rotated[0x0112] = 6
    transparent = draw(300, 300, 5)
    transparent.putalpha(draw(300, 300, 6).convert("L"))
    contents = {
        "420.jpg": encode(draw(256, 256, 1), "JPEG", quality=75),
        "444.jpg": encode(draw(640, 480, 2), "JPEG", quality=95, subsampling=0),
        "progressive.jpg": encode(draw(333, 501, 3), "JPEG", progressive=True),
        "large.jpg": encode(draw(1600, 1200, 4), "JPEG", quality=85),
        "rotated.jpg": encode(draw(400, 300, 7), "JPEG", exif=rotated),
        "grey.jpg": encode(draw(224, 224, 8).convert("L"), "JPEG"),
        "plain.png": encode(draw(300, 200, 9), "PNG"),
        "alpha.png": encode(transparent, "PNG"),
        "tiny.png": encode(draw(41, 53, 10), "PNG"),
        "lossy.webp": encode(draw(256, 300, 11), "WEBP", quality=80),
    }
    folder = tmp_path_factory.mktemp("drawn")
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in contents]


def largest_difference(files, space, page, folder) -> float:
    places = zip(from_command_line(files, folder), from_space(files, space), from_page(files, page))
    differences = {file.name: max(answers) - min(answers) for file, answers in zip(files, places)}
    worst = max(differences, key=differences.get)
    print(f"{len(files)} files, largest difference {differences[worst]:.2e} ({worst})")
    return differences[worst]


def test_drawn_pictures_get_one_answer(drawn, space, page, tmp_path):
    assert largest_difference(drawn, space, page, tmp_path) <= BOUND


@pytest.mark.skipif(not TEST_IMAGES.is_dir(), reason="the 140k subset is not there")
def test_the_test_split_gets_one_answer(space, page, tmp_path):
    files = sorted(TEST_IMAGES.rglob("*.jpg"))[::5]  # Both classes; test_agreement.py takes them all.
    assert len(files) == 40
    assert largest_difference(files, space, page, tmp_path) <= BOUND


def test_the_space_shows_the_verdict(drawn, space, browser):
    page = browser.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(space)
    page.set_input_files("input[type=file]", drawn[0])
    words = json.loads((SPACE_MODEL / "detector.json").read_text())["words"]
    page.wait_for_selector(" , ".join(f"h2:has-text('{sentence}')" for sentence in words.values()))
    assert page.is_visible("a[href='http://127.0.0.1:7861/']")
    assert {url for url in requests if not url.startswith((space, "blob:", "data:"))} == set()
    page.close()


def test_the_space_says_what_is_wrong_with_a_file(space, tmp_path):
    (tmp_path / "cut.jpg").write_bytes(encode(draw(300, 300), "JPEG")[:3000])
    client = Client(space, verbose=False)
    with pytest.raises(Exception, match="The picture is damaged or cut off"):
        client.predict(handle_file(tmp_path / "cut.jpg"), api_name="/predict")
