"""The page's face search is Python's to the last bit, with a network that both can compute alike; so is what readers of
several formats share.

BlazeFace's outputs differ by their last digits between LiteRT and TensorFlow.js, so that test_faces.py must allow for
it. Here both are given a network that is made up: it takes the reddest, greenest and bluest places for two eyes and a
mouth, in whole numbers. Then all else must be the same. Node runs the page's side, in a second.
"""

import base64
import json
import struct
import subprocess

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image, ImageDraw

from train.chain import faces, read, verdict
from train.chain.faces import FACTS, SIDE

REACH = 24  # How far an anchor sees, in pixels of the network's square.


def _sums(square: np.ndarray) -> np.ndarray:
    """Sums over the pixels above and to the left of each: int64 (9, SIDE + 1, SIDE + 1).

    For red, green and blue: of how much of a mark of that colour a pixel is, and of this times x and y.
    """
    values = square.astype(np.int64)
    y, x = np.mgrid[:SIDE, :SIDE]
    made = []
    for colour in range(3):
        others = np.maximum(values[..., (colour + 1) % 3], values[..., (colour + 2) % 3])
        mark = np.maximum(0, values[..., colour] - others - 40)
        made += [mark, mark * x, mark * y]
    return np.pad(np.cumsum(np.cumsum(made, axis=1), axis=2), ((0, 0), (1, 0), (1, 0)))


