"""The Space as visitors and programs meet it: a copy of its folder alone, served, and asked over HTTP."""

import base64
import concurrent.futures
import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
import requests
from conftest import ROOT, draw, encode, free_port, serve
from huggingface_hub import SpaceCard
from PIL import Image
from playwright.sync_api import expect
from skimage import data

from train import metrics
from train.chain.read import read_photo
from train.spec import CLASS_NAMES, WORDS

sys.path.insert(0, str(ROOT / "space"))

import charts  # noqa: E402
import detector  # noqa: E402
from chain import faces  # noqa: E402
import uploads  # noqa: E402
import views  # noqa: E402
from resize import resize  # noqa: E402

# The Space chooses JAX for its own process; the commands that other tests start choose for themselves.
os.environ.pop("KERAS_BACKEND", None)

README = ROOT / "space/README.md"
MODEL_KEYS = {"verdict", "p_real", "p_fake", "unsure", "threshold", "model"}
MODEL_KEYS |= {"faces", "advice", "crop_verdict", "crop_p_real"}
CURVES = {
    "calibration": {
        "after": {
            "ece": 0.012,
            "brier": 0.034,
            "bins": [
                {"confidence": 0.1, "accuracy": 0.2, "count": 4},
                {"confidence": 0.9, "accuracy": 0.8, "count": 4},
            ],
        }
    },
    "roc": {"false_accusation": [0.0, 0.25, 1.0], "fakes_found": [0.0, 0.75, 1.0]},
    "operating_points": [{"false_accusation": 0.01, "fakes_found": 0.25, "threshold": 0.123}],
}


@pytest.fixture(scope="module")
def network() -> keras.Model:
    """A small network of the kind that the Space serves, with random weights."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Resizing(96, 96)(pixels))
    x = keras.layers.Conv2D(8, 5, strides=3, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dense(16, activation="relu")(keras.layers.Flatten()(x))
    return keras.Model(pixels, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.5)(x)))


def describe(folder: Path, name: str, **more) -> None:
    """Write the detector.json of a folder's model, with figures of eight images."""
    labels, p_real = np.arange(8) % 2, np.array([0.1, 0.9, 0.2, 0.8, 0.7, 0.6, 0.3, 0.4])
    info = {
        "name": name,
        "classes": list(CLASS_NAMES),
        "words": WORDS,
        "threshold": 0.45,
        "metrics": {"test": metrics.summarize(labels, p_real, 0.45) | more.pop("test", {})},
        "provenance": {"dataset": {"names": ["drawn"], "counts": {"train/real": 1200, "train/fake": 1300}}},
        "files": {"model.keras": hashlib.sha256((folder / "model.keras").read_bytes()).hexdigest()},
    }
    (folder / "detector.json").write_text(json.dumps(info | more))


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory) -> Path:
    """The Space's folder alone, with three models: a plain one, one that has every figure, one without weights."""
    folder = tmp_path_factory.mktemp("space") / "space"
    shutil.copytree(ROOT / "space", folder, ignore=shutil.ignore_patterns("model", "models", ".venv", "__pycache__"))
    for name in ("custom", "evidence", "untrained"):
        (folder / "models" / name).mkdir(parents=True)
    network.save(folder / "models/custom/model.keras")
    describe(folder / "models/custom", "custom")

    pixels = keras.Input((None, None, 3))
    small = keras.layers.Resizing(96, 96)(pixels)
    evidence = keras.layers.AveragePooling2D(24)(small)[..., :1] / 255
    p_real = 0.5 + 0 * keras.ops.mean(small, axis=(1, 2))[:, :1]
    keras.Model(pixels, [p_real, evidence]).save(folder / "models/evidence/model.keras")
    describe(
        folder / "models/evidence",
        "evidence",
        temperature=1.5,
        unsure={"low": 0.4, "high": 0.6, "coverage": 0.8, "accuracy": 0.95},
        robustness={
            "sizes": [256, 128],
            "qualities": [95, 50],
            "roc_auc": [[0.987, 0.9], [0.8, 0.512]],
            "blur": {"2.0": 0.777},
            "noise": {"15.0": 0.666},
        },
        extra={
            "elsewhere": {
                "images": {"fake": 20, "real": 30},
                "accuracy": {"fake": 0.6, "real": 0.7},
                "all": {"roc_auc": 0.765},
            },
            "fakes only": {"images": {"fake": 7}, "accuracy": {"fake": 0.8}},
        },
        test=CURVES,
    )
    (folder / "models/untrained/detector.json").write_text(json.dumps({"name": "untrained"}))
    return folder


@pytest.fixture(scope="module")
def url(folder):
    port = free_port()
    with serve([sys.executable, "app.py"], port, cwd=folder, env=os.environ | {"GRADIO_SERVER_PORT": str(port)}) as url:
        yield url


