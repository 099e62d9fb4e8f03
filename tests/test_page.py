"""What a visitor of the page meets, in Chromium: photos in, verdicts out, offline, in private, words for trouble."""

import csv
import functools
import gzip
import io
import json
import re
import shutil
import sys
import threading
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import CHROMIUM_OPTIONS, PAGE_MODEL, ROOT, Site, draw, encode
from PIL import Image
from skimage import data

from export.artifact import listing
from export.artifact.convert import to_tfjs
from export.artifact.evidence import with_evidence
from export.upkeep import icons
from train.chain import faces
from train.chain.read import MAX_PIXELS
from train.chain.verdict import COLUMNS, face_views
from train.run import sha256

sys.path.insert(0, str(ROOT / "space"))

import uploads  # noqa: E402
from chain.read import PhotoError, read_photo  # noqa: E402

WEB = ROOT / "web"
MODEL = PAGE_MODEL.relative_to(WEB).as_posix()  # The default one.
INFO = json.loads((WEB / MODEL / "detector.json").read_text())
ZIPS = json.loads((ROOT / "space/zips.json").read_text())
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
    (folder / "models.json").write_text('[{"folder": "models/red"}, {"folder": "models/plain"}]')
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


@functools.cache
def astronaut_s_face() -> Image.Image:
    photo = data.astronaut()
    return Image.fromarray(faces.cut(photo, faces.find_faces(photo)[0]))


def portrait(seed: int = 0, size: int = 256) -> Image.Image:
    """A face as the training set has them, no two seeds alike: the astronaut's, in other light and with grain."""
    random = np.random.default_rng(seed)
    pixels = np.asarray(astronaut_s_face().resize((size, size))) * random.uniform(0.8, 1.1, 3)
    pixels += random.normal(0, 3, pixels.shape)
    return Image.fromarray(np.clip(pixels, 0, 255).astype("uint8"))


def photo(name: str, seed: int = 0, size: int = 256) -> dict:
    """A JPEG with one face in the form that ``set_input_files`` takes."""
    return {"name": name, "mimeType": "image/jpeg", "buffer": encode(portrait(seed, size), "JPEG", quality=90)}


def group(columns: int = 3) -> Image.Image:
    """So many faces side by side in front of a plain wall, the left one the largest."""
    picture = Image.new("RGB", (400 * columns, 500), (120, 140, 150))
    for column in range(columns):
        picture.paste(portrait(column, 300 - 20 * column), (400 * column + 50, 100))
    return picture


def no_face() -> dict:
    return file("drawing.jpg", encode(draw(300, 300), "JPEG"))


def file(name: str, content: bytes) -> dict:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def judged(page, *files: dict) -> list[float]:
    """P(real) of the only face in each file, newest first like the cards."""
    page.set_input_files("#file", list(files))
    page.wait_for_selector(f".card:nth-child({len(files)})[data-verdict]")
    return p_reals(page)


def p_reals(page) -> list[float]:
    return [float(face.get_attribute("data-p-real")) for face in page.locator(".face[data-p-real]").all()]


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

NO_FACE = "No face was found, so there is no verdict."


def label_of(p_real: float, info: dict = INFO) -> str:
    """The rule that detector.json states."""
    if info["unsure"]["low"] <= p_real < info["unsure"]["high"]:
        return "unsure"
    return "real" if p_real >= info["threshold"] else "fake"


def test_a_card_shows_the_verdict_in_words_and_figures(page):
    [p_real] = judged(page, photo("a.jpg"))
    words = INFO["words"][label_of(p_real)]
    assert page.inner_text(".card .verdict") == words
    assert page.inner_text(".face-verdict") == f"Face 1: {words}"
    assert page.inner_text(".card .real") == f"{100 * p_real:.1f} %"
    assert page.inner_text(".card .fake") == f"{100 * (1 - p_real):.1f} %"
    assert page.inner_text(".scope") == INFO["scope"]
    page.wait_for_selector(f"#status:text-is('a.jpg: {words}, P(real) {100 * p_real:.1f} %.')")
    assert page.get_attribute("#status", "role") == "status"  # Read aloud.


def test_each_of_several_faces_has_its_box_its_crop_and_its_verdict(page):
    picture = group(3)
    page.set_input_files("#file", file("group.png", encode(picture, "PNG")))
    page.wait_for_selector(".card[data-verdict]")
    items = page.locator(".face")
    labels = [label_of(p_real) for p_real in p_reals(page)]
    assert [item.get_attribute("data-verdict") for item in items.all()] == labels and len(labels) == 3
    assert page.locator(".face-verdict").all_inner_texts() == [
        f"Face {index}: {INFO['words'][label]}" for index, label in enumerate(labels, 1)
    ]
    worst = min(labels, key=["fake", "unsure", "real"].index)
    assert page.get_attribute(".card", "data-verdict") == worst
    text = page.inner_text("#status")
    assert text.startswith(f"group.png: {page.inner_text('.verdict')}") and text.count("P(real)") == 3
    expected = [view.box for view in face_views(np.asarray(picture))]
    for index, link in enumerate(page.locator(".boxes a").all()):
        outline = link.locator(".outline")
        x, y, width, height = (float(outline.get_attribute(key)) for key in ("x", "y", "width", "height"))
        assert [x, y, x + width, y + height] == pytest.approx(expected[index], abs=0.01 * picture.width)
        name = f"Face {index + 1}: {INFO['words'][labels[index]]}, P(real) {100 * p_reals(page)[index]:.1f} %"
        assert link.get_attribute("aria-label") == name
        assert link.locator("text").text_content() == str(index + 1)
    box = page.locator(".boxes").bounding_box()
    image = page.locator(".photo img").evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert image[0] / image[1] == pytest.approx(1200 / 500, rel=0.01)  # So the boxes lie where the faces lie.
    assert page.locator(".photo img").bounding_box() == box
    page.locator(".boxes a").nth(1).focus()
    page.keyboard.press("Enter")
    assert page.evaluate("() => document.activeElement.id") == items.nth(1).get_attribute("id")


