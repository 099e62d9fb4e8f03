"""The face check: what it finds and says, and that the page finds and says the same as the Space.

The one real face is NASA's portrait of Eileen Collins, in the public domain, which scikit-image ships.
"""

import functools
import http.server
import json
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from conftest import ROOT, draw
from PIL import Image
from skimage import data

import export.faces
from export import vendor
from train.chain import faces

PORTRAIT = Image.fromarray(data.astronaut())  # 512 x 512; the face is 95 pixels wide, at its upper middle.
EYES_NOSE_MOUTH = {"right_eye": (204, 101), "left_eye": (247, 103), "nose": (224, 129), "mouth": (224, 146)}  # By eye.


def on_canvas(width: int, height: int, *places: tuple[int, int]) -> np.ndarray:
    """The portrait, once for each upper left corner, on grey; uint8 (height, width, 3)."""
    canvas = Image.new("RGB", (width, height), (128, 128, 128))
    for place in places:
        canvas.paste(PORTRAIT, place)
    return np.asarray(canvas)


def crop_of(pixels: np.ndarray) -> np.ndarray:
    return faces.aligned_crop(pixels, faces.find_faces(pixels)[0])


def of_numbers(found: list[faces.Face]) -> np.ndarray:
    """Box and keypoints of each face, float (faces, 16)."""
    return np.array([[*face.box, *sum(face.keypoints.values(), ())] for face in found]).reshape(-1, 16)


PICTURES = {
    "portrait": np.asarray(PORTRAIT),
    "close": np.asarray(PORTRAIT.crop((140, 40, 310, 210)).resize((400, 400), Image.Resampling.BICUBIC)),
    "two": on_canvas(1024, 512, (0, 0), (512, 0)),
    "far": on_canvas(1500, 1000, (700, 300)),
    "farther": on_canvas(1400, 2000, (300, 1100)),
    "tilted": np.asarray(PORTRAIT.rotate(25, Image.Resampling.BICUBIC)),
    "at the edge": np.asarray(PORTRAIT.crop((185, 75, 512, 400))),
    "tiny": np.asarray(PORTRAIT.resize((256, 256), Image.Resampling.BOX)),
    "drawn": np.asarray(draw(700, 400, 1)),
    "drawn rough": np.asarray(draw(300, 650, 2, smooth=False)),
    "a line": np.asarray(draw(3, 900, 3)),
}


def test_the_face_is_where_it_is():
    [face] = faces.find_faces(PICTURES["portrait"])
    for name, place in EYES_NOSE_MOUTH.items():
        assert np.hypot(*np.subtract(face.keypoints[name], place)) < 10, name
    left, top, right, bottom = face.box
    assert left < 204 and right > 247 and top < 101 and bottom > 146
    assert right - left == pytest.approx(95, abs=10)
    assert 0.5 <= face.score <= 1


def test_a_mirrored_face_swaps_its_sides():
    [face] = faces.find_faces(np.ascontiguousarray(PICTURES["portrait"][:, ::-1]))
    right, left = EYES_NOSE_MOUTH["right_eye"], EYES_NOSE_MOUTH["left_eye"]
    assert face.keypoints["right_eye"] == pytest.approx((512 - left[0], left[1]), abs=10)
    assert face.keypoints["left_eye"] == pytest.approx((512 - right[0], right[1]), abs=10)


@pytest.mark.parametrize(("name", "places"), [("far", [(700, 300)]), ("two", [(0, 0), (512, 0)])])
def test_faces_are_found_wherever_they_are(name, places):
    found = faces.find_faces(PICTURES[name])
    assert len(found) == len(places)
    noses = sorted(face.keypoints["nose"] for face in found)
    assert noses == [pytest.approx((224 + x, 129 + y), abs=12) for x, y in places]


@pytest.mark.parametrize("size", [(1, 1), (2, 700), (700, 2), (128, 128), (129, 257), (1300, 300)])
def test_a_picture_of_any_shape_without_a_face_has_none(size):
    assert faces.find_faces(np.asarray(draw(*size, seed=7))) == []