def upload(url: str, name: str, content: bytes) -> dict:
    """Send a file as browsers do; returns what stands for it in a call."""
    response = requests.post(f"{url}gradio_api/upload", files={"files": (name, content)}, timeout=60)
    assert response.status_code == 200, response.text
    return {"path": response.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}


TELLS = re.compile(r"Traceback|\.py\b|/tmp|/home|/root|site-packages")  # What only the server should know.


def call(url: str, endpoint: str, *data) -> tuple[str, object]:
    """Call the API; returns "complete" or "error" and the answer, and checks that it tells nothing of the server."""
    response = requests.post(f"{url}gradio_api/call/{endpoint}", json={"data": data}, timeout=60)
    assert response.status_code == 200, response.text
    answer = requests.get(f"{url}gradio_api/call/{endpoint}/{response.json()['event_id']}", timeout=120).text
    assert not TELLS.search(answer)
    event, answer = re.search(r"event: (complete|error)\ndata: (.*)", answer).groups()
    return event, json.loads(answer)


def predict(url: str, content: bytes, name: str = "photo.jpg", model: str | None = None) -> dict:
    event, answer = call(url, "predict", upload(url, name, content), model)
    assert event == "complete", answer
    return answer[0]


PHOTO = encode(draw(300, 200, 3), "JPEG")
PORTRAIT = Image.fromarray(data.astronaut())  # 512 x 512; the face is 95 pixels wide.


@pytest.mark.parametrize("size", [(224, 224), (41, 53), (1000, 700)])
def test_a_verdict_is_typed_and_the_network_s_own(url, network, size):
    content = encode(draw(*size, 1), "PNG")
    p_real = float(network(read_photo(content)[None].astype("float32"), training=False)[0, 0])
    answer = predict(url, content, "photo.png")
    assert answer.keys() == MODEL_KEYS
    assert answer["p_real"] == pytest.approx(p_real, abs=1e-4)
    assert answer["p_fake"] == pytest.approx(1 - p_real, abs=1e-4)
    assert answer["threshold"] == 0.45 and answer["verdict"] == ("real" if p_real >= 0.45 else "fake")
    assert answer["unsure"] is False and answer["model"] == "custom"


def test_inside_the_band_the_verdict_is_unsure(url):
    answer = predict(url, PHOTO, model="evidence")
    assert answer["p_real"] == 0.5 and answer["unsure"] is True and answer["verdict"] == "unsure"


def test_a_small_face_is_judged_alone_too(url):
    answer = predict(url, encode(PORTRAIT, "PNG"))
    pixels = np.asarray(PORTRAIT)
    crop = Image.fromarray(faces.aligned_crop(pixels, faces.find_faces(pixels)[0]))
    of_crop = predict(url, encode(crop, "PNG"))
    assert answer["faces"] == 1 and answer["advice"].startswith("The face is small in this picture")
    assert (answer["crop_verdict"], answer["crop_p_real"]) == (of_crop["verdict"], of_crop["p_real"])
    assert of_crop["faces"] == 1
    assert [of_crop[key] for key in ("advice", "crop_verdict", "crop_p_real")] == [None] * 3


def test_several_faces_and_none_are_said_so(url):
    two = Image.new("RGB", (1024, 512))
    two.paste(PORTRAIT, (0, 0))
    two.paste(PORTRAIT, (512, 0))
    files = [upload(url, "two.png", encode(two, "PNG")), upload(url, "none.jpg", PHOTO)]
    event, [[several, none]] = call(url, "predict_batch", files, None)
    assert event == "complete"
    assert several["faces"] == 2 and several["advice"].startswith("2 faces were found")
    assert none["faces"] == 0 and none["advice"] == "No face was found; the verdict is for the whole picture."
    assert several["crop_verdict"] is None and none["crop_verdict"] is None
    assert several["p_real"] == predict(url, encode(two, "PNG"))["p_real"]


def test_the_api_says_what_it_takes_and_answers(url):
    endpoints = requests.get(f"{url}gradio_api/info", timeout=60).json()["named_endpoints"]
    assert endpoints.keys() == {"/predict", "/predict_batch"}
    answer = endpoints["/predict"]["returns"][0]["type"]["properties"]
    assert answer.keys() == MODEL_KEYS
    assert answer["p_real"] == {"type": "number"} and answer["faces"] == {"type": "integer"}
    row = endpoints["/predict_batch"]["returns"][0]["type"]["items"]["properties"]
    assert row.keys() == MODEL_KEYS | {"file", "error"}
    assert {"type": "null"} in row["p_real"]["oneOf"] and row["file"] == {"type": "string"}
    assert "JPEG, PNG or WebP" in endpoints["/predict"]["description"]
    assert all(key in endpoints["/predict"]["description"] for key in MODEL_KEYS - {"model"})


