"""The face search: what it finds, how it cuts faces out, and that the page does the same.

The one real face is NASA's portrait of Eileen Collins, in the public domain, which scikit-image ships.
"""

import base64
import dataclasses
import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from conftest import ROOT, Site, draw, encode
from PIL import Image, ImageOps
from skimage import data

import export.upkeep.faces
from export.upkeep import vendor
from train.chain import faces, verdict
from train.chain.faces import FACTS
from train.chain.read import read_photo

PORTRAIT = Image.fromarray(data.astronaut())  # 512 x 512; the face is 95 pixels wide, at its upper middle.
EYES_NOSE_MOUTH = {"right_eye": (204, 101), "left_eye": (247, 103), "nose": (224, 129), "mouth": (224, 146)}  # By eye.


def on_canvas(width: int, height: int, *places: tuple[int, int]) -> np.ndarray:
    """The portrait, once for each upper left corner, on grey; uint8 (height, width, 3)."""
    canvas = Image.new("RGB", (width, height), (128, 128, 128))
    for place in places:
        canvas.paste(PORTRAIT, place)
    return np.asarray(canvas)


def crop_of(pixels: np.ndarray) -> np.ndarray:
    return faces.cut(pixels, faces.find_faces(pixels)[0])


def roll(degrees: float) -> np.ndarray:
    """The portrait turned clockwise."""
    return np.asarray(PORTRAIT.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90)))


def framed(width: int, colour, quality: int) -> np.ndarray:
    """The portrait in a frame, stored as JPEG."""
    frame = Image.new("RGB", (512 + 2 * width,) * 2, colour)
    frame.paste(PORTRAIT, (width, width))
    return read_photo(encode(frame, "JPEG", quality=quality))


def hidden() -> np.ndarray:
    """The portrait with half the face behind a board: the network sees it, but is not sure when it looks closer."""
    pixels = np.array(PORTRAIT)
    pixels[50:200, 170:230] = 128
    return pixels


def two_sizes(second: float) -> np.ndarray:
    """The portrait and a smaller one, by a factor, in front of a wide wall."""
    canvas = Image.new("RGB", (1100, 700), (128, 128, 128))
    canvas.paste(PORTRAIT, (0, 50))
    side = round(512 * second)
    canvas.paste(PORTRAIT.resize((side, side)), (1090 - side, 300))
    return np.asarray(canvas)


def aligned_before_another() -> np.ndarray:
    """A loosely cut, yet aligned face, with another one behind it."""
    picture = PORTRAIT.crop((132, 12, 336, 216)).resize((408, 408), Image.Resampling.BICUBIC)
    other = PORTRAIT.crop((165, 50, 285, 180)).resize((134, 146), Image.Resampling.BICUBIC)
    picture.paste(other, (274, 262))
    return np.asarray(picture)


