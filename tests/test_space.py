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
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import gradio
import keras
import numpy as np
import pytest
import requests
from conftest import ROOT, SPACE_MODEL, TEST_IMAGES, Site, draw, encode, free_port, serve
from huggingface_hub import SpaceCard
from PIL import Image
from playwright.sync_api import expect
from skimage import data

from export.artifact.litert import to_tflite
from train.chain.read import MAX_BYTES, PhotoError, read_photo
from train.chain.verdict import COLUMNS, face_views
from train.figures import metrics
from train.networks import models
from train.spec import CLASS_NAMES, WORDS

sys.path.insert(0, str(ROOT / "space"))

import app  # noqa: E402
import charts  # noqa: E402
import detector  # noqa: E402
import judging  # noqa: E402
import uploads  # noqa: E402
import views  # noqa: E402

README = ROOT / "space/README.md"
SCOPE = "Trained on drawings; nothing else."
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
    x = keras.layers.Rescaling(1 / 255)(keras.layers.Resizing(96, 96, name=models.RESIZE_LAYER)(pixels))
    x = keras.layers.Conv2D(8, 5, strides=3, activation="relu")(x)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Dense(16, activation="relu")(keras.layers.Flatten()(x))
    return keras.Model(pixels, keras.layers.Dense(1, activation="sigmoid")(keras.layers.Dropout(0.5)(x)))