def rotated(image: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 3
    return encode(image.transpose(Image.Transpose.ROTATE_180), "PNG", exif=exif)


def sixteen_bits(image: Image.Image) -> bytes:
    """An RGB PNG with two bytes a channel, which Pillow can't write; the low byte is noise."""
    pixels = np.asarray(image).astype(">u2") << 8 | 0x7F
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", *image.size, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def opaque(image: Image.Image) -> bytes:
    image = image.copy()
    image.putalpha(255)
    return encode(image, "PNG")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("rotated.png", rotated),
        ("animated.webp", lambda i: encode(i, "WEBP", save_all=True, append_images=[draw(90, 70, 9)], lossless=True)),
        ("animated.png", lambda i: encode(i, "PNG", save_all=True, append_images=[draw(90, 70, 9)])),
        ("sixteen.png", sixteen_bits),
        ("alpha.png", opaque),
    ],
)
def test_one_picture_gets_one_verdict_however_it_is_stored(url, name, write):
    image = draw(90, 70, 4)
    assert predict(url, write(image), name) == predict(url, encode(image, "PNG"), "plain.png")


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("grey.jpg", draw(90, 70, 5).convert("L")),
        ("cmyk.jpg", draw(90, 70, 5).convert("CMYK")),
        ("palette.png", draw(90, 70, 5).convert("P")),
    ],
)
def test_other_colour_modes_are_judged_as_rgb(url, name, image):
    content = encode(image, "JPEG" if name.endswith("jpg") else "PNG")
    assert predict(url, content, name) == predict(url, encode(Image.fromarray(read_photo(content)), "PNG"), "rgb.png")