def test_a_picture_without_a_face_gets_a_sentence_and_no_probability(page):
    page.set_input_files("#file", no_face())
    page.wait_for_selector(".card[data-verdict=no_face]")
    assert page.inner_text(".verdict") == NO_FACE
    assert page.locator(".face").count() == page.locator(".boxes a").count() == 0
    assert "%" not in page.inner_text("#result") and "P(real)" not in page.inner_text("#status")
    page.wait_for_selector(f"#status:text-is('drawing.jpg: {NO_FACE}')")
    assert page.inner_text(".scope") == INFO["scope"]


def test_an_unsure_band_is_said_in_words(copy, context):
    path = copy.folder / MODEL / "detector.json"
    path.write_text(json.dumps(INFO | {"unsure": INFO["unsure"] | {"coverage": 0.942}}))
    page = opened(context.new_page(), copy.url)
    [p_real] = judged(page, photo("a.jpg"))
    assert "of the rest (94.2 % of photos)" in page.inner_text("#about")
    band = {"low": p_real - 0.1, "high": p_real + 0.1, "coverage": 0, "accuracy": None}
    path.write_text(json.dumps(INFO | {"unsure": band}))
    page = opened(context.browser.new_page(), copy.url)
    judged(page, photo("a.jpg"))
    assert page.inner_text(".card .verdict").startswith("Unsure")
    page.wait_for_selector("#status:text-matches('^a.jpg: Unsure')")
    assert "the detector is unsure" in page.get_attribute(".card .scale", "aria-label")
    low, high = (f"{100 * band[end]:.1f} %" for end in ("low", "high"))
    assert f'Between {low} and {high} it says "unsure".' in page.inner_text("#about")  # No rest to speak of.
    page.close()


def test_the_crop_is_the_one_that_the_command_line_cuts(page):
    photo = data.astronaut()
    judged(page, file("portrait.png", encode(Image.fromarray(photo), "PNG")))
    [view] = face_views(photo)
    drawn = page.locator(".picture").evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"
    )
    assert np.abs(np.reshape(drawn, (256, 256, 4))[..., :3] - view.pixels.astype(int)).max() <= 5


def test_many_files_give_cards_a_table_and_a_csv(page):
    two = file("=two.png", encode(group(2), "PNG"))
    files = [photo("a.jpg", 1), photo('b,"q".jpg', 2), file("no.txt", b"text"), two, no_face()]
    page.set_input_files("#file", files)
    page.wait_for_selector("#status:text-matches('^5 photos: .*1 × not judged, .*1 × no face')")
    names = ["a.jpg", 'b,"q".jpg', f"no.txt: {NO_PICTURE}", "=two.png", "drawing.jpg"]
    assert page.locator(".card .name").all_inner_texts() == names
    page.click("#table summary")
    rows = [row.locator("td").all_inner_texts() for row in page.locator("#rows tr").all()]
    assert [row[:2] for row in rows] == [
        ["a.jpg", "1 of 1"], ['b,"q".jpg', "1 of 1"], ["no.txt", "–"], ["=two.png", "1 of 2"], ["=two.png", "2 of 2"],
        ["drawing.jpg", "–"],
    ]  # fmt: skip
    assert rows[2][2:] == [NO_PICTURE, "–"] and rows[5][3] == "–" and rows[5][2].startswith(NO_FACE[:-1])
    with page.expect_download() as download:
        page.click("#csv")
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")  # For spreadsheets.
    table = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert tuple(table[0]) == COLUMNS
    assert [row["file"] for row in table] == [row[0].replace("=", "'=") for row in rows]
    assert [float(row["p_real"]) for row in table if row["p_real"]] == pytest.approx(p_reals(page), abs=1e-6)
    assert [row["verdict"] for row in table] == [
        *map(label_of, p_reals(page)[:2]), "", *map(label_of, p_reals(page)[2:]), "no_face",
    ]  # fmt: skip
    assert table[2]["error"] == NO_PICTURE and all(row["model"] == INFO["name"] for row in table)
    page.click("#table summary")


def test_a_long_name_leaves_the_table_s_other_columns_their_lines(page):
    page.set_input_files("#file", [photo(f"{'x' * 200}{seed}.jpg", seed) for seed in (1, 2)])
    page.wait_for_selector("#status:text-matches('^2 photos: ')")
    page.click("#table summary")
    lines = """cells => cells.map((cell) => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return new Set([...range.getClientRects()].map(({ top }) => top)).size;
    })"""
    cells = "#table th, #rows td:nth-child(2), #rows td:nth-child(4)"
    assert page.locator(cells).evaluate_all(lines) == [1] * 8
    page.click("#table summary")


def test_clear_removes_all_and_stops_what_waits(page):
    page.set_input_files("#file", [photo(f"{seed}.jpg", seed) for seed in range(12)])
    page.wait_for_selector(".card[data-verdict]")
    page.click("#clear")
    assert page.locator(".card").count() == 0
    assert not page.is_visible("#result")
    [p_real] = judged(page, photo("later.jpg", 40))
    assert page.locator(".card .name").all_inner_texts() == ["later.jpg"]
    assert page.locator("#rows tr").count() == 1
    page.wait_for_selector("#status:text-matches('^later.jpg: ')")


def test_memory_stays_flat_over_200_photos(small, context):
    page = opened(context.new_page(), small.url)
    found = {}
    for count in (50, 150):
        page.set_input_files("#file", [photo(f"{seed}.jpg", seed, size=64) for seed in range(count)])
        page.wait_for_selector(f"#status:text-matches('^{count} photos: ')", timeout=300_000)
        assert page.locator(".card[data-verdict]").count() == count
        found[count] = page.workers[0].evaluate(
            "() => [tf.memory().numTensors, tf.memory().numDataBuffers, tf.backend().wasm.HEAPU8.length]"
        )
        page.click("#clear")
    assert found[50] == found[150]


