"""Pictures and datasets that the tests draw themselves, one small trained run, servers and a browser."""

import contextlib
import functools
import http.server
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TFDF_DISABLE_WELCOME_MESSAGE"] = "1"  # Where output is captured, the message asks for IPython.

import filelock  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402
from PIL import Image  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from train.spec import CLASS_NAMES  # noqa: E402

ROOT = Path(__file__).parent.parent
CHROMIUM_OPTIONS = (
    "--no-sandbox --disable-background-networking --disable-component-update --disable-sync --no-first-run "
    "--use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
).split()


# Those of the Kaggle set, for a few tests more where they are.
TEST_IMAGES = Path(os.environ.get("TEST_IMAGES", ROOT.parent / "shared/data/kaggle-140k/test"))

# The folder of the page's default model, and that of the same model in the Space.
PAGE_MODEL = ROOT / "web" / json.loads((ROOT / "web/models.json").read_text())[0]["folder"]
SPACE_MODEL = next(
    path.parent
    for path in sorted((ROOT / "space").glob("models/*/detector.json"))
    if json.loads(path.read_text())["name"] == json.loads((PAGE_MODEL / "detector.json").read_text())["name"]
)


# The files that take longest, the longest first. A worker takes one file after the other; with short ones at the end,
# none is still busy with a long one when the others are done.
LONGEST = (
    "page", "space", "every_model", "hub", "export", "processes", "fit", "readme", "agreement", "three_places",
    "evidence", "npm", "ray", "tune", "data", "faces", "cards", "predict", "setup",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    places = {f"test_{name}": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONGEST)))


