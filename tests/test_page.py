"""What a visitor of the page meets, in Chromium: photos in, verdicts out, offline, in private, words for trouble."""

import csv
import gzip
import io
import json
import re
import shutil
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import CHROMIUM_OPTIONS, PAGE_MODEL, ROOT, Site, draw, encode
from PIL import Image
from skimage import data

from export import icons, listing
from export.convert import to_tfjs
from export.evidence import with_evidence
from train.chain import faces
from train.chain.read import MAX_PIXELS
from train.run import sha256

WEB = ROOT / "web"
MODEL = PAGE_MODEL.relative_to(WEB).as_posix()  # The default one.
INFO = json.loads((WEB / MODEL / "detector.json").read_text())
WEIGHTS = sorted(name for name in INFO["files"] if name.endswith(".bin"))
BOUND = 0.001  # In P(real).
TIMEOUT = 120_000  # Milliseconds: a busy machine judges slowly.


@pytest.fixture
def site():
    """The page as it lies in the repository."""
    site = Site(WEB)
    yield site
    site.stop()


@pytest.fixture
def copy(tmp_path):
    """A copy of the page that a test may change."""
    shutil.copytree(WEB, tmp_path / "web")
    site = Site(tmp_path / "web")
    site.folder = tmp_path / "web"
    yield site
    site.stop()


@pytest.fixture
def context(browser):
    """A browser that has never seen the page."""
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