# Where it looks.


def test_the_evidence_map_is_laid_over_the_face_by_keyboard(small, context):
    page = opened(context.new_page(), small.url)
    picture = Image.blend(portrait(), Image.new("RGB", (256, 256), "blue"), 0.5)
    picture.paste((255, 0, 0), (200, 10, 250, 60))
    [p_real] = judged(page, file("red.png", encode(picture, "PNG")))
    assert p_real < 0.5 and page.is_hidden(".cover")
    page.focus(".evidence input")
    page.keyboard.press("Space")
    assert page.is_visible(".cover")
    assert page.inner_text(".evidence small").startswith("Orange: what speaks for “fake”.")
    colours = page.locator(".cover").evaluate(
        """canvas => [[225, 35], [30, 220]].map(([x, y]) =>
            [...canvas.getContext('2d').getImageData(x, y, 1, 1).data])"""
    )
    assert colours[0] == pytest.approx([214, 64, 0, 255], abs=2) and colours[1][3] == 0
    crop_box, cover_box = (page.locator(f".face {part}").bounding_box() for part in (".picture", ".cover"))
    assert crop_box == cover_box
    page.keyboard.press("Space")
    assert page.is_hidden(".cover")


def test_a_face_in_which_nothing_speaks_for_fake_says_so(small, context):
    page = opened(context.new_page(), small.url)
    grey = np.asarray(portrait().convert("L"))
    blue = np.stack([0 * grey, grey // 2, grey], axis=-1)  # Red alone speaks for "fake".
    [p_real] = judged(page, file("blue.png", encode(Image.fromarray(blue), "PNG")))
    assert p_real > 0.5
    page.check(".evidence input")
    assert page.inner_text(".evidence small") == "Nothing here speaks for “fake”."


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


def test_the_pictures_of_a_zip_are_judged_and_the_rest_is_counted(page):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in {
            "holiday/a.jpg": photo("", 1)["buffer"], "holiday/text.txt": b"text", "b.png": b"no picture",
            "__MACOSX/holiday/._a.jpg": b"x", "Thumbs.db": b"x", "holiday/": b"",
        }.items():  # fmt: skip
            z.writestr(name, content)
    page.set_input_files("#file", file("photos.zip", stream.getvalue()))
    left_out = ZIPS["left_out"].format(count=3)
    page.wait_for_selector(f"#status:text-matches('^2 photos: .* {left_out}$')")
    names = ["photos.zip/holiday/a.jpg", f"photos.zip/b.png: {NO_PICTURE}"]
    assert page.locator(".card .name").all_inner_texts() == names
    assert len(p_reals(page)) == 1


def test_a_picture_that_was_damaged_in_a_zip_is_refused_as_the_space_refuses_it(page, tmp_path):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as z:
        z.writestr("text.txt", b"text")
        for _ in range(2):  # Of one name, which the Space tells apart.
            z.writestr("a.png", encode(draw(40, 30), "BMP"))
    content = bytearray(stream.getvalue())
    content[len(content) // 2 + 1000] ^= 1  # Of the second one's pixels.
    (tmp_path / "odd.zip").write_bytes(content)
    page.set_input_files("#file", tmp_path / "odd.zip")
    page.wait_for_selector("#status:text-matches('^2 photos: ')")
    said = page.locator(".card .name").all_inner_texts()
    pictures, _ = uploads.list_pictures([uploads.Picture("odd.zip", tmp_path / "odd.zip")])
    assert said[1] == f"odd.zip/a.png: {ZIPS['odd']}" != said[0]
    for picture, sentence in zip(pictures, said, strict=True):
        with pytest.raises(PhotoError) as refused:
            read_photo(picture.read())
        assert sentence == f"{picture.name}: {refused.value}"


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"PK\x03\x04 and no more", "odd"),
        (b"PK\x05\x06" + bytes(18), "none"),
    ],
)
def test_a_zip_without_a_picture_gets_a_sentence(content, key, page):
    page.set_input_files("#file", file("odd.zip", content))
    page.wait_for_selector(f"#status.error:text-is('odd.zip: {ZIPS[key]}')")