def describe(folder: Path, name: str, network: keras.Model, **more) -> None:
    """Write a network for the Space, with figures of eight images."""
    folder.mkdir(parents=True)
    to_tflite(network, folder / "model.tflite")
    labels, p_real = np.arange(8) % 2, np.array([0.1, 0.9, 0.2, 0.8, 0.7, 0.6, 0.3, 0.4])
    info = {
        "name": name,
        "classes": list(CLASS_NAMES),
        "words": WORDS,
        "scope": SCOPE,
        "evidence": len(network.outputs) > 1,
        "parameters": network.count_params(),
        "layers": [{"kind": "Conv2D", "shape": "31 × 31 × 8", "parameters": 608}],
        "input": {"size": 96},
        "threshold": 0.45,
        "unsure": {"low": 0.45, "high": 0.45, "coverage": 1.0, "accuracy": 0.75},
        "metrics": {"test": metrics.summarize(labels, p_real, 0.45, {}) | more.pop("test", {})},
        "provenance": {"dataset": {"names": ["drawn"], "counts": {"train/real": 1200, "train/fake": 1300}}},
        "files": {"model.tflite": hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest()},
    }
    (folder / "detector.json").write_text(json.dumps(info | more))


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory) -> Path:
    """The Space's folder alone, with three models: a plain one, one that has every figure, one without weights."""
    folder = tmp_path_factory.mktemp("space") / "space"
    shutil.copytree(ROOT / "space", folder, ignore=shutil.ignore_patterns("model", "models", ".venv", "__pycache__"))
    describe(folder / "models/custom", "custom", network)

    pixels = keras.Input((None, None, 3))
    small = keras.layers.Resizing(96, 96, name=models.RESIZE_LAYER)(pixels)
    evidence = keras.layers.AveragePooling2D(24)(small)[..., :1] / 255
    p_real = 0.5 + 0 * keras.ops.mean(small, axis=(1, 2))[:, :1]
    describe(
        folder / "models/evidence",
        "evidence",
        keras.Model(pixels, [p_real, evidence]),
        parameters=20_000_000,  # So that it is not the first choice, which is the smallest.
        temperature=1.5,
        unsure={"low": 0.4, "high": 0.6, "coverage": 0.8, "accuracy": 0.95},
        robustness={
            "sizes": [256, 128],
            "files": ["PNG", "JPEG 60"],
            "grid": {"fake": [[0.97, 0.9], [0.8, 0.51]], "real": [[0.99, 0.95], [0.93, 0.62]]},
            "conditions": {"grey": {"accuracy": {"fake": 0.777, "real": 0.666}, "no_face": 0}},
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
    (folder / "models/untrained").mkdir()
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


def call(url: str, endpoint: str, sent, model: str | None = None, as_is: bool = False) -> tuple[str, object]:
    """Call the API; returns "complete" or "error" and the answer, and checks that it tells nothing of the server."""
    data = {"data": [sent, model, as_is]}
    response = requests.post(f"{url}gradio_api/call/{endpoint}", json=data, timeout=60)
    assert response.status_code == 200, response.text
    answer = requests.get(f"{url}gradio_api/call/{endpoint}/{response.json()['event_id']}", timeout=120).text
    assert not TELLS.search(answer)
    event, answer = re.search(r"event: (complete|error)\ndata: (.*)", answer).groups()
    return event, json.loads(answer)


def predict(url: str, content: bytes, name: str = "photo.jpg", model: str | None = None, as_is: bool = False) -> dict:
    return predict_sent(url, upload(url, name, content), model, as_is)


def judge_as_is(url: str, content: bytes, name: str = "photo.jpg", model: str | None = None) -> dict:
    """The one row of a picture that is taken for a face, whatever it shows, but for its name."""
    [row] = predict(url, content, name, model, as_is=True)["faces"]
    assert row["file"] == name
    return {key: value for key, value in row.items() if key != "file"}


def predict_sent(url: str, *data) -> dict:
    event, answer = call(url, "predict", *data)
    assert event == "complete", answer
    return answer[0]


PHOTO = encode(draw(300, 200, 3), "JPEG")
PORTRAIT = Image.fromarray(data.astronaut())  # 512 x 512; the face is 95 pixels wide.


@pytest.mark.parametrize("size", [(224, 224), (41, 53), (1000, 700)])
def test_a_verdict_is_typed_and_the_network_s_own(url, network, size):
    content = encode(draw(*size, 1), "PNG")
    p_real = float(network(read_photo(content)[None].astype("float32"), training=False)[0, 0])
    answer = predict(url, content, "photo.png", as_is=True)
    assert answer.keys() == {"verdict", "words", "scope", "faces"}
    [row] = answer["faces"]
    verdict = "real" if p_real >= 0.45 else "fake"
    assert row.pop("p_real") == pytest.approx(p_real, abs=1e-4)
    assert row == {
        "file": "photo.png", "face": 1, "faces": 1, "box": None, "roll": None, "verdict": verdict, "unsure": False,
        "as_is": True, "advice": None, "model": "custom", "error": None,
    }  # fmt: skip
    assert (answer["verdict"], answer["words"], answer["scope"]) == (verdict, WORDS[verdict], SCOPE)


def test_inside_the_band_the_verdict_is_unsure(url):
    row = judge_as_is(url, PHOTO, model="evidence")
    assert row["p_real"] == 0.5 and row["unsure"] is True and row["verdict"] == "unsure"


def test_litert_answers_as_keras_of_the_same_network():
    network = keras.saving.load_model(SPACE_MODEL / "model.keras", compile=False)
    space = detector.read_model(SPACE_MODEL)[1]
    for picture in (PORTRAIT, draw(41, 53, 1), draw(1000, 700, 2), draw(256, 256, 3, smooth=False)):
        pixels = np.asarray(picture)
        outputs = network(pixels[None].astype("float32"), training=False)
        p_real, evidence = space.run(pixels)
        expected = {output.ndim: np.asarray(output[0]) for output in keras.tree.flatten(outputs)}
        assert abs(p_real - float(expected[2][0])) <= 0.001
        np.testing.assert_allclose(evidence, expected[4][..., 0], atol=0.01)


@pytest.mark.parametrize("name", ["residual", "xception_tuned"])
def test_the_figures_are_of_the_very_file_that_lies_beside_them(name):
    """On the images as they are; of Kaggle's test images, the chain cuts a face out of one in a hundred."""
    files = [sorted((TEST_IMAGES / each).glob("*.jpg")) for each in ("fake", "real")]
    model = detector.read_model(ROOT / "space/models" / name)[1]
    measured = model.info["metrics"]["test"]
    if [*map(len, files)] != [*measured["images"].values()]:
        pytest.skip("Kaggle's test images are not there, or are others")
    threshold = model.info["threshold"]
    said = [[model.run(np.asarray(Image.open(path)))[0] >= threshold for path in of_class] for of_class in files]
    for called, (_, called_real) in zip(said, measured["at_threshold"]["confusion_matrix"]):
        assert abs(sum(called) - called_real) <= 2


def test_a_face_is_cut_out_of_its_photo_and_judged_alone(url):
    [row] = predict(url, encode(PORTRAIT, "PNG"), "portrait.png")["faces"]
    [view] = face_views(np.asarray(PORTRAIT))
    alone = judge_as_is(url, encode(Image.fromarray(view.pixels), "PNG"), "portrait.png")
    assert (row["face"], row["faces"], row["box"]) == (1, 1, list(view.box))
    assert (row["verdict"], row["p_real"]) == (alone["verdict"], alone["p_real"])
    assert row["as_is"] is False and abs(row["roll"]) < 10


def test_each_of_several_faces_gets_a_row_and_none_gets_no_probability(url):
    two = Image.new("RGB", (1024, 512))
    two.paste(PORTRAIT, (0, 0))
    two.paste(PORTRAIT.transpose(Image.Transpose.FLIP_LEFT_RIGHT), (512, 0))
    files = [upload(url, "two.png", encode(two, "PNG")), upload(url, "none.jpg", PHOTO)]
    event, [[first, second, none]] = call(url, "predict_batch", files)
    assert event == "complete"
    assert [row["file"] for row in (first, second)] == ["two.png", "two.png"]
    assert [(row["face"], row["faces"]) for row in (first, second)] == [(1, 2), (2, 2)]
    assert abs(first["box"][0] - second["box"][0]) > 200
    answer = predict(url, encode(two, "PNG"), "two.png")
    assert answer["faces"] == [first, second]
    order = ("fake", "unsure", "real")
    assert answer["verdict"] == min((row["verdict"] for row in (first, second)), key=order.index)
    assert (none["verdict"], none["p_real"], none["face"], none["faces"]) == ("no_face", None, None, 0)
    assert none["advice"].startswith("No face was found, so there is no verdict.")
    answer = predict(url, PHOTO, "none.jpg")
    assert answer == {"verdict": "no_face", "words": answer["words"], "scope": SCOPE, "faces": [none]}
    assert answer["words"] == "No face was found, so there is no verdict."


def test_the_api_says_what_it_takes_and_answers(url):
    endpoints = requests.get(f"{url}gradio_api/info", timeout=60).json()["named_endpoints"]
    assert endpoints.keys() == {"/predict", "/predict_batch"}
    for endpoint, first in (("/predict", "photo"), ("/predict_batch", "files")):
        taken = endpoints[endpoint]["parameters"]
        assert [parameter["parameter_name"] for parameter in taken] == [first, "model", "as_is"]
        assert [parameter["parameter_has_default"] for parameter in taken] == [False, True, True]
    answer = endpoints["/predict"]["returns"][0]["type"]["properties"]
    assert answer.keys() == {"verdict", "words", "scope", "faces"}
    row = endpoints["/predict_batch"]["returns"][0]["type"]["items"]["properties"]
    assert answer["faces"]["items"]["properties"] == row
    assert tuple(row) == tuple(judging.Row.__annotations__) == COLUMNS
    assert {"type": "null"} in row["p_real"]["oneOf"] and row["file"] == {"type": "string"}
    assert all(key in endpoints["/predict"]["description"] for key in COLUMNS)


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
    assert judge_as_is(url, write(image), name) == judge_as_is(url, encode(image, "PNG"), "plain.png")


BAD = {
    "text.jpg": b"just some text",
    "a.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "cut.jpg": PHOTO[: len(PHOTO) // 2],
    "bomb.png": encode(Image.new("1", (13000, 13000)), "PNG"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_no_photo_gets_one_sentence_and_the_server_goes_on(url, name):
    with pytest.raises(PhotoError) as expected:
        read_photo(BAD[name])
    event, answer = call(url, "predict", upload(url, name, BAD[name]))
    assert event == "error" and answer["error"] == str(expected.value)
    assert answer["error"].count(".") == 1
    assert judge_as_is(url, PHOTO)["model"] == "custom"


def test_files_up_to_the_stated_size_are_judged_and_larger_ones_refused(url):
    largest = PHOTO + bytes(MAX_BYTES - len(PHOTO))
    assert judge_as_is(url, largest) == judge_as_is(url, PHOTO)
    event, answer = call(url, "predict", upload(url, "large.jpg", largest + b"1"))
    assert event == "error"
    assert answer["error"] == "The file has 25.1 MB; choose one of at most 25 MB."


def test_a_huge_upload_is_refused_unread(url):
    files = {"files": ("huge.zip", bytes(27_000_000))}
    assert requests.post(f"{url}gradio_api/upload", files=files, timeout=60).status_code == 413


def test_every_place_states_one_limit(browser, url, tmp_path):
    """Gradio's own words for a file that is refused unread, too, and in its own way of counting."""
    assert f"{MAX_BYTES / 1e6:g} MB" == "25 MB"
    assert "One photo | 25 MB, " in README.read_text() and "One zip | 25 MB |" in README.read_text()
    (tmp_path / "large.zip").write_bytes(bytes(27_000_000))
    with visit(browser, url) as page:
        page.get_by_text("drop it here, 25 MB at most").wait_for()
        open_tab(page, "Check many")
        page.get_by_text("25 MB a photo or zip at most.").wait_for()
        page.locator("input[type=file]").last.set_input_files(tmp_path / "large.zip")
        page.get_by_text("exceed the maximum allowed size of 25.0 Mb").first.wait_for()


NO_UPLOAD = "This is no upload; send the file first (in Python: handle_file(path))."


def test_what_is_no_upload_and_no_model_is_refused(url, folder):
    assert call(url, "predict", None)[1]["error"] == "Choose a photo first."
    event, answer = call(url, "predict", upload(url, "a.jpg", PHOTO), "other")
    assert event == "error" and answer["error"] == "There is no such model; choose one of: custom, evidence."
    for path in ("/etc/passwd", str(folder / "app.py"), str(folder / "models/custom/detector.json")):
        for asked in (path, {"path": path}):
            assert call(url, "predict", asked)[1]["error"] == NO_UPLOAD
            assert call(url, "predict_batch", [asked])[1]["error"] == NO_UPLOAD
        event, answer = call(url, "predict", {"path": path, "meta": {"_type": "gradio.FileData"}})
        assert event == "error" and answer["error"] is None  # Gradio's own answer.
        assert requests.get(f"{url}gradio_api/file={path}", timeout=60).status_code == 403


def test_an_address_is_refused_and_not_fetched(url, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    site = Site(tmp_path)
    for address in (f"{site.url}photo.jpg", "https://example.org/photo.jpg"):
        file = {"path": address, "url": address, "orig_name": "a.jpg", "meta": {"_type": "gradio.FileData"}}
        for asked in (("predict", file), ("predict_batch", [file])):
            event, answer = call(url, *asked)
            assert event == "error"
            assert answer["error"] == "Addresses are not fetched; download the picture and send the file."
    site.stop()
    assert site.requests == []


@pytest.mark.parametrize("key", ["path", "p\\u0061th"])
def test_no_way_of_writing_marks_an_address_as_an_upload(key):
    mark = '"meta": {"_type": "gradio.FileData"}'
    body = f'{{"data": [[{{"{key}": "http://a/", {mark}}}, "a"], null], "n": 1}}'
    expected = {"data": [[{"path": "http://a/"}, "a"], None], "n": 1}
    assert json.loads(uploads.without_addresses(body.encode())) == expected
    for kept in (b"no JSON", b'{"data": [{"path": "/tmp/a", "meta": {"_type": "gradio.FileData"}}]}', b"[" * 100_000):
        assert uploads.without_addresses(kept) == kept


def test_a_very_long_call_is_refused(url):
    answer = requests.post(f"{url}gradio_api/call/predict", json={"data": ["a" * 2_000_000]}, timeout=60)
    assert (answer.status_code, answer.text) == (413, "The call is too long; send files by an upload.")


def test_calls_without_sense_tell_nothing_of_the_server(url):
    photo = upload(url, "a.jpg", PHOTO)
    gone = photo | {"path": photo["path"] + "x"}
    wrong = ([], [photo], *([odd, None, False] for odd in ("text", {"path": None}, gone, 7)), [7, 7, 7], [{}, {}, {}])
    for sent in wrong:
        for endpoint in ("predict", "predict_batch"):
            answer = requests.post(f"{url}gradio_api/call/{endpoint}", json={"data": sent}, timeout=60)
            assert not TELLS.search(answer.text)
            if answer.status_code == 200 and sent != [photo]:
                event = answer.json()["event_id"]
                answer = requests.get(f"{url}gradio_api/call/{endpoint}/{event}", timeout=60)
                assert not TELLS.search(answer.text)
    assert requests.get(f"{url}monitoring", timeout=60).status_code != 200
    assert judge_as_is(url, PHOTO)["model"] == "custom"


def pack(contents: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return stream.getvalue()


def stored_and_encrypted(contents: dict[str, bytes]) -> bytes:
    """As PKWARE's cipher leaves files that were not packed: marked, and longer by its header of 12 bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, bytes(12) + content)
            archive.getinfo(name).flag_bits |= 1
            archive.getinfo(name).file_size -= 12
    return stream.getvalue()


def test_many_files_and_zips_get_a_row_each(url):
    bomb = pack({"bomb.png": bytes(400_000_000)})
    assert len(bomb) < 400_000
    archive = pack(
        {
            "in/a.jpg": PHOTO,
            "in/": b"",
            "__MACOSX/in/._a.jpg": b"what macOS adds",
            "in/._a.jpg": b"the same, packed elsewhere",
            "in/.DS_Store": b"macOS too",
            "in/Desktop.ini": b"what Windows adds",
            "in/thumbs.db": b"Windows too",
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
    event, [rows] = call(url, "predict_batch", [upload(url, *file) for file in files], None, True)
    assert event == "complete"
    judged = judge_as_is(url, PHOTO)
    names = ("in/a.jpg", "/absolute.jpg", "C:/drive.jpg", "in/at 12:30.jpg")
    assert [row["file"] for row in rows if not row["error"]] == ["b.jpg", *(f"c.zip/{name}" for name in names)]
    assert all(row == {"file": row["file"]} | judged for row in rows if not row["error"])
    assert {row["file"]: row["error"] for row in rows if row["error"]} == {
        "d.zip/bomb.png": "The file has 400.0 MB; choose one of at most 25 MB.",
        "e.zip": uploads.ZIPS["odd"],
        "g.zip": uploads.ZIPS["odd"],
        "h.zip": uploads.ZIPS["odd"],
        "f.zip": uploads.ZIPS["none"],
    }
    assert all(row["verdict"] is None and row["model"] == "custom" for row in rows if row["error"])


def test_no_more_is_unpacked_than_a_zip_s_header_says(tmp_path):
    archive = bytearray(pack({"bomb.png": bytes(400_000_000)}))
    entry = archive.index(uploads.ZIP_ENTRY)
    archive[entry + 24 : entry + 28] = (1000).to_bytes(4, "little")  # The size in the list of files.
    (tmp_path / "bomb.zip").write_bytes(archive)
    [picture], _ = uploads.list_pictures([uploads.Picture("bomb.zip", tmp_path / "bomb.zip")])
    tracemalloc.start()
    with pytest.raises(uploads.PhotoError, match="The zip is damaged"):
        picture.read()
    assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BYTES
    tracemalloc.stop()


def test_no_more_than_a_hundred_pictures_are_read(tmp_path):
    (tmp_path / "a.zip").write_bytes(pack({f"{i}.png": b"" for i in range(105)}))
    pictures, _ = uploads.list_pictures([uploads.Picture("a.zip", tmp_path / "a.zip")])
    assert len(pictures) == 101
    assert (pictures[99].name, pictures[100].name) == ("a.zip/99.png", "5 more")
    assert pictures[100].error == "Only the first 100 pictures were read; send the others separately."


def test_a_zip_of_very_many_files_is_not_listed(tmp_path):
    (tmp_path / "a.zip").write_bytes(pack({f"{i}": b"" for i in range(1001)}))
    [picture], _ = uploads.list_pictures([uploads.Picture("a.zip", tmp_path / "a.zip")])
    assert picture.error == "The zip holds too many files; put at most 100 pictures into one."


ZIPS = {
    "mixed": pack(
        {
            "in/a.jpg": PHOTO,
            "in/": b"",
            "b.PNG": b"no picture inside",
            "c\\d.jpeg": PHOTO,
            "note.txt": b"text",
            "in/more.zip": b"PK",
            "jpg": PHOTO,
            "__MACOSX/in/._a.jpg": b"what macOS adds",
            "in/.hidden.jpg": PHOTO,
            "Thumbs.db": b"what Windows adds",
        }
    ),
    "encrypted": stored_and_encrypted({"a.jpg": PHOTO, "note.txt": b"text"}),
    "cut off": pack({"a.jpg": PHOTO})[:300],
    "empty": pack({}),
    "text": pack({"note.txt": b"text"}),
}
LIST_ON_PAGE = """async ([content, name]) => {
  const { fromFiles } = await import('/incoming.js');
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  const { photos, leftOut } = await fromFiles([new File([bytes], name)]);
  const said = ({ read }) => read().then(({ size }) => size, ({ message }) => message);
  return [await Promise.all(photos.map(async (photo) => [photo.name, await said(photo)])), leftOut];
}"""


@pytest.mark.parametrize("kind", ZIPS)
def test_space_and_page_find_the_same_in_a_zip(kind, browser, tmp_path):
    def said(picture: uploads.Picture) -> int | str:
        try:
            return len(picture.read())
        except uploads.PhotoError as error:
            return str(error)

    (tmp_path / "a.zip").write_bytes(ZIPS[kind])
    pictures, left_out = uploads.list_pictures([uploads.Picture("photos.zip", tmp_path / "a.zip")])
    in_space = [[[picture.name, said(picture)] for picture in pictures], left_out]
    page, site = browser.new_page(), Site(ROOT / "web")
    page.goto(site.url + "models.json")
    on_page = page.evaluate(LIST_ON_PAGE, [base64.b64encode(ZIPS[kind]).decode(), "photos.zip"])
    page.close()
    site.stop()
    assert on_page == in_space
    names = ["in/a.jpg", "b.PNG", "c/d.jpeg"]
    if kind == "mixed":
        sizes = [len(PHOTO), len(b"no picture inside"), len(PHOTO)]
        assert in_space == [[[f"photos.zip/{name}", size] for name, size in zip(names, sizes)], 6]


def test_a_damaged_picture_in_a_zip_is_said_so(tmp_path):
    archive = bytearray(pack({"a.png": bytes(1000)}))
    archive[40] ^= 0xFF  # Inside the packed data.
    (tmp_path / "damaged.zip").write_bytes(archive)
    [picture], _ = uploads.list_pictures([uploads.Picture("damaged.zip", tmp_path / "damaged.zip")])
    with pytest.raises(uploads.PhotoError, match="The zip is damaged"):
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
    data = {"data": [[upload(url, "a.jpg", encode(PORTRAIT, "JPEG"))] * 4, None, False]}
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
    assert judge_as_is(url, PHOTO)["model"] == "custom"


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
        photo = Path(upload(url, "photo.jpg", PHOTO)["path"])
        assert photo.read_bytes() == PHOTO
        for _ in range(300):
            if not photo.exists():
                break
            time.sleep(0.2)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
        for example in (folder / "examples").iterdir():
            sent = {"path": str(example), "orig_name": example.name, "meta": {"_type": "gradio.FileData"}}
            assert predict_sent(url, sent)["faces"][0]["file"] == example.name


def readme_code(language: str, url: str) -> str:
    [code] = re.findall(rf"```{language}\n(.*?)```", README.read_text().partition("## Call it")[2], re.DOTALL)
    assert "https://owner-deepfacedetect.hf.space" in code
    return code.replace("https://owner-deepfacedetect.hf.space", url.rstrip("/"))


@pytest.mark.parametrize("language", ["python", "bash", "javascript"])
def test_the_readme_s_calls_work(url, tmp_path, language):
    photo = 'us, both; at "home".jpg' if language == "bash" else "photo.jpg"  # Each of these means something to curl.
    (tmp_path / photo).write_bytes(encode(PORTRAIT, "JPEG"))
    (tmp_path / "photos.zip").write_bytes(pack({"a.jpg": encode(PORTRAIT, "JPEG")}))
    (tmp_path / "node_modules").symlink_to(ROOT / "tests/node_modules")
    name = {"python": "call.py", "bash": "call.sh", "javascript": "call.mjs"}[language]
    command = {"python": sys.executable, "bash": "bash", "javascript": "node"}[language]
    code = readme_code(language, url)
    if language == "bash":
        assert "photo.jpg" in code
        code = code.replace("photo.jpg", "'us, both; at \"home\".jpg'")
    (tmp_path / name).write_text(code)
    result = subprocess.run([command, name], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    p_real = predict(url, encode(PORTRAIT, "JPEG"))["faces"][0]["p_real"]
    assert result.stdout.count(f"{p_real:.6f}"[:7]) == 3, result.stdout  # Alone, in the batch, in its zip.
    assert "a.jpg" in result.stdout


def test_the_readme_is_a_space_s_card():
    card = SpaceCard.load(README).data
    pins = dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / "space/requirements.txt").read_text(), re.MULTILINE))
    assert (card.sdk, card.sdk_version, card.app_file) == ("gradio", pins["gradio"], "app.py")
    assert card.python_version == "3.11" and card.license == "cc-by-nc-sa-4.0"
    # Hub ids alone belong there: the models lie in the folder, and none of the photos came from a data set of the Hub.
    assert card.models is None and card.datasets is None
    assert len(card.short_description) <= 60 and card.emoji and "deepfake-detection" in card.tags
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {card.colorFrom, card.colorTo} <= colours
    for path in re.findall(r"\]\(((?!http)[^)]+)\)", README.read_text()):
        assert (ROOT / "space" / path).stat().st_size <= 150_000


def test_git_pushes_the_folder_with_its_binary_files_in_lfs(tmp_path):
    ignored = shutil.ignore_patterns(".venv", "__pycache__", ".git")
    folder = Path(shutil.copytree(ROOT / "space", tmp_path / "space", ignore=ignored))
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    names = [name for name in names if not name.startswith(".git/")]
    command = ["git", "check-attr", "-z", "--stdin", "filter"]
    given = subprocess.run(command, cwd=folder, input="\0".join(names), capture_output=True, text=True, check=True)
    fields = given.stdout.split("\0")
    in_lfs = {name for name, value in zip(fields[0::3], fields[2::3]) if value == "lfs"}
    binary = {name for name in names if b"\0" in (folder / name).read_bytes()}
    assert (SPACE_MODEL / "model.tflite").relative_to(ROOT / "space").as_posix() in binary
    assert in_lfs == binary


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


def test_evidence_covers_the_face_where_it_is_high():
    evidence = np.zeros((4, 4), np.float32)
    evidence[:, :2] = 1
    face, cover = pictures_in(views.evidence_overlay(np.asarray(draw(80, 60)), evidence))
    assert face.shape == (60, 80, 3) and cover.shape == (4, 4, 4)
    assert np.array_equal(cover[..., 3], 255 * evidence) and np.all(cover[..., :3] == views.EVIDENCE_COLOUR)


@pytest.mark.parametrize(
    ("high", "place"),
    [
        (np.s_[:1, :1], "most in the upper left of the picture, and at least half as much on 11\u00a0% of it"),
        (np.s_[2:, 1:2], "in the lower middle of the picture"),
        (np.s_[1:2, 1:2], "in the middle of the picture"),
        (np.s_[1:2, :], "in the middle left of the picture, and at least half as much on 33\u00a0% of it"),
    ],
)
def test_evidence_is_described(high, place):
    evidence = np.zeros((3, 3), np.float32)
    evidence[high] = 1
    assert place in views.describe_evidence(evidence)
    assert views.describe_evidence(0 * evidence) == "On its evidence map, nothing speaks for a fake."


def test_names_of_files_are_no_html():
    row = dict.fromkeys(COLUMNS) | {"file": "<img src=x>", "model": "<i>", "error": "<b>"}
    info = {"classes": ["fake", "real"], "words": {}, "scope": "<u>"}
    table = views.batch_table([row], info)
    assert "<img" not in table and "<b>" not in table and "&lt;img src=x&gt;" in table
    summary = views.batch_summary([row], 0, info)
    assert "<u>" not in summary
    [link] = re.findall(r"href=\"data:text/csv;charset=utf-8;base64,([\w+/=]+)\"", summary)
    assert base64.b64decode(link).decode("utf-8-sig").splitlines()[0] == ",".join(COLUMNS)


def test_a_batch_is_counted_by_faces_and_files():
    row = dict.fromkeys(COLUMNS) | {"model": "m"}
    face = row | {"verdict": "fake", "p_real": 0.125, "face": 1, "faces": 2, "file": "two.jpg"}
    rows = [
        face,
        face | {"face": 2, "verdict": "real", "p_real": 0.75, "advice": "Look."},
        row | {"file": "none.jpg", "verdict": "no_face", "faces": 0, "advice": "No face."},
        row | {"file": "bad.jpg", "error": "Damaged."},
    ]
    info = {"classes": list(CLASS_NAMES), "words": WORDS, "scope": SCOPE}
    summary = views.batch_summary(rows, 0, info)
    assert "Faces: 1 fake, 1 real, 0 unsure. Of 3 files, 1 without a face, 1 not judged. " + SCOPE in summary
    others = uploads.ZIPS["left_out"].format(count=2)
    assert f"1 not judged. {others} {SCOPE}" in views.batch_summary(rows, 2, info)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", line) for line in views.batch_table(rows, info).split("</tr>")[1:-1]]
    assert cells == [
        ["two.jpg", "1 of 2", WORDS["fake"], "12.5\u00a0%"],
        ["two.jpg", "2 of 2", f'{WORDS["real"]}<p class="remark">Look.</p>', "75.0\u00a0%"],
        ["none.jpg", "No face."],
        ["bad.jpg", "Damaged."],
    ]


def test_the_smallest_model_comes_first_and_those_without_weights_last(tmp_path):
    def put(folder: Path, name: str, parameters: int | None) -> None:
        folder.mkdir(exist_ok=True)
        info = {"name": name}
        if parameters:
            (folder / "model.tflite").touch()
            info |= {"parameters": parameters, "files": {"model.tflite": hashlib.sha256(b"").hexdigest()}}
        (folder / "detector.json").write_text(json.dumps(info))

    for name, parameters in (("a", 600), ("b", 90), ("c", None), ("d", 5000)):
        put(tmp_path / name, name, parameters)
    shutil.copytree(tmp_path / "a", tmp_path / "tfjs")  # The same model for the browser.
    found = detector.find_models(tmp_path)
    assert [(name, one and one.info["name"]) for name, one in found.items()] == [*zip("bad", "bad"), ("c", None)]
    put(tmp_path, "e", 700)  # A repository's own model was chosen by who pushed it.
    assert [*detector.find_models(tmp_path)] == [*"ebadc"]
    shutil.copytree(tmp_path / "a", tmp_path / "f")
    with pytest.raises(ValueError, match="Two models in .* are called a; keep one of them"):
        detector.find_models(tmp_path)


def test_the_space_starts_with_the_model_that_the_page_starts_with():
    [first, *_] = detector.find_models(ROOT / "space/models")
    assert first == json.loads((SPACE_MODEL / "detector.json").read_text())["name"]


def test_each_detector_json_is_read_once(folder, monkeypatch):
    read, read_text = [], Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, *a, **b: read.append(path) or read_text(path, *a, **b))
    app.build(folder / "models")
    described = [path for path in read if path.name == "detector.json"]
    assert sorted(described) == sorted(folder.glob("models/*/detector.json"))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (shutil.rmtree, "models holds no detector.json; fetch the model's folder again, or write it with `python"),
        (lambda path: (path / "detector.json").write_text('{"name": '), "model/detector.json is damaged; fetch"),
        (lambda path: (path / "detector.json").write_bytes(b"\xff"), "model/detector.json is damaged; fetch"),
        (lambda path: (path / "detector.json").write_text("[]"), "model/detector.json is damaged; fetch"),
        (
            lambda path: (path / "detector.json").write_text('{"name": "model"}'),
            "model/detector.json is damaged; fetch",
        ),
        (lambda path: (path / "model.tflite").unlink(), "model/model.tflite is missing; fetch"),
        (lambda path: os.truncate(path / "model.tflite", 5), "model.tflite is not the file whose sha256 is in detec"),
    ],
)
def test_a_missing_or_damaged_model_is_said_so(damage, sentence, tmp_path):
    path = tmp_path / "models/model"
    path.mkdir(parents=True)
    (path / "model.tflite").write_bytes(b"weights")
    files = {"model.tflite": hashlib.sha256(b"weights").hexdigest()}
    (path / "detector.json").write_text(json.dumps({"name": "model", "parameters": 1, "files": files}))
    detector.find_models(tmp_path / "models")
    damage(path)
    with pytest.raises(detector.ModelError, match=re.escape(sentence)):
        detector.find_models(tmp_path / "models")


def test_an_app_without_models_ends_with_one_line(tmp_path):
    shutil.copytree(ROOT / "space", tmp_path / "space", ignore=shutil.ignore_patterns("models", ".venv", "__pycache__"))
    done = subprocess.run([sys.executable, "app.py"], cwd=tmp_path / "space", capture_output=True, text=True)
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: .*/space/models holds no detector\.json; fetch the model's folder again.*\n", done.stderr
    )


def test_a_model_that_was_measured_on_degraded_fakes_alone_is_shown(folder):
    name, found = detector.read_model(folder / "models/evidence")
    measured = found.info["robustness"]
    for of_class in (measured["grid"], measured["conditions"]["grey"]["accuracy"]):
        del of_class["real"]
    card = charts.model_card(name, found)
    assert "Share of fakes found" in card and "Share of real photos" not in card
    assert '<th scope="row">grey</th><td class="number">77.7\u00a0%</td></tr>' in card


def test_a_joined_model_names_its_members(folder):
    info = json.loads((folder / "models/custom/detector.json").read_text())
    info["provenance"] = {"dataset": {"names": ["drawn"], "counts": {"valid/real": 4}}, "members": [{"model": "a"}] * 2}
    assert charts.learnt_from(info).startswith("Joined from a and a. Of 8 test images")


def test_a_band_is_told_where_there_is_one():
    band = {"low": 0.4, "high": 0.6, "coverage": 0.8, "accuracy": 0.95}
    assert "on 80.0\u00a0% of the images, and 95.0\u00a0% of those are right." in charts._unsure(band)
    assert "on 0.0\u00a0% of the images." in charts._unsure(band | {"coverage": 0.0, "accuracy": None})
    assert charts._unsure(band | {"low": 0.6}) == ""


def test_a_deep_network_is_drawn_short():
    drawing = charts.architecture("deep", [{"kind": "Conv2D", "shape": "1 × 1 × 1", "parameters": 10}] * 50)
    assert drawing.count("<rect") == charts.MAX_LAYERS + 1
    assert "34 more layers" in drawing and "50 layers, 500 parameters" in drawing


@pytest.fixture
def page(request, browser, url):
    """The app on a desktop's screen, or on those that a test is marked with."""
    width, height = getattr(request, "param", (1280, 900))
    with visit(browser, url, viewport={"width": width, "height": height}) as page:
        yield page


on_both_screens = pytest.mark.parametrize("page", [(1280, 900), (390, 844)], ids=["desktop", "phone"], indirect=True)


TABS = {
    "Check a photo": ".examples",
    "Check many": "text=Photos or zips",
    "Models": ".card",
    "How it works": "svg.network",
}


def open_tab(page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    page.wait_for_selector(f"{TABS[name]} >> visible=true")


@on_both_screens
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
    for figure in ("0.97", "0.51", "expected error 0.012", "0.123", "from 0.400 to 0.600", "A coin", "96 × 96"):
        assert figure in evidence
    assert "grey\t77.7\u00a0%\t66.6\u00a0%" in evidence
    assert "elsewhere\t20 fake + 30 real\t60.0\u00a0%\t70.0\u00a0%\t0.765" in evidence
    assert "fakes only\t7 fake\t80.0\u00a0%" in evidence
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
        page.locator(".examples button").nth(2).click()
        page.wait_for_selector("#face-3")
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


EXAMPLES = {"person": 0, "fake": 1, "group": 2, "none": 3}


def show(page, example: str) -> None:
    page.locator(".examples button").nth(EXAMPLES[example]).click()


@on_both_screens
def test_an_example_is_judged_by_keyboard_and_shows_evidence(page):
    page.locator(".examples button").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#verdict h2:has-text('Probably')")
    assert SCOPE in page.inner_text("#verdict .verdict")
    choose_model(page, "evidence")
    page.wait_for_selector("#verdict h2:has-text('Unsure')")
    page.wait_for_selector(".overlay img.cover")
    assert "Orange marks what speaks for a fake: most in the" in page.inner_text("#face-1")
    opacity_is(page, "0.6")
    page.get_by_role("slider").last.press("Home")
    opacity_is(page, "0")
    show(page, "group")
    page.wait_for_selector("#face-3")
    opacity_is(page, "0")


@on_both_screens
def test_each_face_has_a_numbered_box_that_leads_to_its_card(page):
    show(page, "group")
    page.wait_for_selector("#face-3")
    boxes = page.locator(".photo a.box")
    assert boxes.all_inner_texts() == ["1", "2", "3"]
    photo = page.locator(".photo").bounding_box()
    for number in (1, 2, 3):
        box, card = boxes.nth(number - 1), page.locator(f"#face-{number}")
        inner = box.bounding_box()
        assert photo["x"] - 1 <= inner["x"] and inner["x"] + inner["width"] <= photo["x"] + photo["width"] + 1
        assert inner["width"] > 15 and abs(inner["width"] - inner["height"]) < 5
        words, p_real = card.locator("h3").inner_text(), card.locator("output").inner_text()
        assert words in WORDS.values() and card.locator("p").first.inner_text() == f"Face {number} of 3"
        assert box.get_attribute("aria-label") == f"Face {number} of 3: {words}"
        assert f"Face {number} of 3: {words}, {p_real}." in page.locator("#verdict .read-out li").all_text_contents()
        assert card.locator("img").first.evaluate("(image) => [image.naturalWidth, image.naturalHeight]") == [256, 256]
        box.focus()
        page.keyboard.press("Enter")
        page.wait_for_function("(id) => document.activeElement.id === id", arg=f"face-{number}")
    assert page.locator("[aria-live=polite] .verdict").count() == 1


def test_without_a_face_there_is_a_sentence_and_no_probability(page):
    show(page, "person")
    page.wait_for_selector("#face-1")
    show(page, "none")
    page.wait_for_selector("#verdict h2:has-text('No face was found, so there is no verdict.')")
    assert page.locator(".photo, .face").count() == 0
    shown = page.inner_text("#verdict")
    assert "%" not in shown and "Choose a photo that shows a face." in shown and SCOPE in shown
    page.get_by_label("Judge as it is").check()
    page.wait_for_selector("#face-1 p:has-text('Face 1 of 1, as it is')")
    assert page.locator(".photo").count() == 0


def test_a_verdict_is_small_and_the_spectrum_comes_when_it_is_asked_for(page):
    show(page, "person")
    page.wait_for_selector("#face-1")
    sizes = [page.locator(part).evaluate("(of) => of.outerHTML.length") for part in ("#verdict", ".photo", "#faces")]
    assert sum(sizes) < 80_000
    assert page.locator("img.spectrum").count() == 0
    page.get_by_text("Frequency spectrum").click()
    page.wait_for_selector("img.spectrum")
    show(page, "fake")
    page.wait_for_selector("img.spectrum", state="detached")


def test_a_bad_file_shows_its_sentence_in_place_of_the_verdict(page, tmp_path):
    page.locator(".examples button").first.click()
    page.wait_for_selector("#verdict h2:has-text('Probably')")
    page.get_by_label("Remove Image").click()
    (tmp_path / "a.jpg").write_bytes(b"<svg/>")
    page.set_input_files("input[type=file]", tmp_path / "a.jpg")
    page.wait_for_selector("#verdict .error h2:has-text('No verdict')")
    with pytest.raises(PhotoError) as expected:
        read_photo(b"<svg/>")
    assert str(expected.value) in page.inner_text("#verdict")
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
    expected = predict(url, (ROOT / "space/examples/fake.jpg").read_bytes(), model="custom")
    page.wait_for_selector(".examples button")
    gate = Gate(page)
    choose_model(page, "evidence")
    gate.wait(page)
    show(page, "person")
    show(page, "fake")
    choose_model(page, "custom")
    gate.open()
    page.wait_for_selector(f"#face-1 output:text-is('{views.percent(expected['faces'][0]['p_real'])} real')")
    expect(page.locator("#verdict h2")).to_have_text(WORDS[expected["verdict"]])


def test_a_photo_is_taken_with_the_webcam(browser, url):
    with visit(browser, url, permissions=["camera"]) as page:
        page.get_by_label("Capture from camera").click()
        page.get_by_text("Click to Access Webcam").click()
        page.wait_for_function("() => document.querySelector('#photo video').videoWidth > 0")
        page.get_by_label("capture photo").click()
        page.wait_for_selector("#verdict h2:has-text('No face was found')")  # In Chromium's test picture.
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
        page.wait_for_selector("#face-1")


def test_many_photos_are_judged_and_saved_as_csv(page, tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(encode(PORTRAIT, "JPEG") if name == "a.jpg" else b"no photo")
    open_tab(page, "Check many")
    page.locator("input[type=file]").last.set_input_files([tmp_path / "a.jpg", tmp_path / "b.jpg"])
    page.wait_for_selector("text=8.0 B")  # b.jpg's size; its name is shown in two parts.
    page.get_by_role("button", name="Judge all").click()
    page.wait_for_selector("tr.error td.file:has-text('b.jpg')")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    lines = content.decode("utf-8-sig").splitlines()
    assert lines[0] == ",".join(COLUMNS)
    assert [line.split(",")[:3] for line in lines[1:]] == [["a.jpg", "1", "1"], ["b.jpg", "", ""]]


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


def test_a_taken_port_is_said_and_not_announced_as_the_page(tmp_path):
    space = tmp_path / "space"
    shutil.copytree(ROOT / "space", space, ignore=shutil.ignore_patterns(".venv", "__pycache__", "models"))
    (tmp_path / "web").mkdir()
    (space / ".venv").mkdir()
    (space / ".venv/bin").symlink_to(Path(sys.executable).parent)
    digest = hashlib.sha256((space / "requirements.txt").read_bytes()).hexdigest()
    (space / ".venv/.installed").write_text(digest + "\n")
    site = Site(tmp_path)
    port = re.search(r":(\d+)/", site.url)[1]
    environment = os.environ | {"PAGE_PORT": port}
    result = subprocess.run(["bash", "run.sh"], cwd=space, env=environment, capture_output=True, text=True, timeout=60)
    site.stop()
    assert result.returncode == 1 and "Static page" not in result.stdout
    assert result.stderr == (
        f"error: port {port}, where the static page is to be, is taken; set PAGE_PORT to another one.\n"
    )


def test_the_space_takes_from_gradio_what_it_offers():
    code = "".join(path.read_text() for path in (ROOT / "space").glob("*.py"))
    imported = re.findall(r"^(?:import|from) gradio.*", code, re.MULTILINE)
    # Gradio's own rule for what it has checked to be an upload: a copy of it could come to differ from it.
    assert sorted(imported) == ["from gradio_client.utils import is_file_obj_with_meta", "import gradio as gr"]
    documented = {*gradio.__all__, "api", "themes"}
    assert {*re.findall(r"\bgr\.(\w+)", code)} <= documented


def test_the_folder_alone_installs_small_and_judges(folder, tmp_path):
    alone = shutil.copytree(folder, tmp_path / "space")
    port = free_port()
    install = ["bash", "-c", ". ./venv.sh && make_venv .venv requirements.txt"]
    result = subprocess.run(install, cwd=alone, capture_output=True, text=True)
    if re.search("NewConnectionError|Temporary failure in name resolution", result.stderr):
        pytest.skip("no network to install from")
    assert result.returncode == 0, result.stderr
    assert sum(path.lstat().st_size for path in (alone / ".venv").rglob("*")) < 500e6
    freeze = [alone / ".venv/bin/python", "-m", "pip", "freeze", "--disable-pip-version-check"]
    installed = subprocess.run(freeze, capture_output=True, text=True, check=True).stdout.lower().splitlines()
    pinned = re.findall(r"^[\w.-]+==\S+", (alone / "requirements.txt").read_text(), re.MULTILINE)
    assert {name.lower().replace("_", "-") for name in pinned} == {name.replace("_", "-") for name in installed}
    with serve(["bash", "run.sh"], port, cwd=alone, env=os.environ | {"GRADIO_SERVER_PORT": str(port)}) as url:
        assert judge_as_is(url, PHOTO)["verdict"] in ("real", "fake")