BAD = [
    ("text.jpg", b"just some text", "This is not a JPEG, PNG or WebP picture; choose one of those."),
    ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "This is not a JPEG, PNG or WebP picture; choose one of"),
    ("a.gif", encode(draw(20, 20), "GIF"), "This is not a JPEG, PNG or WebP picture"),
    ("cut.jpg", PHOTO[: len(PHOTO) // 2], "The picture is damaged or cut off; save it again and retry."),
    ("bomb.png", encode(Image.new("1", (13000, 13000)), "PNG"), "13000 x 13000 pixels; make it smaller than 25 mega"),
    ("large.jpg", PHOTO + bytes(5_000_001), "The file is larger than 5 MB; save the photo smaller and retry."),
]


@pytest.mark.parametrize(("name", "content", "sentence"), BAD, ids=[name for name, *_ in BAD])
def test_a_file_that_is_no_photo_gets_one_sentence_and_the_server_goes_on(url, name, content, sentence):
    event, answer = call(url, "predict", upload(url, name, content), None)
    assert event == "error" and sentence in answer["error"]
    assert answer["error"].count(".") == 1
    assert predict(url, PHOTO)["model"] == "custom"


def test_a_huge_upload_is_refused_unread(url):
    files = {"files": ("huge.zip", bytes(26_000_000))}
    assert requests.post(f"{url}gradio_api/upload", files=files, timeout=60).status_code == 413


def test_what_is_no_upload_and_no_model_is_refused(url, folder):
    assert call(url, "predict", None, None) == ("error", {"error": "Choose a photo first."} | call_extras(url))
    event, answer = call(url, "predict", upload(url, "a.jpg", PHOTO), "other")
    assert event == "error" and answer["error"] == "There is no such model; choose one of: custom, evidence."
    for path in ("/etc/passwd", str(folder / "examples/astronaut.jpg"), str(folder / "app.py")):
        for meta in ({"meta": {"_type": "gradio.FileData"}}, {}):
            for asked in (("predict", {"path": path} | meta), ("predict_batch", [{"path": path} | meta])):
                event, answer = call(url, *asked, None)
                assert event == "error" and answer["error"] in (None, "This is no upload; send the file first.")
        assert requests.get(f"{url}gradio_api/file={path}", timeout=60).status_code == 403


def test_calls_without_sense_tell_nothing_of_the_server(url):
    photo = upload(url, "a.jpg", PHOTO)
    wrong = ([], [photo], ["text", None], [{"path": None}, None], [photo | {"path": photo["path"] + "x"}, None], [7, 7])
    for sent in wrong:
        for endpoint in ("predict", "predict_batch"):
            answer = requests.post(f"{url}gradio_api/call/{endpoint}", json={"data": sent}, timeout=60)
            assert not TELLS.search(answer.text)
            if answer.status_code == 200 and sent != [photo]:
                event = answer.json()["event_id"]
                answer = requests.get(f"{url}gradio_api/call/{endpoint}/{event}", timeout=60)
                assert not TELLS.search(answer.text)
    assert requests.get(f"{url}monitoring", timeout=60).status_code != 200
    assert predict(url, PHOTO)["model"] == "custom"


def call_extras(url: str) -> dict:
    """What Gradio adds to every error beside its sentence."""
    _, answer = call(url, "predict", None, None)
    return {key: value for key, value in answer.items() if key != "error"}


def pack(contents: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_many_files_and_zips_get_a_row_each(url):
    bomb = pack({"bomb.png": bytes(400_000_000)})
    assert len(bomb) < 400_000
    archive = pack(
        {
            "in/a.jpg": PHOTO,
            "in/": b"",
            "__MACOSX/in/._a.jpg": b"what macOS adds",
            "../../escaped.jpg": PHOTO,
            "/absolute.jpg": PHOTO,
            "C:\\drive.jpg": PHOTO,
            "in/at 12:30.jpg": PHOTO,
            "note.txt": b"text",
        }
    )
    odd_version = archive.replace(uploads.ZIP_ENTRY + b"\x14\x03\x14", uploads.ZIP_ENTRY + b"\x14\x03\xff")
    odd_name = pack({"ü.jpg": PHOTO}).replace("ü".encode(), b"\xfc\xfc")  # Said to be UTF-8.
    files = [("b.jpg", PHOTO), ("c.zip", archive), ("d.zip", bomb), ("e.zip", archive[:300]), ("f.zip", pack({}))]
    files += [("g.zip", odd_version), ("h.zip", odd_name)]
    event, [rows] = call(url, "predict_batch", [upload(url, *file) for file in files], None)
    assert event == "complete"
    judged = predict(url, PHOTO)
    assert [row["file"] for row in rows if not row["error"]] == ["b.jpg", "in/a.jpg", "in/at 12:30.jpg"]
    assert all({key: row[key] for key in MODEL_KEYS} == judged for row in rows if not row["error"])
    assert {row["file"]: row["error"] for row in rows if row["error"]} == {
        "escaped.jpg": "The zip gives this file a path outside itself; pack the pictures again.",
        "drive.jpg": "The zip gives this file a path outside itself; pack the pictures again.",
        "absolute.jpg": "The zip gives this file a path outside itself; pack the pictures again.",
        "note.txt": "This is not a JPEG, PNG or WebP picture; choose one of those.",
        "bomb.png": "The file is larger than 5 MB; save the photo smaller and retry.",
        "e.zip": uploads.ODD_ZIP,
        "g.zip": uploads.ODD_ZIP,
        "h.zip": uploads.ODD_ZIP,
        "f.zip": "The zip is empty; put JPEG, PNG or WebP pictures into it.",
    }
    assert all(row["verdict"] is None for row in rows if row["error"])


def test_no_more_than_a_hundred_pictures_are_read(tmp_path):
    (tmp_path / "a.zip").write_bytes(pack({f"{i}.png": b"" for i in range(105)}))
    pictures = uploads.list_pictures([uploads.Picture("a.zip", tmp_path / "a.zip")])
    assert len(pictures) == 101
    assert (pictures[99].name, pictures[100].name) == ("99.png", "5 more")
    assert pictures[100].error == "Only the first 100 pictures were read; send the others separately."


def test_a_zip_of_very_many_files_is_not_listed(tmp_path):
    (tmp_path / "a.zip").write_bytes(pack({f"{i}": b"" for i in range(1001)}))
    [picture] = uploads.list_pictures([uploads.Picture("a.zip", tmp_path / "a.zip")])
    assert picture.error == "The zip holds too many files; put at most 100 pictures into one."


def test_a_damaged_or_encrypted_picture_in_a_zip_is_said_so(tmp_path):
    archive = bytearray(pack({"a.png": bytes(1000)}))
    archive[40] ^= 0xFF  # Inside the packed data.
    (tmp_path / "damaged.zip").write_bytes(archive)
    archive = bytearray(pack({"a.png": bytes(1000)}))
    archive[archive.index(uploads.ZIP_ENTRY) + 8] |= 1
    (tmp_path / "encrypted.zip").write_bytes(archive)
    for name, sentence in (("damaged.zip", "The zip is damaged"), ("encrypted.zip", "The zip is encrypted")):
        [picture] = uploads.list_pictures([uploads.Picture(name, tmp_path / name)])
        with pytest.raises(uploads.PhotoError, match=sentence):
            picture.read()


@contextlib.contextmanager
def visit(browser, url: str, **options):
    """A browser's page that shows the Space, ready to use; it asks no other server for anything."""
    context = browser.new_context(**options)
    context.set_default_timeout(120_000)  # A busy machine takes its time.
    page = context.new_page()
    addresses = []
    page.on("request", lambda asked: addresses.append(asked.url))
    page.goto(url)
    page.wait_for_selector(".examples button")
    yield page
    assert [address for address in addresses if not address.startswith((url, "blob:", "data:"))] == []
    context.close()


def test_a_full_queue_says_so_and_empties(url, browser):
    data = {"data": [[upload(url, "a.jpg", PHOTO)] * 5, None]}
    responses, enough = [], threading.Event()

    def ask() -> None:
        while not enough.is_set():
            responses.append(requests.post(f"{url}gradio_api/call/predict_batch", json=data, timeout=60))

    with visit(browser, url) as page, concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(ask)
        try:
            while not any(response.status_code == 503 for response in responses):
                page.wait_for_timeout(50)
            told = page.get_by_text("This application is currently busy. Please try again.")
            for attempt in range(50):  # One of the 40 may be done just now, and leave room for this one.
                page.locator(".examples button").nth(attempt % 2).click()
                page.wait_for_timeout(500)
                if told.count():
                    break
            assert told.count()
        finally:
            enough.set()
    accepted = [response.json()["event_id"] for response in responses if response.status_code == 200]
    refused = [response for response in responses if response.status_code != 200]
    assert len(accepted) >= 40
    assert all(response.status_code == 503 and "Queue is full" in response.text for response in refused)
    assert '"p_real"' in requests.get(f"{url}gradio_api/call/predict_batch/{accepted[-1]}", timeout=300).text
    assert predict(url, PHOTO)["model"] == "custom"


def test_uploads_are_deleted_and_examples_stay(folder, tmp_path):
    """The app's own clock, only faster: Gradio deletes what is older than KEEP."""
    assert re.search(r"^CLEAN_EVERY, KEEP = 300, 3300$", (folder / "app.py").read_text(), re.MULTILINE)
    faster = (
        "import app; app.CLEAN_EVERY, app.KEEP = 1, 2; "
        "app.build(app.models_folder()).launch(footer_links=[], enable_monitoring=False)"
    )
    port = free_port()
    environment = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(tmp_path)}
    with serve([sys.executable, "-c", faster], port, cwd=folder, env=environment) as url:
        kept = {path for path in tmp_path.rglob("*") if path.is_file()}
        assert {path.name for path in kept} == {"astronaut.jpg", "astronaut-face.jpg", "drawing.jpg"}
        photo = Path(upload(url, "photo.jpg", PHOTO)["path"])
        assert photo.read_bytes() == PHOTO
        for _ in range(300):
            if not photo.exists():
                break
            time.sleep(0.2)
        assert {path for path in tmp_path.rglob("*") if path.is_file()} == kept


def readme_code(language: str, url: str) -> str:
    [code] = re.findall(rf"```{language}\n(.*?)```", README.read_text().partition("## Call it")[2], re.DOTALL)
    assert "https://owner-deepfacedetect.hf.space" in code
    return code.replace("https://owner-deepfacedetect.hf.space", url.rstrip("/"))


@pytest.mark.parametrize("language", ["python", "bash", "javascript"])
def test_the_readme_s_calls_work(url, tmp_path, language):
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    (tmp_path / "photos.zip").write_bytes(pack({"a.jpg": PHOTO}))
    (tmp_path / "node_modules").symlink_to(ROOT / "tests/node_modules")
    name = {"python": "call.py", "bash": "call.sh", "javascript": "call.mjs"}[language]
    command = {"python": sys.executable, "bash": "bash", "javascript": "node"}[language]
    (tmp_path / name).write_text(readme_code(language, url))
    result = subprocess.run([command, name], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(f"{predict(url, PHOTO)['p_real']:.6f}"[:7]) == 3  # Alone, in the batch, in its zip.
    assert "a.jpg" in result.stdout and "photo.jpg" in result.stdout


def test_the_readme_is_a_space_s_card():
    card = SpaceCard.load(README).data
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "space/requirements.txt").read_text(), re.MULTILINE))
    assert (card.sdk, card.sdk_version, card.app_file) == ("gradio", pins["gradio"], "app.py")
    assert card.python_version == "3.11" and card.license == "mit"
    assert len(card.short_description) <= 60 and card.emoji and "deepfake-detection" in card.tags
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {card.colorFrom, card.colorTo} <= colours
    for path in re.findall(r"\]\(((?!http)[^)]+)\)", README.read_text()):
        assert (ROOT / "space" / path).stat().st_size <= 150_000