def test_a_dropped_folder_is_judged_with_the_folders_in_it(page, tmp_path):
    (tmp_path / "holiday/day 2").mkdir(parents=True)
    (tmp_path / "holiday/a.jpg").write_bytes(photo("", 1)["buffer"])
    (tmp_path / "holiday/day 2/b.jpg").write_bytes(photo("", 2)["buffer"])
    (tmp_path / "holiday/notes.txt").write_text("text")
    session = page.context.new_cdp_session(page)
    box = page.locator("#drop").bounding_box()
    at = {"x": box["x"] + 20, "y": box["y"] + 20}
    brought = {"items": [], "files": [str(tmp_path / "holiday")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": brought})
    page.wait_for_selector("#status:text-matches('^2 photos: .* Files left out because they are not pictures: 1.$')")
    assert page.locator(".card .name").all_inner_texts() == ["holiday/a.jpg", "holiday/day 2/b.jpg"]


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_that_comes_as_an_address_gets_a_sentence(way, page):
    page.evaluate(
        """(way) => {
            const transfer = new DataTransfer();
            transfer.setData('text/html', '<img src="https://example.org/a.jpg">');
            const event = way === 'drop' ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true })
                : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true });
            document.body.dispatchEvent(event);
        }""",
        way,
    )
    page.wait_for_selector("#status.error:text-matches('^The browser gave only the address of that picture')")


def test_an_example_is_judged(page):
    for button in page.locator("#examples button").all():
        button.click()
        page.wait_for_selector(".card[data-verdict]")
        page.wait_for_selector("#status:text-matches('^[a-z-]+.jpg: ')")
        page.click("#clear")


CAMERA = """() => {
    const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    globalThis.asked = [];
    navigator.mediaDevices.getUserMedia = (wanted) => {
        asked.push(wanted);
        if (asked.length > 1) return Promise.resolve(new MediaStream()); // In which no frame ever comes.
        return globalThis.trouble ? Promise.reject(new DOMException('', trouble)) : original(wanted);
    };
}"""


def test_the_camera_is_opened_once_and_gives_no_photo_before_its_first_frame(small, context):
    page = context.new_page()
    page.add_init_script(f"({CAMERA})()")
    opened(page, small.url)
    page.locator("#use-camera").dblclick()
    page.wait_for_selector("#shoot:enabled")
    wanted = {"width": {"ideal": 1280}, "facingMode": {"ideal": "environment"}}
    assert page.evaluate("() => asked") == [{"video": wanted}]
    tracks = page.evaluate_handle("() => document.getElementById('video').srcObject.getTracks()")
    page.click("#close-camera")
    page.wait_for_function("() => document.getElementById('video').srcObject === null")
    assert tracks.evaluate("(tracks) => tracks.map(({ readyState }) => readyState)") == ["ended"]  # The light is out.
    page.click("#use-camera")
    page.locator("#camera[open]").wait_for()
    assert page.is_disabled("#shoot")


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("NotReadableError", "Another program is using the camera; close it there, or choose a photo instead."),
        ("NotAllowedError", "The camera may not be used; allow it for this page, or choose a photo instead."),
        ("NotFoundError", "There is no camera on this device; choose a photo instead."),
    ],
)
def test_a_camera_that_does_not_open_says_why(trouble, sentence, small, context):
    page = context.new_page()
    page.add_init_script(f"({CAMERA})(); globalThis.trouble = '{trouble}'")
    opened(page, small.url).click("#use-camera")
    page.wait_for_selector(f"#status.error:text-is('{sentence}')")
    assert not page.is_visible("#camera")


def test_the_camera_s_photo_is_judged(page):
    page.click("#use-camera")
    page.wait_for_selector("#camera[open]")
    page.locator("#video").evaluate(
        "video => video.videoWidth || new Promise(done => video.addEventListener('loadedmetadata', () => done(1)))"
    )
    page.click("#shoot")
    page.wait_for_selector(f"#status:text-is('camera-1: {NO_FACE}')")
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
    page.wait_for_selector(f"#status:text-is('shä red.png: {NO_FACE}')")
    assert page.url == site.url
    assert [method for method, _ in site.requests if method != "GET"] == []
    opened(page, site.url + "?shared")
    assert page.locator(".card").count() == 0


# Trouble, in words.

JPEG = encode(draw(300, 300), "JPEG")
PNG = encode(draw(300, 300), "PNG")
WEBP = encode(draw(300, 300), "WEBP")
DAMAGED = "The picture is damaged or cut off; save it again and retry."
NO_PICTURE = "This is not a JPEG, PNG, WebP, GIF or AVIF picture; choose one of those."


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
    (tmp_path / "heavy.jpg").write_bytes(JPEG + bytes(26_000_000))
    page.set_input_files("#file", tmp_path / "heavy.jpg")
    page.wait_for_selector("#status.error:text-is('heavy.jpg: The file has 26.1 MB; choose one of at most 25 MB.')")


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_too_many_pixels_are_refused_from_the_header_alone(page, format):
    large = encode(Image.new("L", (8001, 6250)), format)
    assert 8001 * 6250 > MAX_PIXELS
    # Cut off behind the header: nothing is left that a decoder could unpack.
    page.set_input_files("#file", file("large", large[:700]))
    page.wait_for_selector(
        "#status.error:text-is('large: The picture has 8001 x 6250 pixels; make it smaller than 50 megapixels.')"
    )


def test_a_file_at_the_limits_is_read_and_one_past_them_is_not(page):
    picture = encode(draw(30, 20), "PNG")
    answers = page.evaluate(
        """async (bytes) => {
            const { decode } = await import('./photo.js');
            const limits = [[0, 0], [1, 0], [0, 1]].map(([less, fewer]) =>
                ({ max_bytes: bytes.length - less, max_pixels: 600 - fewer }));
            const read = (input) => decode(new Blob([new Uint8Array(bytes)]), input);
            return Promise.all(limits.map((input) => read(input).then(() => 'read', ({ message }) => message)));
        }""",
        list(picture),
    )
    assert answers[0] == "read"
    assert answers[1].startswith("The file has ") and answers[2].startswith("The picture has 30 x 20 pixels; ")


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


EMPTY_CANVAS = """
const read = OffscreenCanvasRenderingContext2D.prototype.getImageData;
OffscreenCanvasRenderingContext2D.prototype.getImageData = function (x, y, width, height) {
  const { canvas } = this;
  return canvas.width * canvas.height > 2 ** 24 ? new ImageData(width, height) : read.call(this, x, y, width, height);
};
"""


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_a_canvas_that_answers_with_zeros_gets_a_sentence_and_no_verdict(format, small, browser):
    """As that of iOS 17 and older does from 16.7 megapixels on."""
    small.hook = lambda path: (EMPTY_CANVAS + (WEB / "worker.js").read_text()).encode() if "worker.js" in path else None
    context = browser.new_context(service_workers="block")
    try:
        page = opened(context.new_page(), small.url)
        page.set_default_timeout(TIMEOUT)
        assert judged(page, photo("small.jpg", size=2000))
        large = encode(portrait(size=4100), format)
        page.set_input_files("#file", file("large", large))
        sentence = "This browser lost a part of the picture, which may be too large for it; take a smaller one."
        page.wait_for_selector(f"#status.error:text-is('large: {sentence}')")
        assert page.locator(".card").count() == 2 and page.locator(".card[data-verdict]").count() == 1
    finally:
        small.hook = lambda path: None
        context.close()