@pytest.mark.parametrize(
    ("name", "situation", "sentence"),
    [
        ("close", None, None),
        ("drawn", "none", "No face was found; the verdict is for the whole picture."),
        ("two", "several", "2 faces were found; the verdict is for the whole picture."),
        ("tiny", "tiny", r"The face is only 4\d pixels wide"),
        ("portrait", "small", "The face is small in this picture; go by the crop around it alone"),
        ("far", "small", "The face is small in this picture;"),
    ],
)
def test_the_advice_fits_the_picture(name, situation, sentence):
    height, width = PICTURES[name].shape[:2]
    found = faces.find_faces(PICTURES[name])
    assert faces.situation(found, width, height) == situation
    advice = faces.advice(found, width, height)
    assert re.match(sentence, advice) if sentence else advice is None


def test_a_much_smaller_face_beside_it_is_no_second_one():
    large, small = (faces.Face((0, 0, side, side), 0.9, {}) for side in (200, 90))
    assert faces.situation([large, small], 400, 400) is None
    assert faces.situation([large, large, small], 400, 400) == "several"
    assert faces.advice([large, large, small], 400, 400).startswith("2 faces")


def test_the_crop_is_the_square_that_ffhq_takes():
    """Eyes 256 pixels apart, mouth 200 below: by the recipe the square around them is 1024 wide, here all there is."""
    picture = draw(1024, 1024, 5)
    face = faces.Face((300, 300, 700, 700), 1, {"right_eye": (384, 492), "left_eye": (640, 492), "mouth": (512, 692)})
    crop = faces.aligned_crop(np.asarray(picture), face)
    assert crop.shape == (256, 256, 3) and crop.dtype == np.uint8
    expected = np.asarray(picture.resize((256, 256), Image.Resampling.BILINEAR), int)
    assert np.abs(crop - expected).max() <= 1


@pytest.mark.parametrize("name", ["portrait", "far", "farther", "tilted", "two"])
def test_the_cropped_face_is_upright_and_as_large_as_in_the_training_data(name):
    crop = crop_of(PICTURES[name])
    [face] = faces.find_faces(crop)
    (right_x, right_y), (left_x, left_y) = face.keypoints["right_eye"], face.keypoints["left_eye"]
    assert abs(np.degrees(np.arctan2(left_y - right_y, left_x - right_x))) < 6
    assert (right_x + left_x) / 2 == pytest.approx(128, abs=10)
    assert (right_y + left_y) / 2 == pytest.approx(120, abs=10)
    assert 0.5 < face.width / 256 < 0.7
    assert faces.situation([face], 256, 256) is None


def test_what_the_crop_needs_beyond_the_edge_is_mirrored():
    crop = crop_of(PICTURES["at the edge"])
    assert crop.min(axis=2)[:30].mean() > 50  # Black, were nothing there.


def test_threads_do_not_mix_their_faces_up():
    names = ["portrait", "close", "two", "tilted"] * 8
    expected = {name: faces.find_faces(PICTURES[name]) for name in names}
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda name: faces.find_faces(PICTURES[name]), names)) == [expected[n] for n in names]