ALIGNED = PORTRAIT.crop((139, 27, 309, 197)).resize((256, 256), Image.Resampling.BICUBIC)
PICTURES = {
    "portrait": np.asarray(PORTRAIT),
    "close": np.asarray(PORTRAIT.crop((140, 40, 310, 210)).resize((400, 400), Image.Resampling.BICUBIC)),
    "two": on_canvas(1024, 512, (0, 0), (512, 0)),
    "far": on_canvas(1500, 1000, (700, 300)),
    "farther": on_canvas(1400, 2000, (300, 1100)),
    "tilted": roll(-25),
    "turned": roll(140),
    "on its head": np.asarray(PORTRAIT)[::-1, ::-1],
    "framed": framed(20, "white", 80),
    "aligned": np.asarray(ALIGNED),
    "aligned in a frame": np.asarray(ImageOps.expand(ALIGNED, 20, "white")),
    "aligned before another": aligned_before_another(),
    "large": np.asarray(PORTRAIT.resize((2600, 2600), Image.Resampling.BICUBIC)),
    "at the edge": np.asarray(PORTRAIT.crop((185, 75, 512, 400))),
    "at the lower right edge": np.asarray(PORTRAIT.crop((0, 0, 262, 165))),
    "half hidden": hidden(),
    "two sizes": two_sizes(0.6),
    "two very different sizes": two_sizes(0.4),
    "a crowd": np.tile(np.asarray(PORTRAIT)[:240, 90:360], (5, 5, 1)),
    "small, on its head": on_canvas(1024, 1024, (0, 0))[::-2, ::-2],
    "tiny": np.asarray(PORTRAIT.resize((256, 256), Image.Resampling.BOX)),
    "drawn": np.asarray(draw(700, 400, 1)),
    "drawn rough": np.asarray(draw(300, 650, 2, smooth=False)),
    "cat": data.chelsea(),
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


@pytest.mark.parametrize("name", ["chelsea", "coffee", "hubble_deep_field", "rocket"])
def test_what_is_no_persons_face_is_none(name):
    assert faces.find_faces(getattr(data, name)()) == []


def test_a_much_smaller_face_beside_it_is_left_out():
    assert len(faces.find_faces(PICTURES["two very different sizes"])) == 1
    assert len(faces.find_faces(PICTURES["two sizes"])) == 2


def test_no_more_than_twenty_faces_are_taken():
    assert len(faces.find_faces(PICTURES["a crowd"])) == FACTS["most"] == 20


def test_a_face_that_is_found_in_two_sizes_is_looked_at_once(monkeypatch):
    looked, run = [], faces._run
    monkeypatch.setattr(faces, "_run", lambda square: looked.append(square) or run(square))
    assert len(faces.find_faces(PICTURES["portrait"])) == 1
    assert len(looked) == 1 + 9 + 6  # The whole photo; its parts; the face in four turns, then upright and mirrored.


def test_a_face_that_is_not_sure_is_none():
    assert faces.find_faces(PICTURES["half hidden"]) == []


def test_whoever_stands_behind_an_aligned_face_is_left_out():
    assert len(faces.find_faces(PICTURES["aligned before another"])) == 2
    assert [view.as_is for view in verdict.face_views(PICTURES["aligned before another"])] == [True]


@pytest.mark.parametrize("degrees", [0, 15, -45, 90, 130, -160, 180])
def test_a_face_is_found_at_any_roll(degrees):
    [face] = faces.find_faces(roll(degrees))
    off = (face.roll - degrees - 2 + 180) % 360 - 180  # Her head leans by 2 degrees.
    assert abs(off) < 6
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    for name, place in EYES_NOSE_MOUTH.items():
        assert face.keypoints[name] == pytest.approx(turn @ np.subtract(place, 256) + 256, abs=8), name


@pytest.mark.parametrize("width", [1, 3, 10, 60])
@pytest.mark.parametrize("colour", ["white", "black", (20, 60, 160)])
@pytest.mark.parametrize("quality", [60, 95])
def test_a_frame_is_trimmed(width, colour, quality):
    pixels = framed(width, colour, quality)
    box = faces.trim(pixels)
    assert np.abs(np.subtract(box, [width, width, 512 + width, 512 + width])).max() <= 1


def test_bars_and_a_frame_in_a_frame_are_trimmed():
    canvas = np.zeros((900, 700, 3), np.uint8)
    canvas[150:750] = 255
    canvas[200:712, 100:612] = PORTRAIT
    assert faces.trim(canvas) == (100, 200, 612, 712)
    canvas[:, :] = 30
    canvas[:512, 188:] = PORTRAIT
    assert faces.trim(canvas) == (188, 0, 700, 512)


def test_what_only_looks_like_a_border_stays():
    portrait = np.asarray(PORTRAIT)
    assert faces.trim(portrait) == (0, 0, 512, 512)
    flat = np.full((300, 200, 3), 90, np.uint8)
    assert faces.trim(flat) == (0, 0, 200, 300)
    y, x = np.mgrid[:400, :400]
    head = np.where((np.hypot(x - 200, y - 220) < 120)[..., None], 40, flat[0, 0]).astype(np.uint8)
    assert faces.trim(head) == (0, 0, 400, 400)


def test_an_aligned_face_is_told_from_others():
    def is_aligned(pixels):
        return faces.is_aligned(pixels, faces.find_faces(pixels)[0])

    aligned = Image.fromarray(PICTURES["aligned"])
    assert is_aligned(np.asarray(aligned))
    assert is_aligned(np.asarray(aligned.resize((1024, 1024), Image.Resampling.BICUBIC)))
    assert not is_aligned(np.asarray(aligned.rotate(15, Image.Resampling.BICUBIC)))
    assert not is_aligned(np.asarray(aligned.crop((0, 0, 256, 240))))
    assert not is_aligned(PICTURES["portrait"])


def face_in_square(x: float, y: float, side: float) -> faces.Face:
    """A face whose square has this centre and side."""
    facts = FACTS["square"]
    eye_to_eye, down = side / 2 / facts["eyes"], 0.2 * side
    eyes = y - facts["down"] * down
    keypoints = {"right_eye": (x - eye_to_eye / 2, eyes), "left_eye": (x + eye_to_eye / 2, eyes)}
    return faces.Face((0, 0, 1, 1), 1, keypoints | {"mouth": (x, eyes + down)})


@pytest.mark.parametrize("side", [150, 300, 700, 900])
def test_the_cut_is_the_square_that_the_facts_give(side):
    """Of a slope whatever is symmetric leaves the slope."""
    y, x = np.mgrid[:1000, :1000]
    slope = np.stack([x / 4, y / 4, (x + y) / 8], axis=-1)
    cut = faces.cut(np.floor(slope + 0.5).astype(np.uint8), face_in_square(480, 520, side))
    assert cut.shape == (256, 256, 3) and cut.dtype == np.uint8
    y, x = ((np.mgrid[:256, :256] + 0.5) / 256 - 0.5) * 0.94 * side + np.array([520, 480])[:, None, None] - 0.5
    assert np.abs(cut - np.stack([x / 4, y / 4, (x + y) / 8], axis=-1)).max() <= 1.01


def test_what_lies_beside_a_turned_picture_is_not_cut_out_with_it():
    """The square that is found may be 6 % larger than the picture was."""
    photo = np.zeros((1000, 1000, 3), np.uint8)
    photo[300:700, 300:700] = 255
    assert faces.cut(photo, face_in_square(500, 500, 400 * 1.06)).min() == 255


@pytest.mark.parametrize("side", [600, 700, 900])
def test_the_cut_has_no_moire(side):
    checks = np.tile(np.array([[0, 255], [255, 0]], np.uint8)[..., None], (500, 500, 3))
    cut = faces.cut(checks, face_in_square(500, 500, side))
    assert cut.min() > 95 and cut.max() < 160


@pytest.mark.parametrize("name", ["portrait", "far", "farther", "tilted", "turned", "on its head", "two", "large"])
def test_the_cropped_face_is_upright_and_as_large_as_in_the_training_data(name):
    crop = crop_of(PICTURES[name])
    [face] = faces.find_faces(crop)
    (right_x, right_y), (left_x, left_y) = face.keypoints["right_eye"], face.keypoints["left_eye"]
    assert abs(np.degrees(np.arctan2(left_y - right_y, left_x - right_x))) < 6
    assert (right_x + left_x) / 2 == pytest.approx(128, abs=10)
    assert (right_y + left_y) / 2 == pytest.approx(120, abs=10)
    assert 0.5 < face.width / 256 < 0.7
    assert faces.is_aligned(crop, face)


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
    outputs = export.upkeep.faces.rebuild(vendor.BLAZEFACE)(pixels).numpy()
    np.testing.assert_allclose(outputs[..., :16], expected["regressors"], atol=1e-3)
    np.testing.assert_allclose(outputs[..., 16:], expected["classificators"], atol=1e-3)


def test_the_pages_network_is_the_converted_one(tmp_path):
    export.upkeep.faces.convert(vendor.BLAZEFACE, tmp_path)
    for folder, source in vendor.CONVERTED.items():
        assert source == vendor.BLAZEFACE
        for file in tmp_path.iterdir():
            assert (folder / file.name).read_bytes() == file.read_bytes(), "python -m export vendor"


def test_the_page_loads_little_for_its_face_check():
    files = [ROOT / "web/faces.js", ROOT / "web/vendor/faces.json", *(ROOT / "web/vendor/blazeface").iterdir()]
    assert sum(file.stat().st_size for file in files) < 300_000


INFO = {
    "name": "custom",
    "threshold": 0.5,
    "unsure": {"low": 0.4, "high": 0.6},
    "words": {"fake": "A fake", "real": "A photo", "unsure": "Unsure"},
    "p_real": [0.7, 0.0000004, 0.4],
}

WORKER = """
import './vendor/tf-core.es2017.min.js';
import './vendor/tf-converter.es2017.min.js';
import './vendor/tf-backend-wasm.es2017.min.js';
import { errorRow, loadChain, pictureVerdict, rows, toCsv, words } from './chain.js';

const { tf } = self;
async function load() {
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  tf.wasm.setWasmPaths('vendor/');
  await tf.setBackend('wasm');
  return loadChain(tf);
}
const loading = load();
onmessage = async ({ data: { pixels, info } }) => {
  const { facts, faceViews } = await loading;
  const before = tf.memory().numTensors;
  const views = await faceViews(pixels);
  const said = rows('=photo, "one".png', views, views.map((_, index) => info.p_real[index % 3]), info, facts);
  postMessage({
    views: views.map((view) => ({ ...view, pixels: Array.from(view.pixels.data) })),
    rows: said,
    verdict: pictureVerdict(said),
    words: words(said, info, facts),
    csv: toCsv([...said, errorRow('bad.png', 'No.', info)]),
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
  const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
  worker.postMessage({ pixels, info: INFO });
};
"""


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """A page with the real one's policy, whose worker checks the chosen file for faces."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(ROOT / "web/vendor", folder / "vendor")
    for name in ("chain.js", "faces.js", "model.js", "checked.js"):
        shutil.copy(ROOT / "web" / name, folder)
    index = (ROOT / "web/index.html").read_text()
    [policy] = re.findall(r'<meta\s+http-equiv="Content-Security-Policy".*?/>', index, re.DOTALL)
    body = '<input type="file" id="file"><pre id="answer"></pre><script type="module" src="test-page.js"></script>'
    (folder / "index.html").write_text(f'<!doctype html><html lang="en"><meta charset="utf-8">{policy}{body}</html>')
    (folder / "test-worker.js").write_text(WORKER)
    (folder / "test-page.js").write_text(f"const INFO = {json.dumps(INFO)};{PAGE}")
    site = Site(folder)
    page = browser.new_page()
    page.goto(site.url)
    yield page
    page.close()
    site.stop()


def in_browser(page, pixels: np.ndarray, file: Path) -> dict:
    """What the page's worker answers about these pixels."""
    Image.fromarray(pixels).save(file)
    page.set_input_files("#file", file)
    page.wait_for_selector("#answer:not(:empty)", state="attached", timeout=60_000)
    return json.loads(page.text_content("#answer"))


@pytest.mark.parametrize("name", PICTURES)
def test_the_page_finds_cuts_and_says_the_same(name, page, tmp_path):
    pixels = PICTURES[name]
    answer = in_browser(page, pixels, tmp_path / "picture.png")
    expected = verdict.face_views(pixels)
    assert len(answer["views"]) == len(expected)
    for view, other in zip(answer["views"], expected):
        assert view["box"] == pytest.approx(other.box, abs=1)
        assert view["roll"] == pytest.approx(other.roll, abs=0.1)
        same = ("face", "faces", "advice", "tiny")
        assert [view[key] for key in same] == [getattr(other, key) for key in same]
        assert view["asIs"] == other.as_is
        cut = np.array(view["pixels"]).reshape(*other.pixels.shape[:2], 4)
        off = np.abs(
            cut[..., :3] - other.pixels.astype(int)
        )  # The networks' keypoints differ by hundredths of a pixel.
        assert off.mean() <= 0.3 and off.max() <= 10
        assert (cut[..., 3] == 255).all()
    p_real = [INFO["p_real"][index % 3] for index in range(len(expected))]
    rows = verdict.rows('=photo, "one".png', expected, p_real, INFO)
    assert [list(row) for row in answer["rows"]] == [list(verdict.COLUMNS)] * len(rows)
    for row, other in zip(answer["rows"], rows):
        assert row | {"box": None, "roll": None} == other | {"box": None, "roll": None}
    assert answer["verdict"] == verdict.picture_verdict(rows)
    assert answer["words"] == verdict.words(rows, INFO)
    rows = [*answer["rows"], verdict.error_row("bad.png", "No.", INFO)]
    assert answer["csv"] == verdict.to_csv(rows).decode()
    assert answer["leaked"] == 0


SAYS = """async ([views, pReal, info, facts]) => {
    const { errorRow, pictureVerdict, rows, toCsv, words } = await import('./chain.js');
    const said = rows('=a, "b".png', views, pReal, info, facts);
    const all = [...said, errorRow('\\tbad.png', '@No.', info), errorRow('c\\nd.png', '-1', info)];
    return { rows: said, verdict: pictureVerdict(said), words: words(said, info, facts), csv: toCsv(all),
        error: pictureVerdict(all.slice(-1)) };
}"""


@pytest.mark.parametrize("band", [(0.4, 0.6, 0.5), (0.3, 0.3, 0.3), (0.5, 0.7, 0.4), (0.2, 0.4, 0.6)])
def test_the_page_says_of_any_p_real_what_python_says(band, page):
    """At the limits and beside them; the threshold inside the band, beside it, or without one."""
    low, high, threshold = band
    info = INFO | {"threshold": threshold, "unsure": {"low": low, "high": high}}
    limits = {0.0, 1.0, 0.65, *(limit + step for limit in band for step in (-1e-9, 0, 1e-9))}
    for combined in [
        *([p] for p in sorted(limits)),
        [0.9, 0.1, 0.9],
        [0.9, 0.9],
        [0.1, 0.65, 0.1],
        [0.65, 0.9, 0.99],
        [],
    ]:
        views = [
            verdict.FaceView(
                face=index,
                faces=len(combined),
                box=None if p == 0.65 else (3, 5, 90, 92),
                roll=None if p == 0.65 else (-0.04, 12.345, -170.06)[index - 1],
                pixels=None,
                as_is=p == 0.65,
                advice="Small." if p == 0.99 else None,
                tiny=p == 0.99,
            )
            for index, p in enumerate(combined, 1)
        ]
        sent = [{**vars(view), "asIs": view.as_is, "box": view.box and list(view.box)} for view in views]
        answer = page.evaluate(SAYS, [sent, combined, info, FACTS])
        rows = verdict.rows('=a, "b".png', views, combined, info)
        errors = [verdict.error_row("\tbad.png", "@No.", info), verdict.error_row("c\nd.png", "-1", info)]
        assert answer == {
            "rows": rows,
            "verdict": verdict.picture_verdict(rows),
            "words": verdict.words(rows, info),
            "csv": verdict.to_csv([*rows, *errors]).decode(),
            "error": None,
        }


RULES = """async ([pictures, faces]) => {
    for (const name of ['core', 'converter', 'backend-wasm']) await import(`./vendor/tf-${name}.es2017.min.js`);
    const { tf } = self;
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
    tf.wasm.setWasmPaths('vendor/');
    await tf.setBackend('wasm');
    const { loadFaces } = await import('./faces.js');
    const { trim, isAligned } = await loadFaces(tf);
    const imageOf = ({ pixels, width, height }) =>
        new ImageData(Uint8ClampedArray.from(atob(pixels), (c) => c.charCodeAt(0)), width, height);
    return [pictures.map((picture) => trim(imageOf(picture))), faces.map(([size, face]) => isAligned(size, face))];
}"""


def bordered() -> dict[str, np.ndarray]:
    """Pictures whose borders lie to both sides of each limit of `trim`."""
    photo = draw(100, 80, 5)

    def expanded(*frames: tuple[int, object]) -> Image.Image:
        image = photo
        for width, colour in frames:
            image = ImageOps.expand(image, width, colour)
        return image

    def sprinkled(share: float) -> np.ndarray:
        """A frame with the share of other pixels in its first line."""
        pixels = np.array(expanded((5, "white")))
        pixels[0, 10 : 10 + round(share * pixels.shape[1])] = 0
        return pixels

    y, x = np.mgrid[:200, :200]
    disc = np.where((np.hypot(x - 100, y - 110) < 60)[..., None], 40, 90).repeat(3, axis=2).astype(np.uint8)
    bars = np.zeros((120, 100, 3), np.uint8)
    bars[15:95] = np.asarray(photo)
    ramp = np.full((80, 100, 3), 100, np.uint8)  # Lines of other shares of other pixels, behind a border.
    narrow = np.zeros((90, 90, 3), np.uint8)
    steps = {}
    for step in (12, 13):
        steps[f"brightness {step}"] = np.pad(np.full((60, 60, 3), 100 + step, np.uint8), ((9, 9), (9, 9), (0, 0)),
                                             constant_values=100)  # fmt: skip
    for height in (31, 32):
        narrow = narrow.copy()
        narrow[20 : 20 + height, 10:80] = np.asarray(photo)[:height, :70]
        steps[f"{height} lines left"] = narrow
    for behind in (2, 3):
        for share in (0.38, 0.42):
            ramp = ramp.copy()
            ramp[10:, :] = 100
            ramp[10 : 10 + behind, :10] = 160
            ramp[10 + behind :, : round(100 * share)] = 160
            steps[f"{behind} quiet lines, then {share}"] = ramp
    return steps | {
        "none": np.asarray(photo),
        "flat": np.full((60, 70, 3), 90, np.uint8),
        "disc": disc,
        "bars": bars,
        "one side": bars[15:],
        "four frames": np.asarray(expanded((3, "white"), (5, "black"), (2, "red"), (7, "blue"))),
        "JPEG": read_photo(encode(expanded((12, "black")), "JPEG", quality=50)),
        "few": sprinkled(0.04),
        "not few": sprinkled(0.06),
    }


def test_the_page_trims_borders_and_knows_aligned_faces_by_the_same_limits(page):
    def turned(degrees: float) -> faces.Face:
        face = face_in_square(128, 128, 256)
        angle = np.radians(degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = {name: tuple(turn @ np.subtract(at, 128) + 128) for name, at in face.keypoints.items()}
        return dataclasses.replace(face, keypoints=points)

    facts = FACTS["aligned"]
    limits = [(factor, 256 * factor * facts["centre"]) for factor in (0.99, 1.01)]
    cases = [((256, 256), face_in_square(128 + sign * off, 128, 256)) for _, off in limits for sign in (-1, 1)]
    cases += [((256, 256), face_in_square(128, 128 + sign * off, 256)) for _, off in limits for sign in (-1, 1)]
    for factor, _ in limits:
        cases += [
            ((256, 256), face_in_square(128, 128, 256 * ratio))
            for ratio in (factor * facts["size"], factor / facts["size"])
        ]
        cases += [((256, 256), turned(sign * factor * facts["turn"])) for sign in (-1, 1)]
    cases += [((256, height), face_in_square(128, 128, 256)) for height in (254, 255, 256, 257, 258)]
    aligned = [faces.is_aligned(np.zeros((height, width, 3), np.uint8), face) for (width, height), face in cases]
    assert aligned.count(True) == aligned.count(False) + 1 == 11
    pictures = bordered()
    trimmed = {name: list(faces.trim(pixels)) for name, pixels in pictures.items()}
    whole = {name for name, box in trimmed.items() if box == [0, 0, *pictures[name].shape[1::-1]]}
    assert whole == {"none", "flat", "disc", "brightness 12", "31 lines left"}
    sent = [
        {
            "pixels": base64.b64encode(Image.fromarray(pixels).convert("RGBA").tobytes()).decode(),
            "width": pixels.shape[1],
            "height": pixels.shape[0],
        }
        for pixels in pictures.values()
    ]
    known = [[{"width": width, "height": height}, vars(face)] for (width, height), face in cases]
    boxes, answers = page.evaluate(RULES, [sent, known])
    assert dict(zip(pictures, boxes)) == trimmed
    assert answers == aligned