def test_a_browser_without_webassembly_gets_a_sentence(site, context):
    page = context.new_page()
    page.add_init_script("delete globalThis.WebAssembly")
    page.goto(site.url)
    page.wait_for_selector("#status.error:text-is('This browser has no WebAssembly; use a current one.')")


def test_a_missing_model_is_named_and_another_can_be_chosen(copy, context):
    (copy.folder / MODEL).rename(copy.folder / "models/another")
    (copy.folder / "models.json").write_text(json.dumps([{"folder": MODEL}, {"folder": "models/another"}]))
    listing.write_listing(copy.folder)
    page = context.new_page()
    page.goto(copy.url)
    page.wait_for_selector("#status.error")
    text = page.text_content("#status")
    assert re.match(r"The model is missing: .*detector.json \(HTTP 404\); reload", text), text
    page.wait_for_selector(f"#model option:text-is('{Path(MODEL).name}: missing')", state="attached")
    page.click("#settings > summary")
    page.select_option("#model", index=1)
    page.wait_for_selector("#about:text-matches('^Model ')")
    assert judged(page, photo("a.jpg"))


def test_a_joined_model_without_a_test_split_is_used_and_says_so(copy, context):
    provenance = {"dataset": {"names": ["drawn"], "counts": {"valid/real": 4}}, "members": [{"model": "a"}] * 2}
    info = INFO | {"metrics": {"valid": INFO["metrics"]["valid"]}, "provenance": provenance}
    (copy.folder / MODEL / "detector.json").write_text(json.dumps(info))
    listing.write_listing(copy.folder)
    page = opened(context.new_page(), copy.url)
    about = page.inner_text("#about")
    assert about.startswith(f'Model "{INFO["name"]}", joined from a and a. How often it is right was not measured on')
    assert "right" not in page.locator("#model option").first.text_content()
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
    page.wait_for_selector(f"#loaded:text-is('0.7 of {len(content) / 1e6:.1f} MB')")
    assert page.inner_text("#status") == "Loading the model…"  # Read aloud once, not with every piece.
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
    (copy.folder / "models.json").write_text(json.dumps([{"folder": MODEL}, {"folder": "models/other"}]))
    listing.write_listing(copy.folder)
    page = opened(context.new_page(), copy.url)
    page.click("#settings > summary")
    size = sum((WEB / MODEL / name).stat().st_size for name in WEIGHTS) / 1e6
    right = 100 * INFO["metrics"]["test"]["at_threshold"]["accuracy"]
    page.wait_for_selector("#model option:nth-child(2)", state="attached")
    assert page.locator("#model option").all_inner_texts() == [
        f"{name}: {size:.1f} MB, {right:.1f} % of test images right" for name in (INFO["name"], "other")
    ]
    assert not [path for _, path in copy.requests if path.startswith("/models/other/")]
    page.select_option("#model", index=1)
    page.wait_for_selector("#about:text-matches('^Model .other., ')")
    assert len(
        [path for _, path in copy.requests if path.startswith("/models/other/") and path.endswith(".bin")]
    ) == len(WEIGHTS)
    assert 0 < judged(page, photo("a.jpg"))[0] < 1


def test_webgl_can_be_chosen_and_gives_the_same_answer(site, context):
    page = opened(context.new_page(), site.url)
    page.wait_for_selector("#backend-summary:text-matches('^WebAssembly, [0-9]+ ms for a face$')")
    assert not [path for _, path in site.requests if "webgl" in path]  # No graphics card here, so not even fetched.
    [expected] = judged(page, photo("a.jpg"))
    page.click("#settings > summary")
    page.select_option("#backend", "webgl")
    page.wait_for_selector("#backend-summary:text-matches('^WebGL, [0-9]+ ms for a face$')")
    page.click("#clear")
    assert judged(page, photo("a.jpg")) == [pytest.approx(expected, abs=BOUND)]


@pytest.fixture
def webgpu(small, playwright):
    """The page in a Chromium that has WebGPU, in software."""
    options = (
        "--enable-unsafe-webgpu --enable-features=Vulkan --use-vulkan=swiftshader --use-webgpu-adapter=swiftshader"
    )
    chromium = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=[*CHROMIUM_OPTIONS, *options.split()]
    )
    page = chromium.new_page(service_workers="block")
    page.set_default_timeout(TIMEOUT)
    yield page
    small.hook = lambda path: None
    chromium.close()


def chosen_webgpu(page, url: str) -> list[float]:
    """Go there and choose WebGPU; returns what WebAssembly says of a photo."""
    expected = judged(opened(page, url), photo("a.jpg"))
    page.wait_for_selector("#backend-summary:text-matches('^WebAssembly, ')")
    page.click("#settings > summary")
    page.select_option("#backend", "webgpu")
    page.wait_for_selector("#backend-summary:text-matches('^WebGPU, ')")
    page.click("#clear")
    return expected


def test_webgpu_gives_the_same_answer_and_is_remembered(small, webgpu):
    """With a small network, as software takes its time."""
    expected = chosen_webgpu(webgpu, small.url)
    assert judged(webgpu, photo("a.jpg")) == pytest.approx(expected, abs=BOUND)
    assert webgpu.inner_text("#backend-note") == ""
    opened(webgpu, small.url)
    webgpu.wait_for_selector("#backend-summary:text-matches('^WebGPU, ')")


