"""The page reads the files that people have as train/chain/read.py does: the same P(real), in Chromium and in Firefox.

With the 140k subset beside the project (or where TEST_IMAGES points), every image of its test split is compared too.
Firefox runs where Debian's ``firefox-esr`` is installed.
"""

import contextlib
import hashlib
import json
import os
import shutil
import struct
import subprocess
import time
import zlib
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import CHROMIUM_OPTIONS, ROOT, SPACE_MODEL, Site, draw, encode
from PIL import Image, ImageCms

from train.chain.read import read_photo

BOUND = 0.001
TEST_IMAGES = Path(os.environ.get("TEST_IMAGES", ROOT.parent / "shared/data/140k-subset/test"))

RUN = """<!doctype html>
<script type="module">
  import { loadDetector } from './web/detector.js';
  import { decode } from './web/photo.js';
  import './web/checked.js';
  const answers = {};
  try {
    const detector = await loadDetector();
    for (const name of await (await fetch('names.json')).json()) {
      const file = await (await fetch(`photos/${name}`)).blob();
      answers[name] = await detector.classify(file).then(
        async ({ pReal, label }) => {
          const { data } = await decode(file, detector.info.input);
          return { pReal, label, pixels: await sha256(data.buffer) };
        },
        (error) => error.message,
      );
    }
  } catch (error) {
    answers.failed = error.message;
  }
  await fetch('answers', { method: 'POST', body: JSON.stringify(answers) });
</script>
"""


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


ADAM7 = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))


def scanlines(samples: np.ndarray) -> bytes:
    """Rows, each behind its filter byte."""
    height, width, _ = samples.shape
    rows = np.ascontiguousarray(samples.astype(samples.dtype.newbyteorder(">"))).view(np.uint8).reshape(height, -1)
    return np.pad(rows, ((0, 0), (1, 0))).tobytes() if width else b""