@pytest.mark.parametrize("shape", [(96, 96), (50, 70), (301, 203), (1, 5)])
def test_resizing_is_that_of_the_networks(shape):
    pixels = np.random.default_rng(8).integers(0, 256, (*shape, 3), np.uint8)
    expected = keras.layers.Resizing(96, 96)(pixels[None].astype("float32"))[0]
    np.testing.assert_allclose(resize(pixels, 96), np.asarray(expected), atol=1e-2)


def pictures_in(html: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/\w+;base64,([\w+/=]+)", html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))) for content in found]


def test_a_regular_pattern_shows_as_dots_in_the_spectrum():
    """Every eighth column brighter: a dot at an eighth of the sampling rate, left and right of the middle."""
    pixels = np.full((600, 700, 3), 100, np.uint8)
    pixels[:, ::8] += 50
    [image] = pictures_in(views.spectrum(pixels))
    assert image.shape == (512, 512)
    row = image[256].astype(int)
    assert row[256 + 64] > 200 and row[256 - 64] > 200
    assert row[256 + 32] < row[256 + 64] / 2
    assert image[100, 256] < row[256 + 64] / 2


def test_evidence_covers_the_photo_where_it_is_high():
    evidence = np.zeros((4, 4), np.float32)
    evidence[:, :2] = 1
    photo, cover = pictures_in(views.evidence_overlay(np.asarray(draw(80, 60)), evidence))
    assert photo.shape == (60, 80, 3) and cover.shape == (60, 80, 4)
    assert cover[30, 5, 3] == 255 and cover[30, 75, 3] == 0


@pytest.mark.parametrize(
    ("high", "place"),
    [
        (np.s_[:1, :1], "in the upper left of the picture, and at least half as strong on 11 % of it"),
        (np.s_[2:, 1:2], "in the lower middle of the picture"),
        (np.s_[1:2, 1:2], "in the middle of the picture"),
        (np.s_[1:2, :], "in the middle left of the picture, and at least half as strong on 33 % of it"),
    ],
)
def test_evidence_is_described(high, place):
    evidence = np.zeros((3, 3), np.float32)
    evidence[high] = 1
    assert place in views.describe_evidence(evidence)
    assert views.describe_evidence(0 * evidence) == "On this map, nothing in the picture speaks for a fake."


def test_names_of_files_are_no_html():
    row = dict.fromkeys(["file", "error", "verdict", "p_real"]) | {"file": "<img src=x>", "error": "<b>"}
    info = {"classes": ["fake", "real"], "words": {}}
    table = views.batch_table([row], info)
    assert "<img" not in table and "<b>" not in table and "&lt;img src=x&gt;" in table
    [link] = re.findall(r"href=\"data:text/csv;charset=utf-8;base64,([\w+/=]+)\"", views.batch_summary([row], info))
    assert base64.b64decode(link).decode().splitlines() == ["file,error,verdict,p_real", "<img src=x>,<b>,,"]


def test_the_best_model_comes_first_and_those_without_weights_last(tmp_path):
    for name, accuracy in (("a", 0.6), ("b", 0.9), ("c", 0.99), ("d", None)):
        (tmp_path / name).mkdir()
        metrics = {"test": {"at_threshold": {"accuracy": accuracy}}} if accuracy else {}
        (tmp_path / name / "detector.json").write_text(json.dumps({"name": name, "metrics": metrics}))
        if name != "c":
            (tmp_path / name / "model.keras").touch()
    shutil.copytree(tmp_path / "a", tmp_path / "tfjs")  # The same model for the browser.
    assert list(detector.find_models(tmp_path).items()) == [(name, tmp_path / name) for name in "badc"]
    shutil.copytree(tmp_path / "a", tmp_path / "e")
    with pytest.raises(ValueError, match="Two models in .* are called a; keep one of them"):
        detector.find_models(tmp_path)


def test_a_deep_network_is_drawn_short():
    drawing = charts.architecture("deep", [("Conv2D", "1 × 1 × 1", 10)] * 50)
    assert drawing.count("<rect") == charts.MAX_LAYERS + 1
    assert "34 more layers" in drawing and "50 layers, 500 parameters" in drawing


@pytest.fixture(params=[(1280, 900), (390, 844)], ids=["desktop", "phone"])
def page(request, browser, url):
    width, height = request.param
    with visit(browser, url, viewport={"width": width, "height": height}) as page:
        yield page


TABS = {
    "Check a photo": ".examples",
    "Check many": "text=Photos or zips",
    "Models": ".card",
    "How it works": "svg.network",
}


def open_tab(page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    page.wait_for_selector(f"{TABS[name]} >> visible=true")


def test_every_tab_fits_and_shows_the_figures(page, network):
    for tab in [*TABS, "Models"]:
        open_tab(page, tab)
        width = page.viewport_size["width"]
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width, tab
    cards = {title: page.locator(".card", has=page.locator(f"h2:text-is('{title}')")) for title in
             ("custom", "evidence", "untrained")}  # fmt: skip
    assert "Not trained here: there are no weights." in cards["untrained"].inner_text()
    assert [row.split()[0] for row in page.locator(".overview tbody tr").all_inner_texts()] == [*cards]
    assert page.locator(".overview tr:has-text('untrained')").inner_text().split("\t")[1] == "not trained here"
    evidence = cards["evidence"].inner_text()
    for figure in ("0.987", "0.512", "expected error 0.012", "0.123", "from 0.400 to 0.600", "A coin", "96 × 96"):
        assert figure in evidence
    for figure in ("sigma 2.0 pixels\t0.777", "sigma 15.0 of 255\t0.666"):
        assert figure in evidence
    assert "elsewhere\t20 fake + 30 real\t60.0 %\t70.0 %\t0.765" in evidence
    assert "fakes only\t7 fake\t80.0 %" in evidence
    assert cards["evidence"].locator("svg").count() == 2
    assert f"{network.count_params():,} parameters in " in cards["custom"].inner_text()


def axe(page) -> list[tuple[str, list[str]]]:
    """What axe-core finds: each rule with the elements that break it."""
    found = page.evaluate("() => axe.run()")["violations"]
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_tab(browser, url, scheme):
    with visit(browser, url, color_scheme=scheme) as page:
        page.add_script_tag(path=ROOT / "tests/node_modules/axe-core/axe.min.js")
        # Gradio fades in what it shows; half faded, its colours have no contrast.
        page.add_style_tag(content="*, ::before, ::after { transition: none !important; animation: none !important }")
        assert page.evaluate("() => document.body.classList.contains('dark')") == (scheme == "dark")
        assert axe(page) == []
        page.locator(".examples button").first.click()
        page.wait_for_selector(".crop")
        page.get_by_text("Frequency spectrum").click()
        page.wait_for_selector("img.spectrum")
        for tab in TABS:
            open_tab(page, tab)
            assert axe(page) == [], tab


def choose_model(page, name: str) -> None:
    page.locator("input[aria-label=Model]").first.click()
    page.get_by_role("option", name=name).click()


def opacity_is(page, opacity: str) -> None:
    page.wait_for_function("(o) => getComputedStyle(document.querySelector('img.cover')).opacity === o", arg=opacity)


def test_an_example_is_judged_by_keyboard_and_shows_evidence(page):
    page.locator(".examples button").nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict h2:has-text('Probably')")
    choose_model(page, "evidence")
    page.wait_for_selector("#verdict h2:has-text('Unsure')")
    page.wait_for_selector(".overlay img.cover")
    assert "Orange marks what speaks for a fake. It is strongest in the" in page.inner_text("figure:has(.overlay)")
    opacity_is(page, "0.6")
    page.get_by_role("slider").last.press("Home")
    opacity_is(page, "0")
    page.locator(".examples button").nth(2).click()
    page.wait_for_selector("#verdict .notice:has-text('No face was found')")
    opacity_is(page, "0")
    assert page.locator("[aria-live=polite] .verdict").count() == 1


def test_a_small_face_gets_a_card_of_its_own(page):
    page.locator(".examples button").first.click()
    page.wait_for_selector(".notice:has-text('The face is small in this picture')")
    card = page.locator(".verdict.crop")
    assert card.locator("h3").inner_text() in WORDS.values()
    assert card.locator("img").evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [256, 256]
    page.locator(".examples button").nth(1).click()
    page.wait_for_selector("#verdict:not(:has(.crop)) .verdict")
    assert page.locator("#verdict .notice").count() == 0


def test_a_bad_file_shows_its_sentence_in_place_of_the_verdict(page, tmp_path):
    page.locator(".examples button").first.click()
    page.wait_for_selector("#verdict h2:has-text('Probably')")
    page.get_by_label("Remove Image").click()
    (tmp_path / "a.jpg").write_bytes(b"<svg/>")
    page.set_input_files("input[type=file]", tmp_path / "a.jpg")
    page.wait_for_selector("#verdict .error:has-text('This is not a JPEG, PNG or WebP picture')")
    assert page.locator(".verdict").count() == 1


class Gate:
    """Holds the server's answers to a page back until it is opened."""

    def __init__(self, page):
        self._waiting = []
        self._is_open = False
        page.route("**/queue/data*", self._arrive)

    def _arrive(self, route) -> None:
        if self._is_open:
            route.continue_()
        else:
            self._waiting.append(route)

    def wait(self, page) -> None:
        """Until the page waits for an answer."""
        while not self._waiting:
            page.wait_for_timeout(20)

    def open(self) -> None:
        self._is_open = True
        for route in self._waiting:
            route.continue_()


def test_a_bad_files_answer_leaves_the_photo_chosen_after_it(page, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"<svg/>")
    (tmp_path / "good.png").write_bytes(encode(PORTRAIT, "PNG"))
    gate = Gate(page)
    page.set_input_files("input[type=file]", tmp_path / "bad.jpg")
    gate.wait(page)
    page.get_by_label("Remove Image").click()
    page.set_input_files("input[type=file]", tmp_path / "good.png")
    page.wait_for_selector("#photo img[src*='good.png']")
    gate.open()
    page.wait_for_selector("#verdict h2:has-text('Probably')")
    assert page.locator("#photo img").get_attribute("src").endswith("good.png")


def test_the_last_of_many_choices_is_the_one_judged(page, url):
    """An example, another model and another example while the first is being judged."""
    expected = predict(url, (ROOT / "space/examples/astronaut-face.jpg").read_bytes(), model="custom")
    page.wait_for_selector(".examples button")
    gate = Gate(page)
    choose_model(page, "evidence")
    gate.wait(page)
    page.locator(".examples button").nth(2).click()
    page.locator(".examples button").nth(1).click()
    choose_model(page, "custom")
    gate.open()
    page.wait_for_selector(f"#verdict output:text-is('{views.percent(expected['p_real'])}')")
    expect(page.locator("#verdict h2")).to_have_text(WORDS[expected["verdict"]])


def test_a_photo_is_taken_with_the_webcam(browser, url):
    with visit(browser, url, permissions=["camera"]) as page:
        page.get_by_label("Capture from camera").click()
        page.get_by_text("Click to Access Webcam").click()
        page.wait_for_function("() => document.querySelector('#photo video').videoWidth > 0")
        page.get_by_label("capture photo").click()
        page.wait_for_selector("#verdict h2:has-text('Probably')")
        size = page.locator("#photo img").evaluate("(image) => [image.naturalWidth, image.naturalHeight]")
        assert 0 < size[0] <= 1280 and 0 < size[1] <= 720


def test_a_photo_is_pasted(browser, url):
    content = base64.b64encode(encode(PORTRAIT, "PNG")).decode()
    with visit(browser, url, permissions=["clipboard-read", "clipboard-write"]) as page:
        page.evaluate(
            """async (content) => {
              const blob = await (await fetch(`data:image/png;base64,${content}`)).blob();
              await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
            }""",
            content,
        )
        page.get_by_label("Paste from clipboard").click()
        page.wait_for_selector("#verdict .notice:has-text('The face is small in this picture')")


def test_many_photos_are_judged_and_saved_as_csv(page, tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(PHOTO if name == "a.jpg" else b"no photo")
    open_tab(page, "Check many")
    page.locator("input[type=file]").last.set_input_files([tmp_path / "a.jpg", tmp_path / "b.jpg"])
    page.wait_for_selector("text=8.0 B")  # b.jpg's size; its name is shown in two parts.
    page.get_by_role("button", name="Judge all").click()
    page.wait_for_selector("tr.error:has-text('This is not a JPEG')")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert lines[0] == "file,error,verdict,p_real,p_fake,unsure,threshold,model,faces,advice,crop_verdict,crop_p_real"
    assert [line.split(",")[0] for line in lines[1:]] == ["a.jpg", "b.jpg"]


def test_a_long_batch_shows_how_far_it_is(browser, url, tmp_path):
    (tmp_path / "many.zip").write_bytes(pack({f"{i}.jpg": PHOTO for i in range(40)}))
    with visit(browser, url) as page:
        open_tab(page, "Check many")
        page.locator("input[type=file]").last.set_input_files(tmp_path / "many.zip")
        page.wait_for_selector(".file-preview")
        page.get_by_role("button", name="Judge all").click()
        page.wait_for_selector("text=/\\d+\\/40 photos/")
        page.wait_for_selector("text=0 not judged")
        assert page.locator("td.file").count() == 40


def test_the_folder_alone_installs_small_and_judges(folder, tmp_path):
    alone = shutil.copytree(folder, tmp_path / "space")
    port = free_port()
    install = ["bash", "-c", ". ./venv.sh && make_venv .venv requirements.txt"]
    result = subprocess.run(install, cwd=alone, capture_output=True, text=True)
    if re.search("NewConnectionError|Temporary failure in name resolution", result.stderr):
        pytest.skip("no network to install from")
    assert result.returncode == 0, result.stderr
    assert sum(path.lstat().st_size for path in (alone / ".venv").rglob("*")) < 1.5e9
    with serve(["bash", "run.sh"], port, cwd=alone, env=os.environ | {"GRADIO_SERVER_PORT": str(port)}) as url:
        assert predict(url, PHOTO)["verdict"] in ("real", "fake")