LOSSES = {
    "lost": "gl.getExtension('WEBGL_lose_context').loseContext()",
    "silent": "for (;;);",
    "throws": "throw new Error('broken')",
}
LOSING = """
const original = OffscreenCanvas.prototype.getContext;
let gl, pictures = 1; // The first one came before this code.
OffscreenCanvas.prototype.getContext = function (...args) { return (gl = original.apply(this, args)); };
addEventListener('message', ({ data }) => { if (data.input && ++pictures === AT) HAPPENS; });
"""


def losing(site, at: int, happens: str) -> None:
    """Let something happen to WebGL at the self-test's second picture (2), or at the first photo (3)."""
    name = "tf-backend-webgl.es2017.min.js"
    code = (WEB / "vendor" / name).read_text() + "\n{" + LOSING.replace("AT", str(at)).replace("HAPPENS", happens) + "}"
    patient = (WEB / "backends.js").read_text()
    assert "const PATIENCE = 20_000;" in patient
    files = {name: code.encode()}
    if happens == LOSSES["silent"]:
        files["backends.js"] = patient.replace("const PATIENCE = 20_000;", "const PATIENCE = 8_000;").encode()
    site.hook = lambda path: files.get(path.split("/")[-1])


@pytest.mark.parametrize("happens", LOSSES.values(), ids=LOSSES)
def test_a_graphics_card_lost_in_its_self_test_leaves_webassembly_as_it_was(happens, small, browser):
    context = browser.new_context(service_workers="block")
    page = opened(context.new_page(), small.url)
    expected = judged(page, photo("a.jpg"))
    losing(small, 2, happens)
    try:
        opened(page, small.url)
        page.click("#settings > summary")
        page.select_option("#backend", "webgl")
        page.wait_for_selector("#backend-note:text-is('WebGL does not start on this device.')")
        assert page.inner_text("#backend-summary").startswith("WebAssembly, ")
        assert judged(page, photo("a.jpg")) == expected
    finally:
        small.hook = lambda path: None
        context.close()


@pytest.mark.parametrize("happens", LOSSES.values(), ids=LOSSES)
def test_a_graphics_card_lost_on_a_photo_is_replaced_in_the_middle_of_it(happens, small, browser):
    context = browser.new_context(service_workers="block")
    losing(small, 3, happens)
    try:
        page = opened(context.new_page(), small.url)
        expected = judged(page, photo("a.jpg"))
        page.click("#clear")
        page.click("#settings > summary")
        page.select_option("#backend", "webgl")
        page.wait_for_selector("#backend-summary:text-matches('^WebGL, ')")
        assert judged(page, photo("a.jpg")) == expected
        assert page.inner_text("#backend-note") == "WebGL stopped; WebAssembly has taken over."
        assert page.inner_text("#backend-summary").startswith("WebAssembly, ")
    finally:
        small.hook = lambda path: None
        context.close()


LOSING_DEVICE = """
const original = GPUAdapter.prototype.requestDevice;
let device, pictures = 1; // The first one came before this code.
GPUAdapter.prototype.requestDevice = async function (...args) { return (device = await original.apply(this, args)); };
addEventListener('message', ({ data }) => { if (data.input && ++pictures === 3) device.destroy(); });
"""


def test_a_webgpu_device_lost_on_a_photo_is_replaced_in_the_middle_of_it(small, webgpu):
    name = "tf-backend-webgpu.es2017.min.js"
    code = (WEB / "vendor" / name).read_text() + "\n{" + LOSING_DEVICE + "}"
    small.hook = lambda path: code.encode() if path.endswith(name) else None
    expected = chosen_webgpu(webgpu, small.url)
    assert judged(webgpu, photo("a.jpg")) == expected
    assert webgpu.inner_text("#backend-note") == "WebGPU stopped; WebAssembly has taken over."
    assert webgpu.inner_text("#backend-summary").startswith("WebAssembly, ")


def test_a_worker_that_broke_starts_anew(small, context):
    page = opened(context.new_page(), small.url)
    expected = judged(page, photo("a.jpg"))
    page.click("#clear")
    [worker] = page.workers
    with worker.expect_event("close"):
        worker.evaluate("() => { setTimeout(() => { throw new Error('broken'); }); }")
    with page.expect_worker():
        page.set_input_files("#file", photo("a.jpg"))
    page.wait_for_selector(".card[data-verdict]")
    assert p_reals(page) == expected


def test_a_backend_that_does_not_start_leaves_webassembly(site, context):
    page = opened(context.new_page(), site.url)
    page.click("#settings > summary")
    page.select_option("#backend", "webgpu")  # No graphics card here.
    page.wait_for_selector("#backend-note:text-is('WebGPU does not start on this device.')")
    assert page.inner_text("#backend-summary").startswith("WebAssembly, ")
    assert 0 < judged(page, photo("a.jpg"))[0] < 1


def test_the_chosen_model_is_remembered(small, context):
    page = opened(context.new_page(), small.url)
    page.click("#settings > summary")
    page.select_option("#model", index=1)
    page.wait_for_selector("#about:text-matches('^Model .plain., ')")
    opened(page, small.url)
    assert page.inner_text("#about").startswith('Model "plain", ')
    assert page.locator("#model").evaluate("choice => choice.selectedIndex") == 1


def test_a_remembered_backend_that_is_not_offered_gives_way_to_the_fastest(small, context):
    context.add_init_script("localStorage.setItem('backend', 'cuda')")
    page = opened(context.new_page(), small.url)
    page.wait_for_selector("#backend:enabled", state="attached")
    assert page.locator("#backend").input_value() == "auto" and page.inner_text("#status").startswith("Ready.")


def test_a_model_chosen_in_the_middle_of_photos_waits_for_them(small, context):
    page = opened(context.new_page(), small.url)
    page.click("#settings > summary")
    page.set_input_files("#file", [photo(f"{seed}.jpg", seed) for seed in range(5)])
    page.wait_for_selector("#status:text-is('Judging 5 photos…')")
    page.select_option("#model", index=1)
    page.wait_for_selector("#about:text-matches('^Model .plain., ')")
    assert page.locator(".card[data-verdict]").count() == 5 and page.locator(".card.error").count() == 0