def pytest_runtest_setup() -> None:
    """Let the networks that a test builds have the same random weights in every run, whatever ran before it."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


def draw(width: int, height: int, seed: int = 0, smooth: bool = True) -> Image.Image:
    """A picture with colour gradients, edges and grain, no two seeds alike; real ones smooth, fake ones rough."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    phase = random.uniform(0, 6, (3, 1, 1))
    waves = 127 + 90 * np.sin(phase + 5 * x + random.uniform(2, 9, (3, 1, 1)) * y)
    waves += random.normal(0, 4 if smooth else 40, waves.shape)
    pixels = np.clip(waves, 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()
    top, left = int(height * random.uniform(0.1, 0.4)), int(width * random.uniform(0.1, 0.4))
    pixels[top : top + height // 3, left : left + width // 4] = random.integers(0, 255, 3)
    return Image.fromarray(pixels)


def encode(image: Image.Image, format: str, **options) -> bytes:
    """The picture as a file's bytes."""
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def write_dataset(root: Path, counts: dict[str, int], size: int = 64, first_seed: int = 0) -> Path:
    """Write split/class/*.jpg, ``counts[split]`` images a class, all different, all of one size and quality."""
    seed = first_seed
    for split, count in counts.items():
        for name in CLASS_NAMES:
            (root / split / name).mkdir(parents=True)
            for index in range(count):
                image = draw(size, size, seed, smooth=name == "real")
                (root / split / name / f"{index:03d}.jpg").write_bytes(encode(image, "JPEG", quality=75))
                seed += 1
    return root


def train_command(
    *argv: str | Path, env: dict[str, str] | None = None, stderr: int = subprocess.STDOUT, **options
) -> subprocess.Popen:
    """Start ``python -m train`` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "train", *map(str, argv)],
        cwd=ROOT,
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        **options,
    )


def finish(process: subprocess.Popen, status: int = 0) -> str:
    """Wait for a process, check its exit status and return what it printed."""
    output, _ = process.communicate(timeout=600)
    assert process.returncode == status, output[-3000:]
    return output


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def serve(command: list[str], port: int, **options):
    """Run a server until the block ends; entered once it takes connections."""
    log = tempfile.TemporaryFile("w+")  # A pipe that nobody reads would stop the server once it is full.
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True, **options)
    try:
        for _ in range(6000):  # A server on a busy machine takes its time.
            if process.poll() is not None:
                log.seek(0)
                raise RuntimeError(log.read())
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()
        log.close()


class Site:
    """A folder on a local web server that can be watched, disturbed and stopped.

    Attributes:
        requests: (method, path) of each request so far.
        posted: bodies of the POST requests.
        hook: called with a path before it is served; what it returns is sent instead of the file: bytes, or an
            HTTP status that is no success.
    """

    def __init__(self, folder: Path):
        self.requests: list[tuple[str, str]] = []
        self.posted: list[bytes] = []
        self.hook: Callable[[str], bytes | int | None] = lambda path: None
        site = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_GET(self):
                site.requests.append(("GET", self.path))
                instead = site.hook(self.path)
                if isinstance(instead, int):
                    self.send_error(instead)
                elif instead is not None:
                    self.send_response(200)
                    self.send_header("Content-Type", self.guess_type(self.path))
                    self.send_header("Content-Length", str(len(instead)))
                    self.end_headers()
                    self.wfile.write(instead)
                else:
                    super().do_GET()

            def do_POST(self):
                site.requests.append(("POST", self.path))
                site.posted.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def end_headers(self):
                self.send_header("Access-Control-Allow-Origin", "*")
                super().end_headers()

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def playwright():
    """The one driver of browsers: a process can't have two."""
    with sync_playwright() as p:
        yield p


@pytest.fixture(scope="session")
def browser(playwright):
    """Chromium, for all tests that need nothing special of it."""
    chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM_OPTIONS)
    yield chromium
    chromium.close()


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Nothing that the tests work out lands in the user's own cache, or comes from there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEEPFACEDETECT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def made_once(tmp_path_factory, worker_id) -> Callable[[str, Callable[[Path], object]], Path]:
    """made_once(name, make) -> a folder of that name, filled by ``make(folder)`` in one of the workers for all.

    They share its files, which therefore stay as they are, but not the folder itself: a command that writes holds its
    folder, and one of another worker would be turned away.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "made-once"

    def made_once(name: str, make: Callable[[Path], object]) -> Path:
        from train import run

        shared.mkdir(exist_ok=True)
        with filelock.FileLock(shared / f"{name}.lock"):
            if not (shared / name).exists():
                with run.filled(shared / name) as folder:
                    make(folder)
        return shutil.copytree(shared / name, tmp_path_factory.mktemp(name) / name, copy_function=os.link)

    return made_once


@pytest.fixture(scope="session")
def backbone_weights(made_once) -> Path:
    """A file of random weights in place of ImageNet's, of Xception."""

    def make(folder: Path) -> None:
        import keras

        keras.utils.set_random_seed(0)
        network = keras.applications.Xception(weights=None, include_top=False)
        network.save_weights(folder / "random.weights.h5")

    return made_once("weights", make) / "random.weights.h5"


@pytest.fixture(scope="session")
def dataset(made_once) -> Path:
    """A small dataset that the custom CNN learns at once: 12 training, 4 validation and 4 test images a class."""
    return made_once("dataset", lambda folder: write_dataset(folder, {"train": 12, "valid": 4, "test": 4}))


@pytest.fixture(scope="session")
def trained(dataset, made_once) -> Path:
    """A run folder of three epochs on the small dataset."""

    def make(folder: Path) -> None:
        options = ("--epochs", 3, "--batch-size", 8, "--cache")
        output = finish(train_command("fit", "custom", "--data", dataset, "--out", folder, *options))
        assert "test: 4 fake, 4 real; ROC AUC" in output

    return made_once("custom", make)


@pytest.fixture(scope="session")
def tiny(made_once) -> Path:
    """A run folder like a training's, with a network of 233 parameters instead of 11 million."""
    return made_once("tiny", write_tiny)


def write_tiny(folder: Path) -> None:
    """Fill an empty folder as a training would."""
    import keras
    from keras import layers

    from train import plots, run, spec
    from train.figures import metrics
    from train.networks import models

    (folder / "checkpoints").mkdir()
    keras.utils.set_random_seed(1)
    pixels = keras.Input((None, None, 3), name="pixels")
    x = layers.Resizing(spec.INPUT_SIZE, spec.INPUT_SIZE, interpolation=spec.RESIZE, name=models.RESIZE_LAYER)(pixels)
    x = layers.Rescaling(spec.SCALE)(x)
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 3, strides=4, activation="relu")(x))
    run.save_model(keras.Model(pixels, layers.Dense(1, activation="sigmoid")(x)), folder / run.MODEL)

    labels = np.arange(40) % 2
    scores = np.clip(np.random.default_rng(0).normal(0.4 + 0.2 * labels, 0.2), 0, 1)
    of = {"dataset": {"name": "drawn", "counts": {}, "sha256": "cd" * 32}}
    splits = {split: of | metrics.summarize(labels, scores, 0.45, {0.01: 0.1}) for split in ("valid", "test")}
    unsure = {"low": 0.4, "high": 0.5, "coverage": 0.8, "accuracy": 0.9, "measured_on": "test"}
    figures = {"threshold": 0.45, "unsure": unsure, "temperature": 1.2, "offset": 0.1, "splits": splits}
    run.write_json(folder / run.METRICS, figures)
    run.write_json(
        folder / run.CONFIG,
        {
            "model": "tiny",
            "input_size": spec.INPUT_SIZE,
            "options": {"batch_size": 8, "seed": 1},
            "dataset": {"names": ["drawn"], "counts": {"train/fake": 12, "train/real": 13}, "sha256": "ab" * 32},
            "versions": run.versions(),
        },
    )
    history = [{"epoch": 1, "loss": 0.6, "val_loss": 0.7, "accuracy": 0.6, "val_accuracy": 0.5}]
    run.write_csv(folder / run.HISTORY, history)
    plots.training_curves(history, folder / run.PLOTS)
    plots.roc({"test": splits["test"]}, folder / run.PLOTS)
    for private in ("checkpoints/epoch-001.keras", "scores-test.csv", "notes.txt", "plots/notes.txt"):
        (folder / private).write_text("This stays here.")
