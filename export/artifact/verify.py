"""Check that an exported model answers as its run does, on real files and in a real browser.

    python -m export verify web/models/custom runs/custom-uint8
    python -m export verify web/models/custom runs/custom-uint8 --data folder/ --bound 0.001

The files are judged by the page's own code in Chromium, from file to probability, and by Keras, image by image.
"""

import argparse
import contextlib
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import Error, sync_playwright
from tqdm import tqdm

from train import run
from train.chain.read import PhotoError, read_photo
from train.figures.predict import expand

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
EXAMPLES = ROOT / "space/examples"
BOUND = 0.001  # Largest accepted difference in P(real), unless another is asked for.
CHROMIUM = "--no-sandbox --disable-background-networking --disable-component-update --disable-sync --no-first-run"
LOAD = """async () => {
  const { loadDetector } = await import('/detector.js');
  self.detector = await loadDetector({ folder: `${location.origin}/checked/` });
}"""
JUDGE = "async (url) => (await self.detector.classify(await (await fetch(url)).blob(), { asIs: true })).faces[0].p_real"


class VerifyError(ValueError):
    """The two models can't be compared, or they differ; the message says which."""


def verify(args: argparse.Namespace) -> None:
    """Print the largest and the mean |difference in P(real)| over the files of ``args.data``.

    Raises:
        run.RunError: the run holds no finished network.
        VerifyError: there are no files, one can't be read, no exported model, no Chromium, or a
            difference exceeds ``args.bound``.
    """
    files = expand([args.data])
    if not (args.model / "model.json").exists():
        raise VerifyError(f"{args.model} holds no model.json; fill it with `python -m export convert`.")
    if not files:
        raise VerifyError(f"{args.data}: no images in it.")
    model = run.load_model(args.run)
    keras = []
    for path in tqdm(files, "Keras"):
        try:
            pixels = read_photo(path)[None].astype("float32")
        except PhotoError as error:
            raise VerifyError(f"{path}: {error} Take it out of {args.data}.") from None
        keras.append(float(model.predict_on_batch(pixels)[0, 0]))
    browser = list(tqdm(judge(args.model, files), "Chromium", len(files)))
    differences = np.abs(np.array(keras) - browser)
    worst = int(differences.argmax())
    print(
        f"{len(files)} files: largest |difference in P(real)| {differences[worst]:.2e} ({files[worst].name}), "
        f"mean {differences.mean():.2e}"
    )
    if differences[worst] > args.bound:
        raise VerifyError(
            f"{files[worst]}: {keras[worst]:.6f} from Keras, {browser[worst]:.6f} from {args.model}; "
            f"they differ by more than {args.bound}."
        )


def judge(model: Path, files: list[Path]) -> Iterator[float]:
    """P(real) of each file from an exported model, by the page's own module in Chromium.

    Raises:
        VerifyError: no Chromium starts, or the model does not load in it or can't judge a file.
    """
    with serve(model, files) as url, sync_playwright() as playwright:
        try:  # Debian's, else Playwright's own.
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM.split())
        except Error as error:
            raise VerifyError(
                "No Chromium starts; install the package chromium, or run `playwright install chromium`: "
                f"{error.message.splitlines()[0]}"
            ) from error
        page = browser.new_page()
        page.goto(f"{url}/nothing")  # Of the page's origin, but without the page's policy, which forbids eval.
        try:
            page.evaluate(LOAD)
        except Error as error:
            raise VerifyError(f"{model} can't be loaded in Chromium: {error.message.splitlines()[0]}") from error
        for index, path in enumerate(files):
            try:
                yield page.evaluate(JUDGE, f"/files/{index}")
            except Error as error:
                raise VerifyError(f"{path} can't be judged in Chromium: {error.message.splitlines()[0]}") from error
        browser.close()


@contextlib.contextmanager
def serve(model: Path, files: list[Path]) -> Iterator[str]:
    """Serve the page with the given model at /checked/ and the files at /files/0, /files/1, ..."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path: str) -> str:
            head, _, tail = path.lstrip("/").partition("/")
            if head == "files":
                return str(files[int(tail)])
            if head == "checked":
                return str(Path(model) / Path(tail).name)
            return super().translate_path(path)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=WEB))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