# Where it can't start.

STATIC = "Starting… If this sentence stays, the page can not start here: it needs JavaScript"


def test_opened_as_a_file_the_page_says_what_it_needs(browser):
    page = browser.new_page()
    page.goto((WEB / "index.html").as_uri())
    assert page.inner_text("#status").startswith(STATIC) and not page.is_visible("#progress")
    page.close()


def test_without_javascript_the_page_says_what_it_needs(site, browser):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url)
    assert page.inner_text("#status").startswith(STATIC)
    context.close()


def test_a_host_that_serves_scripts_as_text_leaves_that_sentence(site, context):
    page = context.new_page()
    page.route("**/*.js", lambda route: route.fulfill(body="", content_type="text/plain"))
    page.goto(site.url)
    assert page.inner_text("#status").startswith(STATIC)


# Offline.


def test_the_list_of_files_is_the_folder_s():
    text = (WEB / listing.LISTING).read_text()
    listed = json.loads(text.partition("self.FILES = ")[2].rstrip(";\n"))
    assert listed == listing.list_files(WEB), "python -m export vendor"
    assert not [name for name in listed if name.endswith((".d.ts", ".md", "package.json"))]


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


def renewed(site) -> None:
    """Put another version of the page on its host."""
    index = site.folder / "index.html"
    index.write_text(index.read_text().replace("<h1>DeepFaceDetect</h1>", "<h1>New version</h1>"))
    listing.write_listing(site.folder)


def test_a_new_version_is_announced_and_taken_over_on_request(copy, context):
    page = stored(opened(context.new_page(), copy.url))
    assert not page.is_visible("#update")
    renewed(copy)
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


def test_a_new_version_taken_in_one_tab_reaches_the_others_without_losing_results(copy, context):
    mine, idle, busy = (stored(opened(context.new_page(), copy.url)) for _ in range(3))
    judged(busy, photo("a.jpg"))
    renewed(copy)
    opened(mine, copy.url)
    mine.wait_for_selector("#update:visible")
    mine.click("#take-over")
    for page in (mine, idle):
        page.wait_for_selector("h1:text-is('New version')")
    busy.wait_for_selector("#update:visible >> text=Another tab has taken a new version of this page.")
    assert busy.locator(".card[data-verdict]").count() == 1 and busy.is_disabled("#file")
    busy.click("#take-over")
    busy.wait_for_selector("h1:text-is('New version')")
    busy.wait_for_selector("#file:enabled", state="attached")