def png(samples: np.ndarray, kind: int, *extra: bytes, interlaced: bool = False) -> bytes:
    """A PNG of 8 or 16 bits a sample (height, width, channels), which Pillow can't write for every colour type."""
    height, width, _ = samples.shape
    header = struct.pack(">IIBBBBB", width, height, 8 * samples.itemsize, kind, 0, 0, interlaced)
    passes = [samples[y::down, x::across] for y, down, x, across in ADAM7] if interlaced else [samples]
    packed = zlib.compress(b"".join(scanlines(part) for part in passes))
    chunks = [png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", packed), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def swapping_profile() -> bytes:
    """An sRGB profile with red and blue exchanged: whoever obeys it shows quite other colours."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile.replace(b"rXYZ", b"????", 1).replace(b"bXYZ", b"rXYZ", 1).replace(b"????", b"bXYZ", 1)


def oriented(orientation: int, format: str, **options) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(draw(320, 200, 30 + orientation), format, exif=exif, **options)


def with_alpha(width: int, height: int, seed: int) -> Image.Image:
    image = draw(width, height, seed)
    image.putalpha(draw(width, height, seed + 100).convert("L"))
    return image


def wide(width: int, height: int, seed: int, channels: int) -> np.ndarray:
    """uint16 samples whose low bytes are not those of widened 8-bit ones."""
    high = np.asarray(draw(width, height, seed))[..., :channels].astype(np.uint16) << 8
    return high + np.random.default_rng(seed).integers(0, 256, high.shape, np.uint16)


def with_wide_alpha(width: int, height: int, seed: int) -> np.ndarray:
    return np.concatenate([wide(width, height, seed, 3), wide(width, height, seed + 100, 1)], axis=2)


def key_of(seed: int) -> bytes:
    """A tRNS chunk that names the first pixel's colour as the transparent one."""
    red, green, blue = draw(99, 77, seed).quantize(8).convert("RGB").getpixel((0, 0))
    return png_chunk(b"tRNS", struct.pack(">HHH", red, green, blue))


def torture() -> dict[str, bytes]:
    profile = swapping_profile()
    palette = draw(200, 150, 9).quantize(32)
    gamma = png_chunk(b"gAMA", struct.pack(">I", 100_000))
    return {
        "420.jpg": encode(draw(256, 256, 1), "JPEG", quality=75),
        "422.jpg": encode(draw(301, 201, 2), "JPEG", quality=85, subsampling=1),
        "444.jpg": encode(draw(640, 480, 3), "JPEG", quality=95, subsampling=0),
        "worst.jpg": encode(draw(200, 200, 4), "JPEG", quality=5),
        "progressive.jpg": encode(draw(333, 501, 5), "JPEG", progressive=True),
        "grey.jpg": encode(draw(224, 224, 6).convert("L"), "JPEG"),
        "cmyk.jpg": encode(draw(240, 240, 7).convert("CMYK"), "JPEG", quality=90),
        "profile.jpg": encode(draw(240, 240, 8), "JPEG", icc_profile=profile),
        "trailing.jpg": encode(draw(240, 240, 10), "JPEG") + b"what a phone appends",
        **{f"exif{n}.jpg": oriented(n, "JPEG", quality=90) for n in range(1, 9)},
        **{f"exif{n}.png": oriented(n, "PNG") for n in range(1, 9)},
        "exif8.webp": oriented(8, "WEBP", lossless=True),
        "plain.png": encode(draw(300, 200, 11), "PNG"),
        "alpha.png": encode(with_alpha(300, 300, 12), "PNG"),
        "clear.png": encode(Image.new("RGBA", (99, 99), (200, 30, 60, 0)), "PNG"),
        "palette.png": encode(palette, "PNG"),
        "palette-alpha.png": encode(palette, "PNG", transparency=3),
        "grey.png": encode(draw(99, 77, 13).convert("L"), "PNG"),
        "grey-alpha.png": encode(with_alpha(99, 77, 14).convert("LA"), "PNG"),
        "one-bit.png": encode(draw(150, 150, 15).convert("1"), "PNG"),
        "grey-16.png": png(wide(120, 130, 16, 1), 0),
        "rgb-16.png": png(wide(120, 130, 17, 3), 2),
        "grey-alpha-16.png": png(wide(120, 130, 29, 2), 4),
        "alpha-16.png": png(with_wide_alpha(120, 130, 31), 6),
        "alpha-interlaced.png": png(np.asarray(with_alpha(121, 77, 32)), 6, interlaced=True),
        "rgb-16-interlaced.png": png(wide(3, 5, 33, 3), 2, interlaced=True),
        "key.png": png(np.asarray(draw(99, 77, 34).convert("L"))[..., None], 0, png_chunk(b"tRNS", b"\0\x60")),
        "rgb-key.png": png(np.asarray(draw(99, 77, 35).quantize(8).convert("RGB")), 2, key_of(35)),
        "profile.png": encode(draw(240, 240, 18), "PNG", icc_profile=profile),
        "gamma.png": png(np.asarray(draw(240, 240, 19)), 2, gamma),
        "lossy.webp": encode(draw(256, 300, 20), "WEBP", quality=80),
        "lossless.webp": encode(draw(255, 301, 21), "WEBP", lossless=True),
        "alpha.webp": encode(with_alpha(200, 200, 22), "WEBP", lossless=True),
        "profile.webp": encode(draw(240, 240, 23), "WEBP", lossless=True, icc_profile=profile),
        "40x50.jpg": encode(draw(40, 50, 24), "JPEG", quality=90),
        "1x1.png": encode(draw(1, 1, 25), "PNG"),
        "3000x17.png": encode(draw(3000, 17, 26), "PNG"),
        "4000x3000.jpg": encode(draw(4000, 3000, 27), "JPEG", quality=80),
        "1999x3001.webp": encode(draw(1999, 3001, 28), "WEBP", quality=70, method=0),
    }


def label_of(p_real: float, info: dict) -> str:
    band = info["unsure"]
    if band and band["low"] <= p_real < band["high"]:
        return "unsure"
    return info["classes"][p_real >= info["threshold"]]


def prepared(folder: Path, contents: dict[str, bytes]) -> dict[str, dict]:
    """Write what ``answers_of`` serves; return the answers by train/chain/read.py and the Space's Keras file."""
    model = keras.saving.load_model(SPACE_MODEL / "model.keras", compile=False)
    info = json.loads((SPACE_MODEL / "detector.json").read_text())
    (folder / "photos").mkdir()
    answers = {}
    for name, content in contents.items():
        (folder / "photos" / name).write_bytes(content)
        pixels = read_photo(content)
        outputs = keras.tree.flatten(model(pixels[None].astype("float32"), training=False))
        p_real = float(next(output for output in outputs if output.ndim == 2)[0, 0])
        opaque = np.pad(pixels, ((0, 0), (0, 0), (0, 1)), constant_values=255)
        answers[name] = {
            "pReal": p_real,
            "label": label_of(p_real, info),
            "pixels": hashlib.sha256(opaque.tobytes()).hexdigest(),
        }
    (folder / "names.json").write_text(json.dumps(list(answers)))
    (folder / "run.html").write_text(RUN)
    (folder / "web").symlink_to(ROOT / "web")
    return answers


@pytest.fixture(scope="module")
def tortured(tmp_path_factory) -> tuple[Path, dict[str, dict]]:
    folder = tmp_path_factory.mktemp("torture")
    return folder, prepared(folder, torture())


@pytest.fixture(scope="module")
def tested(tmp_path_factory) -> tuple[Path, dict[str, dict]]:
    if not TEST_IMAGES.is_dir():
        pytest.skip("the 140k subset is not there")
    folder = tmp_path_factory.mktemp("tested")
    files = sorted(TEST_IMAGES.rglob("*.jpg"))
    assert len(files) == 200
    return folder, prepared(folder, {f"{path.parent.name}-{path.name}": path.read_bytes() for path in files})


@contextlib.contextmanager
def running(command: list[str]):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def answers_of(browser_name: str, folder: Path, profile: Path) -> dict[str, dict | str]:
    """{name: {"pReal", "label", "pixels"} or the page's sentence} of what lies in a folder that was `prepared`."""
    if not shutil.which(browser_name):
        pytest.skip(f"{browser_name} is not installed")
    site = Site(folder)
    with running([part.format(profile) for part in BROWSERS[browser_name]] + [site.url + "run.html"]):
        for _ in range(2400):
            if site.posted:
                break
            time.sleep(0.1)
    site.stop()
    assert site.posted, f"no answer; asked for: {site.requests[-3:]}"
    return json.loads(site.posted[0])


BROWSERS = {
    "chromium": ["chromium", "--headless=new", *CHROMIUM_OPTIONS, "--user-data-dir={}"],
    "firefox-esr": ["firefox-esr", "--headless", "--no-remote", "--profile", "{}"],
}


def compare(found: dict[str, dict | str], expected: dict[str, dict]) -> None:
    """Assert that all answers are within BOUND and of the same label; print the largest difference."""
    assert {name: answer for name, answer in found.items() if not isinstance(answer, dict)} == {}
    differences = {name: abs(found[name]["pReal"] - answer["pReal"]) for name, answer in expected.items()}
    worst = max(differences, key=differences.get)
    print(f"{len(differences)} files, largest difference {differences[worst]:.1e} ({worst})")
    assert {name: difference for name, difference in differences.items() if difference > BOUND} == {}
    assert [found[name]["label"] for name in expected] == [answer["label"] for answer in expected.values()]


@pytest.mark.parametrize("browser_name", BROWSERS)
def test_every_kind_of_file_gets_python_s_answer(browser_name, tortured, tmp_path):
    folder, expected = tortured
    found = answers_of(browser_name, folder, tmp_path)
    compare(found, expected)
    pngs = [name for name in expected if name.endswith(".png")]
    assert [name for name in pngs if found[name]["pixels"] != expected[name]["pixels"]] == []


@pytest.mark.parametrize("browser_name", BROWSERS)
def test_the_test_split_gets_python_s_answer(browser_name, tested, tmp_path):
    folder, expected = tested
    compare(answers_of(browser_name, folder, tmp_path), expected)