def test_the_converted_network_is_the_original():
    interpreter = Interpreter(str(vendor.BLAZEFACE))
    interpreter.allocate_tensors()
    pixels = np.random.default_rng(0).uniform(-1, 1, (1, 128, 128, 3)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
    interpreter.invoke()
    expected = {o["name"]: interpreter.get_tensor(o["index"]) for o in interpreter.get_output_details()}
    outputs = export.faces.rebuild(vendor.BLAZEFACE)(pixels).numpy()
    np.testing.assert_allclose(outputs[..., :16], expected["regressors"], atol=1e-3)
    np.testing.assert_allclose(outputs[..., 16:], expected["classificators"], atol=1e-3)


def test_the_pages_network_is_the_converted_one(tmp_path):
    export.faces.convert(vendor.BLAZEFACE, tmp_path)
    for folder, source in vendor.CONVERTED.items():
        assert source == vendor.BLAZEFACE
        for file in tmp_path.iterdir():
            assert (folder / file.name).read_bytes() == file.read_bytes(), "python -m export vendor"


def test_the_page_loads_little_for_its_face_check():
    files = [ROOT / "web/faces.js", ROOT / "web/vendor/faces.json", *(ROOT / "web/vendor/blazeface").iterdir()]
    assert sum(file.stat().st_size for file in files) < 300_000


WORKER = """
import './vendor/tf-core.es2017.min.js';
import './vendor/tf-converter.es2017.min.js';
import './vendor/tf-backend-wasm.es2017.min.js';
import { loadFaces } from './faces.js';

const { tf } = self;
async function load() {
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  tf.wasm.setWasmPaths('vendor/');
  await tf.setBackend('wasm');
  return loadFaces(tf);
}
const loading = load();
onmessage = async ({ data: pixels }) => {
  const { findFaces, alignedCrop, situation, advice } = await loading;
  const before = tf.memory().numTensors;
  const faces = await findFaces(pixels);
  const { width, height } = pixels;
  postMessage({
    faces,
    situation: situation(faces, width, height),
    advice: advice(faces, width, height),
    crop: faces.length ? Array.from((await alignedCrop(pixels, faces[0])).data) : null,
    leaked: tf.memory().numTensors - before,
  });
};
"""

PAGE = """
const worker = new Worker('test-worker.js', { type: 'module' });
worker.onerror = (event) => (document.getElementById('answer').textContent = JSON.stringify({ error: event.message }));
worker.onmessage = ({ data }) => (document.getElementById('answer').textContent = JSON.stringify(data));
document.getElementById('file').onchange = async ({ target }) => {
  document.getElementById('answer').textContent = '';
  const bitmap = await createImageBitmap(target.files[0], { colorSpaceConversion: 'none' });
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
  context.drawImage(bitmap, 0, 0);
  worker.postMessage(context.getImageData(0, 0, bitmap.width, bitmap.height));
};
"""


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A page with the real one's policy, whose worker checks the chosen file for faces."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(ROOT / "web/vendor", folder / "vendor")
    for name in ("faces.js", "model.js", "checked.js"):
        shutil.copy(ROOT / "web" / name, folder)
    index = (ROOT / "web/index.html").read_text()
    [policy] = re.findall(r'<meta\s+http-equiv="Content-Security-Policy".*?/>', index, re.DOTALL)
    body = '<input type="file" id="file"><pre id="answer"></pre><script type="module" src="test-page.js"></script>'
    (folder / "index.html").write_text(f'<!doctype html><html lang="en"><meta charset="utf-8">{policy}{body}</html>')
    (folder / "test-worker.js").write_text(WORKER)
    (folder / "test-page.js").write_text(PAGE)
    handler = functools.partial(QuietHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page
        page.close()
        server.shutdown()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def in_browser(page, pixels: np.ndarray, file: Path) -> dict:
    """What the page's worker answers about these pixels."""
    Image.fromarray(pixels).save(file)
    page.set_input_files("#file", file)
    page.wait_for_selector("#answer:not(:empty)", state="attached", timeout=60_000)
    return json.loads(page.text_content("#answer"))


@pytest.mark.parametrize("name", PICTURES)
def test_the_page_finds_and_says_the_same(name, page, tmp_path):
    pixels = PICTURES[name]
    height, width = pixels.shape[:2]
    answer = in_browser(page, pixels, tmp_path / "picture.png")
    expected = faces.find_faces(pixels)
    found = [
        faces.Face(tuple(f["box"]), f["score"], {name: tuple(point) for name, point in f["keypoints"].items()})
        for f in answer["faces"]
    ]
    assert len(found) == len(expected)
    np.testing.assert_allclose(of_numbers(found), of_numbers(expected), atol=0.05)
    assert [face.score for face in found] == pytest.approx([face.score for face in expected], abs=0.001)
    assert [face.keypoints.keys() for face in found] == [face.keypoints.keys() for face in expected]
    assert answer["situation"] == faces.situation(expected, width, height)
    assert answer["advice"] == faces.advice(expected, width, height)
    if expected:
        crop = np.array(answer["crop"]).reshape(256, 256, 4)
        assert np.abs(crop[..., :3] - faces.aligned_crop(pixels, expected[0]).astype(int)).max() <= 5
        assert (crop[..., 3] == 255).all()
    assert answer["leaked"] == 0