def test_two_copies_on_one_origin_keep_their_own_files(small, context, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(small.folder, tmp_path / name)
    site = Site(tmp_path)
    for name in ("one", "two"):
        page = stored(opened(context.new_page(), f"{site.url}{name}/"))
    site.folder = tmp_path / "two"
    renewed(site)
    opened(page, f"{site.url}two/")
    page.click("#take-over")
    page.wait_for_selector("h1:text-is('New version')")
    site.stop()
    for name, title in {"one": "DeepFaceDetect", "two": "New version"}.items():
        assert opened(page, f"{site.url}{name}/").inner_text("h1") == title


def test_an_old_page_whose_model_was_renewed_says_so(small, context, tmp_path):
    shutil.copytree(small.folder, tmp_path / "web")
    site = Site(tmp_path / "web")
    site.folder = tmp_path / "web"
    page = stored(opened(context.new_page(), site.url))
    shutil.rmtree(site.folder / "models/plain")
    red_detector(site.folder / "models/plain", evidence=True)  # Other weights than the page was stored with.
    renewed(site)
    page.click("#settings > summary")
    page.select_option("#model", index=1)
    page.wait_for_selector("#status.error:text-matches('belongs to a newer version of this page')")
    page.wait_for_selector("#update:visible")
    page.click("#take-over")
    page.wait_for_selector("h1:text-is('New version')")
    page.wait_for_selector("#about:text-matches('^Model .plain., ')")  # As it was chosen.
    site.stop()


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


def test_an_avif_is_judged_under_the_policy_and_offline(site, context):
    page = stored(opened(context.new_page(), site.url))
    before = len(site.requests)
    judged(page, {"name": "a.avif", "mimeType": "image/avif", "buffer": encode(portrait(1), "AVIF")})
    assert site.requests[before:] == []


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
    assert everything <= 5_000_000
    assert before_the_model <= 1_000_000
    assert rest_packed <= 1_150_000


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
    examples = page.locator("#examples button").count()
    card = ["a", "INPUT"] if page.is_visible(".evidence input") else ["a"]  # Its box; the map, if the model draws one.
    expected = ["file", "use-camera", *["examples"] * examples, "csv", "clear", "table", *card * 2, "settings"]
    for _ in expected:
        reached.append(page.evaluate(focused))
        assert page.evaluate(outline) != "none", reached
        page.keyboard.press("Tab")
    assert reached == expected
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
    manifest = json.loads((WEB / "manifest.webmanifest").read_text())
    [shared] = manifest["share_target"]["params"]["files"]
    assert [*shared["accept"], ".zip"] == page.get_attribute("#file", "accept").split(",")
    for icon in manifest["icons"]:
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
    page.wait_for_selector("#verdict:text-matches('^(Probably|Unsure).*; [01][.][0-9]{3}$')")
    page.close()
    site.stop()


MODULE = """async ([bytes, plain]) => {
    const { loadDetector } = await import('./detector.js');
    const detector = await loadDetector();
    const file = new File([new Uint8Array(bytes)], 'a.png');
    const caught = (promise) => promise.then(() => 'no error', (error) => error.message);
    try { return await (BODY)(detector, file, caught, new File([new Uint8Array(plain)], 'b.png')); }
    finally { detector.close(); }
}"""


def with_module(page, body: str):
    """What ``body``, an async function (detector, file with a face, caught, file without one), answers."""
    files = [list(encode(picture, "PNG")) for picture in (portrait(), draw(120, 90))]
    return page.evaluate(MODULE.replace("BODY", body), files)


def test_the_module_takes_elements_too(page):
    answers = with_module(
        page,
        """async (detector, file, caught) => {
            const image = new Image();
            image.src = URL.createObjectURL(file);
            await image.decode();
            const both = await Promise.all([detector.classify(file), detector.classify(image)]);
            const errors = [];
            for (const bad of [new Blob(['text']), new Image()]) errors.push(await caught(detector.classify(bad)));
            return [both[0].faces[0].p_real, both[1].faces[0].p_real, detector.info.name, ...errors];
        }""",
    )
    assert answers[0] == pytest.approx(answers[1], abs=1e-6)
    assert answers[2:] == [
        INFO["name"], NO_PICTURE, "There is no picture in this element yet; wait until it has loaded.",
    ]  # fmt: skip


def test_the_module_says_what_it_takes(page):
    images, backend = with_module(
        page,
        """async (detector, file, caught) => {
            const images = [undefined, null, 'photo.jpg', new ArrayBuffer(8), document.querySelector('#file').files];
            return [await Promise.all(images.map((image) => caught(detector.classify(image)))),
                await caught(detector.use('cuda'))];
        }""",
    )
    assert len(images) == 5 and len(set(images)) == 1
    assert images[0].startswith("classify() takes a File, a Blob, or what createImageBitmap() takes: ")
    assert backend == "use() takes one of: auto, wasm, webgl, webgpu."


@pytest.mark.parametrize("options", [{"folder": MODEL}, {"folder": f"/{MODEL}/"}, {"base": "/examples/.."}])
def test_the_module_takes_addresses_of_folders_as_people_write_them(page, options):
    loaded = """async (options) => {
        const { loadDetector } = await import('./detector.js');
        const detector = await loadDetector(options);
        detector.close();
        return detector.info.name;
    }"""
    assert page.evaluate(loaded, options) == INFO["name"]


def test_the_module_s_answer_has_what_it_documents(page):
    face, none, as_is = with_module(
        page,
        """async (detector, file, caught, plain) => {
            const facts = ({ faces, ...rest }) => ({ ...rest, faces: faces.map(({ pixels, evidence, ...row }) => ({
                ...row, size: [pixels.width, pixels.height], map: evidence && evidence.data.length })) });
            return [facts(await detector.classify(file)), facts(await detector.classify(plain)),
                facts(await detector.classify(plain, { asIs: true }))];
        }""",
    )
    assert face.keys() == {"verdict", "words", "faces", "rows", "width", "height", "milliseconds"}
    [row] = face["rows"]
    assert tuple(row) == COLUMNS and row["file"] == "a.png" and row["faces"] == row["face"] == 1
    assert {key: face["faces"][0][key] for key in COLUMNS} == row
    assert row["verdict"] == label_of(row["p_real"]) == face["verdict"]
    assert face["words"] == INFO["words"][row["verdict"]]
    assert [none["verdict"], none["faces"], none["words"]] == ["no_face", [], NO_FACE]
    [row] = none["rows"]
    assert [row["face"], row["faces"], row["p_real"], row["box"], row["verdict"]] == [None, 0, None, None, "no_face"]
    [judged_as_is] = as_is["faces"]
    assert judged_as_is["as_is"] and judged_as_is["box"] is None and judged_as_is["size"] == [120, 90]
    assert 0 < judged_as_is["p_real"] < 1


def test_a_call_can_be_stopped_and_the_next_one_works(page):
    answers = with_module(
        page,
        """async (detector, file, caught) => {
            const gone = AbortSignal.abort(new Error('before'));
            const stopper = new AbortController();
            const first = detector.classify(file);
            const second = detector.classify(file, { signal: stopper.signal });
            stopper.abort(new Error('meanwhile'));
            return [await caught(detector.classify(file, { signal: gone })), await caught(second),
                (await first).faces.length, (await detector.classify(file)).faces.length];
        }""",
    )
    assert answers == ["before", "meanwhile", 1, 1]


def test_many_are_classified_one_after_the_other_whatever_is_wrong_with_one(page):
    answers = with_module(
        page,
        """async (detector, file, caught, plain) => {
            const found = [];
            for await (const { verdict, error } of detector.classifyMany([file, new Blob(['text']), plain])) {
                found.push(verdict?.faces.length ?? error.message);
            }
            const stopper = new AbortController();
            const many = detector.classifyMany([file, file, file], { signal: stopper.signal });
            await many.next();
            stopper.abort(new Error('enough'));
            return [...found, await caught(many.next())];
        }""",
    )
    assert answers == [1, NO_PICTURE, 0, "enough"]


def test_a_closed_detector_answers_with_a_sentence(page):
    answers = with_module(
        page,
        """async (detector, file, caught) => {
            const waiting = caught(detector.classify(file));
            detector.close();
            return [await waiting, await caught(detector.classify(file)), await caught(detector.use('wasm'))];
        }""",
    )
    assert answers == ["The detector was closed."] * 3


def test_a_file_that_is_gone_when_its_turn_comes_gets_a_sentence(page, tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(photo("")["buffer"])
    page.evaluate(
        "() => document.body.append(Object.assign(document.createElement('input'), { type: 'file', id: 'own' }))"
    )
    page.set_input_files("#own", path)
    path.unlink()
    sentence = with_module(
        page, "async (detector, file, caught) => caught(detector.classify(document.getElementById('own').files[0]))"
    )
    page.evaluate("() => document.getElementById('own').remove()")
    assert sentence == "The file can not be read any more: it was moved or changed. Choose it again."