def _network(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `faces._run`: a face where an anchor sees all three colours; it likes those that are upright and near."""
    made = _sums(square)
    x, y = faces._anchors().T
    left, top, right, bottom = (np.clip(at, 0, SIDE).astype(int) for at in (x - REACH, y - REACH, x + REACH, y + REACH))
    totals = made[:, bottom, right] - made[:, top, right] - made[:, bottom, left] + made[:, top, left]
    seen = totals[[0, 3, 6]].min(axis=0) >= 500
    points, logits = np.zeros((len(x), 8, 2)), np.full(len(x), -9.0)
    x, y, totals = x[seen], y[seen], totals[:, seen]
    one, other, mouth = (
        np.stack([totals[i + 1] / totals[i], totals[i + 2] / totals[i]], axis=1) + 0.5 for i in (0, 3, 6)
    )
    is_right = (one[:, 0] <= other[:, 0])[:, None]
    right_eye, left_eye = np.where(is_right, one, other), np.where(is_right, other, one)
    eyes = (one + other) / 2
    apart = np.abs(one - other).sum(axis=1)
    upright = (mouth[:, 1] - eyes[:, 1]) / (apart + 1)
    off = np.abs(eyes[:, 0] - x) + np.abs(eyes[:, 1] - y)
    width = 2 * apart + 3
    found = [
        np.stack([eyes[:, 0] + 0.75, mouth[:, 1] - 0.3 * apart], axis=1),
        np.stack([width, width + 1.5], axis=1),
        right_eye,
        left_eye,
        np.stack([eyes[:, 0] + 1, (eyes[:, 1] + mouth[:, 1]) / 2], axis=1),
        mouth,
        right_eye + [-3, 2],
        left_eye + [4, 1],
    ]
    anchor = np.stack([x - 0.25, y], axis=1)
    points[seen] = np.stack([at if i == 1 else at - anchor for i, at in enumerate(found)], axis=1)
    logits[seen] = 4 * np.clip(upright, -1, 1) + 2 - off / 16
    return points.reshape(-1, 16).astype(np.float32), logits.astype(np.float32)


def picture(width: int, height: int, *heads: tuple[float, float, float, float], ground: int = 1) -> np.ndarray:
    """A grey, grainy wall with heads, each at (x, y), of a size in pixels, turned clockwise by degrees."""
    grain = np.random.default_rng(ground).integers(90, 130, (height, width, 1), np.uint8)
    image = Image.fromarray(grain.repeat(3, axis=2))
    pen = ImageDraw.Draw(image)
    for x, y, size, degrees in heads:
        angle = np.radians(degrees)
        for dx, dy, colour in ((-0.25, -0.15, "red"), (0.25, -0.15, "lime"), (0, 0.3, "blue")):
            u = x + size * (dx * np.cos(angle) - dy * np.sin(angle))
            v = y + size * (dx * np.sin(angle) + dy * np.cos(angle))
            radius = 0.09 * size
            pen.ellipse((u - radius, v - radius, u + radius, v + radius), colour)
    return np.asarray(image)


def framed(pixels: np.ndarray, left: int, top: int, right: int, bottom: int, grey: int = 255) -> np.ndarray:
    return np.pad(pixels, ((top, bottom), (left, right), (0, 0)), constant_values=grey)


AS_IS = "taken as it is"
CROWD = [(80 + 160 * i, 80 + 160 * j, 100, 3 * i - 2 * j) for i in range(5) for j in range(5)]
PICTURES = {
    "one": picture(300, 260, (140, 120, 110, 0)),
    "none": picture(200, 300),
    "tilted": picture(420, 300, (170, 140, 120, 25)),
    "turned right": picture(300, 400, (160, 170, 130, 90)),
    "on its head": picture(400, 301, (170, 140, 130, 172)),
    "turned left": picture(333, 300, (150, 140, 120, -80)),
    "two": picture(500, 300, (130, 140, 120, 5), (360, 150, 90, -10)),
    "one much smaller": picture(600, 300, (130, 150, 150, 0), (450, 150, 50, 0)),
    "far": picture(700, 500, (520, 330, 60, 0)),
    "farther": picture(900, 1100, (300, 800, 70, 10)),
    "in the last row of squares": picture(900, 740, (450, 690, 70, 0)),
    "small": picture(300, 300, (150, 150, 45, 0)),
    "at the left edge": picture(300, 260, (35, 60, 110, 0)),
    "at the right edge": picture(300, 260, (265, 215, 110, 0)),
    "framed": framed(picture(300, 260, (140, 120, 110, 0)), 20, 35, 11, 7),
    "framed at the edge": framed(picture(300, 260, (38, 58, 110, 0)), 20, 35, 11, 7),
    "large": picture(1300, 1200, (600, 560, 620, 12)),
    "very large": picture(2100, 1500, (900, 700, 900, -7)),
    "a crowd": picture(800, 800, *CROWD),
    "upright and turned": picture(500, 300, (130, 140, 120, 0), (360, 150, 120, 90)),
    "a line": picture(900, 3),
    "less than the network's square": picture(100, 90, (50, 45, 60, 0)),
    AS_IS: picture(500, 300, (130, 140, 120, 5), (360, 150, 90, -10)),
    "aligned": picture(256, 256, (128, 143, 130, 0)),
    "in a frame in a frame": framed(framed(picture(300, 260, (140, 120, 110, 0)), 9, 9, 9, 9, 20), 4, 5, 6, 7),
}


@pytest.fixture(scope="module")
def on_page() -> dict[str, list[dict]]:
    """{name of a picture: the views that the page makes of it}."""
    sent = [
        {
            "width": pixels.shape[1],
            "height": pixels.shape[0],
            "asIs": name == AS_IS,
            "rgba": base64.b64encode(np.pad(pixels, ((0, 0), (0, 0), (0, 1)), constant_values=255).tobytes()).decode(),
        }
        for name, pixels in PICTURES.items()
    ]
    given = json.dumps({"network": FACTS["network"], "reach": REACH, "pictures": sent})
    command = ["node", ROOT / "tests/faces.mjs"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return dict(zip(PICTURES, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("name", PICTURES)
def test_the_page_s_search_is_python_s(name, on_page, monkeypatch):
    monkeypatch.setattr(faces, "_run", _network)
    expected = verdict.face_views(PICTURES[name], name == AS_IS)
    for found, view in zip(on_page[name], expected, strict=True):
        box = view.box and list(view.box)
        same = {"face": view.face, "faces": view.faces, "box": box, "asIs": view.as_is, "tiny": view.tiny}
        assert {key: found[key] for key in same} == same
        assert found["advice"] == view.advice
        assert found["roll"] == pytest.approx(view.roll, abs=1e-9)
        pixels = np.frombuffer(base64.b64decode(found["pixels"]), np.uint8).reshape(*found["size"], 4)
        np.testing.assert_array_equal(pixels[..., :3], view.pixels)
        assert (pixels[..., 3] == 255).all()


def tiffs() -> list[bytes]:
    """EXIF of a few fields or of many, in either order of bytes; much of it is cut off, miscounted or mistyped."""
    random = np.random.default_rng(0)
    made = []
    for _ in range(4000):
        order = random.choice(["<", ">"])
        mark = {"<": b"II*\0", ">": b"MM\0*"}[order] if random.random() < 0.95 else random.bytes(4)
        start, count = random.choice([8, 8, 9, 30]), random.choice([1, 2, 3, 14])
        tags = random.choice([0x0112, 0x0112, 0x010F], count)
        if count == 14:
            tags[:-1] = 0x010F  # The last of many is read too.
        fields = [(tag, random.choice([3, 3, 3, 4]), random.choice([1, 1, 1, 2])) for tag in tags]
        packed = [struct.pack(f"{order}HHIHH", *field, random.integers(0, 11), 0) for field in fields]
        said = count + random.choice([0, 0, 0, 1, -1])
        tiff = mark + struct.pack(f"{order}I", start) + bytes(start - 8) + struct.pack(f"{order}H", said)
        tiff += b"".join(packed) + bytes(random.choice([0, 4]))
        made.append(tiff[: random.integers(0, 40)] if random.random() < 0.3 else tiff)
    return made


@pytest.fixture(scope="module")
def shared() -> tuple[dict, list[bytes], np.ndarray]:
    """What the page's bytes.js answers; to these TIFFs, and to this picture."""
    given, pixels = tiffs(), np.random.default_rng(1).integers(0, 256, (3, 5, 4), np.uint8)
    picture = {"width": 5, "height": 3, "rgba": base64.b64encode(pixels.tobytes()).decode()}
    sent = json.dumps({"tiffs": [base64.b64encode(tiff).decode() for tiff in given], "picture": picture})
    done = subprocess.run(["node", ROOT / "tests/bytes.mjs"], input=sent, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), given, pixels


def pixels_of(sent: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(sent["rgba"]), np.uint8).reshape(sent["height"], sent["width"], 4)


def test_the_page_reads_orientations_as_python_does(shared):
    found, given, _ = shared
    expected = [read._orientation(tiff) for tiff in given]
    assert {*expected} == {*range(1, 9)}
    assert [(tiff.hex(), one) for tiff, one in zip(given, found["orientations"])] == [
        (tiff.hex(), one) for tiff, one in zip(given, expected)
    ]


def test_the_page_turns_pictures_as_python_does(shared):
    found, _, pixels = shared
    for orientation, picture in enumerate(found["turned"], 1):
        np.testing.assert_array_equal(pixels_of(picture), read._turned(pixels, orientation))


def test_the_page_lays_colours_on_white_as_python_does(shared):
    value, alpha = np.mgrid[:256, :256].astype(np.uint8)
    colours = np.stack([value, 255 - value, value * 7], axis=-1)
    opaque = np.full((256, 256, 1), 255, np.uint8)
    expected = np.concatenate([read._on_white(colours, alpha[..., None]), opaque], axis=-1)
    np.testing.assert_array_equal(pixels_of(shared[0]["onWhite"]), expected)