def red_detector(folder: Path, evidence: bool) -> Path:
    """Fill a model's folder with a small network to which red speaks for "fake", with or without an evidence map."""
    pixels = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Resizing(32, 32)(pixels))
    x = keras.layers.MaxPooling2D(4)(keras.layers.Conv2D(2, 1, activation="relu", name="colours")(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(pixels, keras.layers.Dense(1, activation="sigmoid", name="p_real")(x))
    red_and_blue = np.array([[[[1, 0], [-1, 0], [-1, 1]]]])
    model.get_layer("colours").set_weights([red_and_blue, np.array([-0.2, -0.1])])
    model.get_layer("p_real").set_weights([np.array([[-40], [2]]), np.array([0])])
    folder.mkdir(parents=True)
    to_tfjs(with_evidence(model) if evidence else model, folder, "float32")
    files = {path.name: sha256(path) for path in folder.iterdir()}
    info = INFO | {"name": folder.name, "files": files, "input": INFO["input"] | {"size": 32}}
    (folder / "detector.json").write_text(json.dumps(info))
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The page with two small models, "red" with an evidence map and "plain" without."""
    folder = tmp_path_factory.mktemp("small") / "web"
    shutil.copytree(WEB, folder, ignore=lambda _, names: {"model", "models"} & set(names))
    for name in ("red", "plain"):
        red_detector(folder / "models" / name, evidence=name == "red")
    (folder / "models.json").write_text('["models/red", "models/plain"]')
    listing.write_listing(folder)
    site = Site(folder)
    site.folder = folder
    yield site
    site.stop()


@pytest.fixture(scope="module")
def shared_site():
    site = Site(WEB)
    yield site
    site.stop()


@pytest.fixture(scope="module")
def shared_page(browser, shared_site):
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    opened(page, shared_site.url)
    yield page
    context.close()


@pytest.fixture
def page(shared_page):
    """The page with its model loaded and no results; loaded once for all tests that need no more than that."""
    yield shared_page
    if shared_page.is_visible("#clear"):
        shared_page.click("#clear")
    assert shared_page.problems == []


def opened(page, url: str):
    """Go there and wait for the model."""
    page.goto(url)
    page.wait_for_selector("#file:enabled", state="attached", timeout=TIMEOUT)
    return page


def stored(page):
    """Wait until the service worker has stored the page."""
    page.wait_for_selector("#offline:text('works offline')", state="attached")
    return page


def photo(name: str, seed: int = 0, smooth: bool = True, size: int = 256) -> dict:
    """A drawn JPEG in the form that ``set_input_files`` takes."""
    content = encode(draw(size, size, seed, smooth), "JPEG", quality=75)
    return {"name": name, "mimeType": "image/jpeg", "buffer": content}


def file(name: str, content: bytes) -> dict:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def judged(page, *files: dict) -> list[float]:
    """P(real) of each file, newest first like the cards."""
    page.set_input_files("#file", list(files))
    page.wait_for_selector(f".card:nth-child({len(files)})[data-p-real]")
    return p_reals(page)


def p_reals(page) -> list[float]:
    return [float(card.get_attribute("data-p-real")) for card in page.locator(".card[data-p-real]").all()]


def transfer_of(page, *files: dict):
    """A DataTransfer in the page, as a drop or a paste brings it."""
    transfer = page.evaluate_handle("() => new DataTransfer()")
    for each in files:
        transfer.evaluate(
            "(transfer, [name, type, bytes]) =>"
            "transfer.items.add(new File([new Uint8Array(bytes)], name, { type })) && null",
            [each["name"], each["mimeType"], list(each["buffer"])],
        )
    return transfer


# Verdicts.


def test_a_card_shows_the_verdict_in_words_and_figures(page):
    [p_real] = judged(page, photo("a.jpg"))
    band = INFO["unsure"]
    is_unsure = band and band["low"] <= p_real < band["high"]
    words = INFO["words"]["unsure" if is_unsure else "real" if p_real >= INFO["threshold"] else "fake"]
    assert page.inner_text(".card .verdict") == words
    assert page.inner_text(".card .real") == f"{100 * p_real:.1f} %"
    assert page.inner_text(".card .fake") == f"{100 * (1 - p_real):.1f} %"
    page.wait_for_selector(f"#status:text-is('a.jpg: {words}, P(real) {100 * p_real:.1f} %.')")
    page.wait_for_selector(".advice[aria-live] > p:text-is('No face was found; the verdict is for the whole picture.')")
    assert page.get_attribute("#status", "role") == "status"  # Read aloud.


def test_an_unsure_band_is_said_in_words(copy, context):
    [p_real] = judged(opened(context.new_page(), copy.url), photo("a.jpg"))
    path = copy.folder / MODEL / "detector.json"
    band = {"low": p_real - 0.1, "high": p_real + 0.1, "coverage": 0.8, "accuracy": 0.9}
    path.write_text(json.dumps(INFO | {"unsure": band}))
    page = opened(context.browser.new_page(), copy.url)
    judged(page, photo("a.jpg"))
    assert page.inner_text(".card .verdict").startswith("Unsure")
    page.wait_for_selector("#status:text-matches('^a.jpg: Unsure')")
    assert "the detector is unsure" in page.get_attribute(".card .scale", "aria-label")
    low, high = (f"{100 * band[end]:.1f} %" for end in ("low", "high"))
    assert f'Between {low} and {high} it says "unsure"' in page.inner_text("#about")
    page.close()


def test_a_small_face_is_judged_alone_too(page):
    portrait = encode(Image.fromarray(data.astronaut()), "PNG")
    [p_real] = judged(page, file("portrait.png", portrait))
    page.wait_for_selector(".crop:visible")
    assert page.inner_text(".sentence").startswith("The face is small in this picture")
    shown = re.fullmatch(r"([0-9.]+) % real, ([0-9.]+) % fake", page.inner_text(".crop-p"))
    of_face, of_fake = (float(share) / 100 for share in shown.groups())
    assert of_face + of_fake == pytest.approx(1, abs=0.0011) and of_face != pytest.approx(p_real, abs=0.001)
    crop = faces.aligned_crop(data.astronaut(), faces.find_faces(data.astronaut())[0])
    drawn = page.locator(".crop canvas").evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    )
    assert np.abs(np.reshape(drawn, (256, 256, 4))[..., :3] - crop.astype(int)).max() <= 5
    assert page.inner_text(".crop-verdict") in INFO["words"].values()


def test_many_files_give_cards_a_table_and_a_csv(page):
    files = [photo("a.jpg", 1), photo('b,"q".jpg', 2, smooth=False), file("no.txt", b"text"), photo("c.jpg", 3)]
    page.set_input_files("#file", files)
    page.wait_for_selector("#status:text-matches('^4 photos: .*1 × not judged')")
    names = ["a.jpg", 'b,"q".jpg', "no.txt: This is not a JPEG, PNG or WebP picture; choose one of those.", "c.jpg"]
    assert page.locator(".card .name").all_inner_texts() == names
    page.click("#table summary")
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#rows tr").all()]
    assert [row[0] for row in rows] == [each["name"] for each in files]
    assert rows[2][1:] == ["This is not a JPEG, PNG or WebP picture; choose one of those.", "–"]
    with page.expect_download() as download:
        page.click("#csv")
    table = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(), newline="")))
    assert [row["file"] for row in table] == [each["name"] for each in files]
    assert [float(row["p_real"]) for row in table if not row["error"]] == p_reals(page)
    page.click("#table summary")


def test_clear_removes_all_and_stops_what_waits(page):
    page.set_input_files("#file", [photo(f"{seed}.jpg", seed) for seed in range(12)])
    page.wait_for_selector(".card[data-p-real]")
    page.click("#clear")
    assert page.locator(".card").count() == 0
    assert not page.is_visible("#result")
    [p_real] = judged(page, photo("later.jpg", 40))
    assert page.locator(".card .name").all_inner_texts() == ["later.jpg"]
    assert page.locator("#rows tr").count() == 1
    page.wait_for_selector("#status:text-matches('^later.jpg: ')")


def test_memory_stays_flat_over_500_photos(small, context):
    page = opened(context.new_page(), small.url)
    found = {}
    for count in (50, 450):
        page.set_input_files("#file", [photo(f"{seed}.jpg", seed, size=64) for seed in range(count)])
        page.wait_for_selector(f"#status:text-matches('^{count} photos: ')", timeout=300_000)
        page.locator(".sentence:not(:empty)").nth(count - 1).wait_for()
        assert page.locator(".card[data-p-real]").count() == count
        found[count] = page.workers[0].evaluate(
            "() => [tf.memory().numTensors, tf.memory().numDataBuffers, tf.backend().wasm.HEAPU8.length]"
        )
        page.click("#clear")
    assert found[50] == found[450]


# Where it looks.


def test_the_evidence_map_is_laid_over_the_photo_by_keyboard(small, context):
    page = opened(context.new_page(), small.url)
    picture = Image.new("RGB", (400, 200), "blue")
    picture.paste((255, 0, 0), (250, 50, 350, 150))
    content = encode(picture, "PNG")
    [p_real] = judged(page, file("red.png", content))
    assert p_real < 0.1 and page.is_hidden(".cover")
    page.focus(".evidence input")
    page.keyboard.press("Space")
    assert page.is_visible(".cover")
    assert page.inner_text(".evidence small").startswith("Orange: what speaks for “fake”.")
    size, *colours = page.locator(".cover").evaluate(
        """canvas => [[canvas.width, canvas.height], ...[[0.75, 0.5], [0.1, 0.5], [0.75, 0.05]].map(([x, y]) =>
            [...canvas.getContext('2d').getImageData(x * canvas.width, y * canvas.height, 1, 1).data])]"""
    )
    assert size[0] == 2 * size[1]  # The photo's shape, so it lies where the photo lies.
    assert colours[0] == pytest.approx([214, 64, 0, 255], abs=2)
    assert [colour[3] for colour in colours[1:]] == [0, 0]
    photo_box, cover_box = (page.locator(f".card {part}").bounding_box() for part in ("img", ".cover"))
    assert photo_box == cover_box
    page.keyboard.press("Space")
    assert page.is_hidden(".cover")


def test_a_photo_in_which_nothing_speaks_for_fake_says_so(small, context):
    page = opened(context.new_page(), small.url)
    [p_real] = judged(page, file("blue.png", encode(Image.new("RGB", (99, 99), "blue"), "PNG")))
    assert p_real == pytest.approx(1 / (1 + np.exp(-1.8)), abs=1e-5)  # Blue is 0.9 after the convolution.
    page.check(".evidence input")
    assert page.inner_text(".evidence small") == "Nothing in this photo speaks for “fake”."


def test_a_model_without_a_map_offers_none(small, context):
    page = opened(context.new_page(), small.url)
    page.click("#settings > summary")
    page.select_option("#model", index=1)
    page.wait_for_selector("#about:text-matches('^Model .plain., ')")
    judged(page, photo("a.jpg"))
    assert page.is_hidden(".evidence")


# Ways in.


def test_dropped_photos_are_judged(page):
    page.dispatch_event("#drop", "drop", {"dataTransfer": transfer_of(page, photo("a.jpg", 1), photo("b.jpg", 2))})
    page.wait_for_selector("#status:text-matches('^2 photos: ')")
    assert page.locator(".card .name").all_inner_texts() == ["a.jpg", "b.jpg"]


def test_a_pasted_photo_is_judged(page):
    page.evaluate(
        "(clipboardData) => document.body.dispatchEvent("
        "new ClipboardEvent('paste', { clipboardData, bubbles: true })) && null",
        transfer_of(page, photo("pasted.jpg")),
    )
    page.wait_for_selector("#status:text-matches('^pasted.jpg: .*P.real')")


def test_the_camera_s_photo_is_judged(page):
    page.click("#use-camera")
    page.wait_for_selector("#camera[open]")
    page.locator("#video").evaluate(
        "video => video.videoWidth || new Promise(done => video.addEventListener('loadedmetadata', () => done(1)))"
    )
    page.click("#shoot")
    page.wait_for_selector("#status:text-matches('^camera-1.png: .*P.real')")
    assert not page.is_visible("#camera")
    assert page.locator("#video").evaluate("video => video.srcObject") is None


def test_a_photo_shared_to_the_installed_page_is_judged_once(site, context):
    page = stored(opened(context.new_page(), site.url))
    page.evaluate(
        """async () => {
            const body = new FormData();
            const canvas = new OffscreenCanvas(300, 200);
            canvas.getContext('2d').fillRect(9, 9, 99, 99);
            body.append('photos', new File([await canvas.convertToBlob()], 'shä red.png', { type: 'image/png' }));
            return (await fetch('share', { method: 'POST', body })).url;
        }"""
    )
    opened(page, site.url + "?shared")
    page.wait_for_selector("#status:text-matches('^shä red.png: .*P.real')")
    assert page.url == site.url
    assert [method for method, _ in site.requests if method != "GET"] == []
    opened(page, site.url + "?shared")
    assert page.locator(".card").count() == 0


# Trouble, in words.

JPEG = encode(draw(300, 300), "JPEG")
PNG = encode(draw(300, 300), "PNG")
WEBP = encode(draw(300, 300), "WEBP")
DAMAGED = "The picture is damaged or cut off; save it again and retry."
NO_PICTURE = "This is not a JPEG, PNG or WebP picture; choose one of those."


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("text.jpg", b"no picture at all", NO_PICTURE),
        ("empty.jpg", b"", NO_PICTURE),
        ("cut.jpg", JPEG[: len(JPEG) // 2], DAMAGED),
        ("cut.png", PNG[:5000], DAMAGED),
        ("cut.webp", WEBP[: len(WEBP) // 2], DAMAGED),
        ("head.jpg", JPEG[:30], DAMAGED),
        ("holed.png", PNG[:3000] + bytes(2000) + PNG[5000:], DAMAGED),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_can_t_be_judged_gets_a_sentence(page, name, content, sentence):
    page.set_input_files("#file", file(name, content))
    page.wait_for_selector(f"#status.error:text-is('{name}: {sentence}')")
    assert page.inner_text(".card.error .verdict") == "Not judged"


def test_a_file_with_too_many_bytes_is_refused(page, tmp_path):
    (tmp_path / "heavy.jpg").write_bytes(JPEG + bytes(51_000_000))
    page.set_input_files("#file", tmp_path / "heavy.jpg")
    page.wait_for_selector("#status.error:text-is('heavy.jpg: The file has 51 MB; choose one below 50 MB.')")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_too_many_pixels_are_refused_from_the_header_alone(page, format):
    large = encode(Image.new("L", (5001, 5000)), format)
    assert 5001 * 5000 > MAX_PIXELS
    # Cut off behind the header: nothing is left that a decoder could unpack.
    page.set_input_files("#file", file("large", large[:700]))
    page.wait_for_selector(
        "#status.error:text-is('large: The picture has 5001 x 5000 pixels; make it smaller than 25 megapixels.')"
    )


def test_too_little_memory_gets_a_sentence(page):
    sentences = page.evaluate(
        """async () => {
            const { outOfMemory } = await import('./photo.js');
            const errors = [new RangeError('Array buffer allocation failed'), new Error('Aborted(OOM: out of memory)')];
            try { new Uint8Array(1e15); } catch (error) { errors.push(error); }
            return [...errors.map((error) => outOfMemory(error).message), outOfMemory(new Error('else'))];
        }"""
    )
    sentence = "This browser has not enough memory for the picture; close other tabs or take a smaller one."
    assert sentences == [sentence] * 3 + [None]


def test_a_browser_without_webassembly_gets_a_sentence(site, context):
    page = context.new_page()
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(site.url)
    page.wait_for_selector("#status.error:text-is('This browser has no WebAssembly; use a current one.')")


def test_a_missing_model_is_named_and_another_can_be_chosen(copy, context):
    shutil.rmtree(copy.folder / MODEL)
    page = context.new_page()
    page.goto(copy.url)
    page.wait_for_selector(f"#model option:text-is('{Path(MODEL).name}: missing')", state="attached")
    text = page.text_content("#status")
    assert re.match(r"The model is missing: .*detector.json \(HTTP 404\); reload", text), text
    page.click("#settings > summary")
    page.select_option("#model", index=1)
    page.wait_for_selector("#about:text-matches('^Model ')")
    assert judged(page, photo("a.jpg"))


# Weights: progress, check, choice.


def test_the_progress_bar_counts_real_bytes(copy, context):
    folder = copy.folder / MODEL
    graph = json.loads((folder / "model.json").read_text())
    content = b"".join((folder / name).read_bytes() for name in graph["weightsManifest"][0]["paths"])
    parts = {"first.bin": content[:700_000], "second.bin": content[700_000:]}
    for name, part in parts.items():
        (folder / name).write_bytes(part)
    graph["weightsManifest"][0]["paths"] = list(parts)
    (folder / "model.json").write_text(json.dumps(graph))
    files = {path.name: sha256(path) for path in folder.iterdir()}
    (folder / "detector.json").write_text(json.dumps(INFO | {"files": files}))

    release = threading.Event()
    copy.hook = lambda path: release.wait(30) and None if path.endswith("second.bin") else None
    page = context.new_page()
    page.goto(copy.url)
    page.wait_for_selector(f"#status:text-is('Loading the model: 0.7 of {len(content) / 1e6:.1f} MB')")
    progress = page.locator("#progress")
    assert [progress.evaluate("bar => bar.value"), progress.evaluate("bar => bar.max")] == [700_000, len(content)]
    release.set()
    page.wait_for_selector("#file:enabled", state="attached")
    assert not page.is_visible("#progress")


def damaged(name: str) -> bytes:
    content = bytearray((WEB / MODEL / name).read_bytes())
    content[1000] ^= 1
    return bytes(content)


def test_a_damaged_weight_file_is_fetched_again_once(site, context):
    asked = []

    def hook(path):
        if path.endswith(f"{MODEL}/{WEIGHTS[0]}"):
            asked.append(path)
            return damaged(WEIGHTS[0]) if len(asked) == 1 else None

    site.hook = hook
    [p_real] = judged(opened(context.new_page(), site.url), photo("a.jpg"))
    assert len(asked) == 2
    site.hook = lambda path: None
    assert judged(opened(context.browser.new_page(), site.url), photo("a.jpg")) == [p_real]


def test_a_weight_file_that_stays_damaged_is_reported(site, browser):
    site.hook = lambda path: damaged(WEIGHTS[0]) if path.endswith(f"{MODEL}/{WEIGHTS[0]}") else None
    page = browser.new_page(service_workers="block")  # It would try too.
    page.goto(site.url)
    sentence = f"{WEIGHTS[0]} is damaged, even when fetched again; tell the page's owner."
    page.wait_for_selector(f'#status.error:text-is("{sentence}")')
    assert sum(path.endswith(f"{MODEL}/{WEIGHTS[0]}") for _, path in site.requests) == 2
    assert page.is_disabled("#file")
    page.close()


@pytest.mark.parametrize("name", ["faces.json", "blazeface/model.json", "blazeface/group1-shard1of1.bin"])
def test_a_damaged_face_check_is_reported(name, small, browser):
    content = bytearray((WEB / "vendor" / name).read_bytes())
    content[len(content) // 2] ^= 1
    small.hook = lambda path: bytes(content) if path.endswith(f"/vendor/{name}") else None
    before = len(small.requests)
    page = browser.new_page(service_workers="block")
    page.goto(small.url)
    sentence = f"{name.split('/')[-1]} is damaged, even when fetched again; tell the page's owner."
    page.wait_for_selector(f'#status.error:text-is("{sentence}")')
    assert sum(path.endswith(f"/vendor/{name}") for _, path in small.requests[before:]) == 2
    assert page.is_disabled("#file")
    small.hook = lambda path: None
    page.close()


def test_a_chosen_model_works_offline_and_others_are_not_stored(small, context):
    site = Site(small.folder)
    page = stored(opened(context.new_page(), site.url))
    names = "async () => (await (await caches.open((await caches.keys())[0])).keys()).map(({ url }) => url)"
    kept = [url for url in page.evaluate(names) if "/models/" in url and url.endswith(".bin")]
    assert [url.split("/")[-2] for url in kept] == ["red"]
    page.click("#settings > summary")
    page.select_option("#model", index=1)
    page.wait_for_selector("#about:text-matches('^Model .plain., ')")
    site.stop()
    page.reload()
    page.wait_for_selector("#file:enabled", state="attached")
    page.wait_for_selector("#model option:nth-child(2)", state="attached")
    page.click("#settings > summary")
    page.select_option("#model", index=1)
    page.wait_for_selector("#about:text-matches('^Model .plain., ')")
    assert 0 < judged(page, photo("a.jpg"))[0] < 1


def test_the_choice_of_models_shows_size_and_accuracy_and_loads_only_the_chosen_one(copy, context):
    shutil.copytree(copy.folder / MODEL, copy.folder / "models/other")
    (copy.folder / "models/other/detector.json").write_text(json.dumps(INFO | {"name": "other"}))
    (copy.folder / "models.json").write_text(json.dumps([MODEL, "models/other"]))
    page = opened(context.new_page(), copy.url)
    page.click("#settings > summary")
    size = sum((WEB / MODEL / name).stat().st_size for name in WEIGHTS) / 1e6
    right = 100 * INFO["metrics"]["test"]["at_threshold"]["accuracy"]
    page.wait_for_selector("#model option:nth-child(2)", state="attached")
    assert page.locator("#model option").all_inner_texts() == [
        f"{name}: {size:.1f} MB, {right:.1f} % of test images right" for name in (INFO["name"], "other")
    ]
    assert not [path for _, path in copy.requests if path.startswith("/models/other/") and path.endswith(".bin")]
    page.select_option("#model", index=1)
    page.wait_for_selector("#about:text-matches('^Model .other., ')")
    assert len(
        [path for _, path in copy.requests if path.startswith("/models/other/") and path.endswith(".bin")]
    ) == len(WEIGHTS)
    assert 0 < judged(page, photo("a.jpg"))[0] < 1


def test_webgl_can_be_chosen_gives_the_same_answer_and_is_remembered(site, context):
    page = opened(context.new_page(), site.url)
    page.wait_for_selector("#backend-summary:text-matches('^WebAssembly, [0-9]+ ms for a picture$')")
    assert not [path for _, path in site.requests if "webgl" in path]  # No graphics card here, so not even fetched.
    [expected] = judged(page, photo("a.jpg"))
    page.click("#settings > summary")
    page.select_option("#backend", "webgl")
    page.wait_for_selector("#backend-summary:text-matches('^WebGL, [0-9]+ ms for a picture$')")
    page.click("#clear")
    assert judged(page, photo("a.jpg")) == [pytest.approx(expected, abs=BOUND)]
    opened(page, site.url)
    page.wait_for_selector("#backend-summary:text-matches('^WebGL, ')")


def test_webgpu_gives_the_same_answer(small, playwright):
    """In software, and with a small network, as that takes its time."""
    options = (
        "--enable-unsafe-webgpu --enable-features=Vulkan --use-vulkan=swiftshader --use-webgpu-adapter=swiftshader"
    )
    chromium = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=[*CHROMIUM_OPTIONS, *options.split()]
    )
    page = opened(chromium.new_page(), small.url)
    [expected] = judged(page, photo("a.jpg"))
    page.wait_for_selector("#backend-summary:text-matches('^WebAssembly, ')")
    page.click("#settings > summary")
    page.select_option("#backend", "webgpu")
    page.wait_for_selector("#backend-summary:text-matches('^WebGPU, ')")
    page.click("#clear")
    assert judged(page, photo("a.jpg")) == [pytest.approx(expected, abs=BOUND)]
    chromium.close()


def test_a_backend_that_does_not_start_leaves_webassembly(site, context):
    page = opened(context.new_page(), site.url)
    page.click("#settings > summary")
    page.select_option("#backend", "webgpu")  # No graphics card here.
    page.wait_for_selector("#backend-note:text-is('WebGPU does not start on this device.')")
    assert page.inner_text("#backend-summary").startswith("WebAssembly, ")
    assert 0 < judged(page, photo("a.jpg"))[0] < 1


# Offline.


def test_the_list_of_files_is_the_folder_s():
    text = (WEB / listing.LISTING).read_text()
    listed = json.loads(text.partition("self.FILES = ")[2].rstrip(";\n"))
    assert listed == listing.list_files(WEB), "python -m export vendor"


def test_after_one_visit_the_page_works_without_a_network(site, context):
    page = stored(opened(context.new_page(), site.url))
    [p_real] = judged(page, photo("a.jpg"))
    site.stop()
    page.reload()
    page.wait_for_selector("#file:enabled", state="attached")
    assert judged(page, photo("a.jpg")) == [p_real]


def test_a_second_visit_loads_nothing(site, context):
    stored(opened(context.new_page(), site.url))
    before = len(site.requests)
    opened(context.new_page(), site.url)
    assert {path for _, path in site.requests[before:]} <= {"/sw.js", "/files.js", "/checked.js"}


def test_a_new_version_is_announced_and_taken_over_on_request(copy, context):
    page = stored(opened(context.new_page(), copy.url))
    assert not page.is_visible("#update")
    index = copy.folder / "index.html"
    index.write_text(index.read_text().replace("<h1>DeepFaceDetect</h1>", "<h1>New version</h1>"))
    listing.write_listing(copy.folder)
    before = len(copy.requests)
    opened(page, copy.url)
    page.wait_for_selector("#update:visible")
    assert page.inner_text("h1") == "DeepFaceDetect"  # The old one, whole, until it is asked for.
    page.click("#take-over")
    page.wait_for_selector("h1:text-is('New version')")
    again = [path for _, path in copy.requests[before:]]
    assert not [path for path in again if path.endswith((".bin", ".wasm"))]  # What is unchanged stays.
    copy.stop()
    opened(page, copy.url)
    assert page.inner_text("h1") == "New version"


def test_a_file_that_differs_from_the_list_is_not_stored(copy, context):
    (copy.folder / "style.css").write_text("main { color: red }")
    page = opened(context.new_page(), copy.url)
    page.wait_for_selector("#offline:text('could not be stored')", state="attached")


# Privacy.


def test_no_request_leaves_the_origin_or_carries_a_photo(site, context):
    requests = []
    context.on("request", lambda request: requests.append((request.method, request.url, request.post_data)))
    page = stored(opened(context.new_page(), site.url))
    before = len(site.requests)
    judged(page, photo("a.jpg", 1), photo("b.jpg", 2), photo("c.png", 3))
    assert site.requests[before:] == []
    assert all(method == "GET" and body is None for method, _, body in requests)
    assert all(url.startswith((site.url, f"blob:{site.url}")) for _, url, _ in requests)
    assert context.cookies() == []


def test_neither_page_nor_worker_can_reach_another_origin(page, shared_site, tmp_path):
    elsewhere = Site(tmp_path)  # Any origin may read it: only the page's own policy stands in the way.
    attempt = "url => fetch(url, { method: 'POST', body: 'photo' }).then(() => 'sent', () => 'blocked')"
    assert page.evaluate(attempt, elsewhere.url) == "blocked"
    assert [worker.evaluate(attempt, elsewhere.url) for worker in page.workers] == ["blocked"]
    load = "url => import(url).then(() => 'loaded', () => 'blocked')"
    (tmp_path / "a.js").write_text("export default 1;")
    assert page.workers[0].evaluate(load, elsewhere.url + "a.js") == "blocked"
    assert elsewhere.requests == []
    elsewhere.stop()


def test_the_policy_allows_no_inline_code_and_no_eval():
    [policy] = re.findall(r'content="(default-src[^"]*)"', (WEB / "index.html").read_text())
    directives = {name: values for name, *values in (part.split() for part in policy.split(";"))}
    assert directives["default-src"] == ["'none'"]
    assert directives["connect-src"] == ["'self'"]
    assert directives["script-src"] == ["'self'", "'wasm-unsafe-eval'"]
    assert "unsafe-inline" not in policy and "'unsafe-eval'" not in policy


# Size.


def test_the_page_is_small(site, context):
    stored(opened(context.new_page(), site.url))
    paths = [re.sub(r"[?#].*", "", path).lstrip("/") or "index.html" for _, path in site.requests]
    raw = {path: (WEB / path).read_bytes() for path in paths}
    first = next(index for index, path in enumerate(paths) if path.startswith(f"{MODEL}/"))
    before_the_model = sum(len(raw[path]) for path in set(paths[:first]))
    rest_packed = sum(len(gzip.compress(content)) for path, content in raw.items() if not path.startswith(f"{MODEL}/"))
    everything = sum(map(len, raw.values()))
    print(f"{everything=:,} bytes raw; {before_the_model=:,} raw; all but the model gzipped {rest_packed:,}")
    assert everything <= 13_000_000
    assert before_the_model <= 1_000_000
    assert rest_packed <= 1_000_000


# For all: by keyboard, read aloud, installed, in another site.


def violations(page) -> list[str]:
    """What axe-core finds, in light and in dark colours."""
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for each in page.evaluate("() => axe.run()")["violations"]:
            found += [f"{scheme} {each['id']}: {node['target']} {node['failureSummary']}" for node in each["nodes"]]
    return found


def test_axe_finds_nothing(browser, site):
    context = browser.new_context(bypass_csp=True)
    page = opened(context.new_page(), site.url)
    page.add_script_tag(path=ROOT / "tests/node_modules/axe-core/axe.min.js")
    assert violations(page) == []
    page.set_input_files("#file", [photo("a.jpg", 1), file("no.txt", b"text"), photo("b.jpg", 2)])
    page.wait_for_selector("#status:text-matches('^3 photos: ')")
    page.click("#table summary")
    page.click("#settings > summary")
    page.evaluate("() => { document.getElementById('update').hidden = false; }")
    assert violations(page) == []
    page.click("#use-camera")
    page.wait_for_selector("#camera[open]")
    assert violations(page) == []
    context.close()


def test_everything_is_reached_by_keyboard(page):
    judged(page, photo("a.jpg", 1), photo("b.jpg", 2))
    page.wait_for_selector("#csv:visible")
    page.focus("#file")
    reached = []
    focused = "() => { const e = document.activeElement; return e.id || e.parentElement.id || e.tagName; }"
    outline = "() => getComputedStyle(document.activeElement.closest('.drop') ?? document.activeElement).outlineStyle"
    maps = page.locator(".evidence:visible input").count()  # None, if the model draws no map.
    for _ in range(6 + maps):
        reached.append(page.evaluate(focused))
        assert page.evaluate(outline) != "none", reached
        page.keyboard.press("Tab")
    assert reached == ["file", "use-camera", "csv", "clear", "table", *["INPUT"] * maps, "settings"]
    page.focus("#clear")
    page.keyboard.press("Enter")
    assert page.locator(".card").count() == 0
    assert page.evaluate(focused) == "file"
    page.focus("#use-camera")
    page.keyboard.press("Enter")
    page.wait_for_selector("#camera[open]")
    page.keyboard.press("Escape")
    assert not page.is_visible("#camera")


def test_nothing_moves_for_those_who_asked_for_that(browser, site):
    context = browser.new_context(reduced_motion="reduce")
    page = opened(context.new_page(), site.url)
    judged(page, photo("a.jpg"))
    assert page.locator(".card .mark").evaluate("mark => getComputedStyle(mark).transitionDuration") == "0s"
    context.close()


def test_the_page_can_be_installed(site, context):
    page = stored(opened(context.new_page(), site.url))
    session = context.new_cdp_session(page)
    assert session.send("Page.getAppManifest")["errors"] == []
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [],
        [{"errorId": "in-incognito", "errorArguments": []}],  # What a test's browser is.
    )
    for icon in json.loads((WEB / "manifest.webmanifest").read_text())["icons"]:
        if icon["type"] == "image/png":
            with Image.open(WEB / icon["src"]) as image:
                assert f"{image.width}x{image.height}" == icon["sizes"]
    assert {path.name for path in (WEB / "icons").iterdir()} == set(icons.ICONS)


def test_the_readme_s_example_works_on_another_site(browser, tmp_path):
    [example] = re.findall(r"```html\n(.*?)```", (WEB / "README.md").read_text(), re.DOTALL)
    assert len(example.splitlines()) <= 10
    (tmp_path / "index.html").write_text(f"<!doctype html>\n{example}")
    (tmp_path / "deepfacedetect").symlink_to(WEB)
    site = Site(tmp_path)
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(site.url)
    page.wait_for_function("() => document.getElementById('photo').onchange")
    page.set_input_files("#photo", photo("a.jpg"))
    page.wait_for_selector("#verdict:text-matches('^(fake|real|unsure): P.real. = [01][.][0-9]{3}$')")
    page.close()
    site.stop()


def test_the_module_takes_elements_too(page):
    answers = page.evaluate(
        """async (bytes) => {
            const { loadDetector } = await import('./detector.js');
            const detector = await loadDetector();
            const file = new File([new Uint8Array(bytes)], 'a.png');
            const image = new Image();
            image.src = URL.createObjectURL(file);
            await image.decode();
            const both = await Promise.all([detector.classify(file), detector.classify(image)]);
            const broken = await detector.classify(new Blob(['text'])).catch((error) => error.message);
            detector.close();
            return [both[0].pReal, both[1].pReal, detector.info.name, broken];
        }""",
        list(encode(draw(120, 90), "PNG")),
    )
    assert answers[0] == pytest.approx(answers[1], abs=1e-6)
    assert answers[2:] == [INFO["name"], NO_PICTURE]
