"""What people do to a face before they ask about it: the sizes, files and frames in which a detector is measured.

Each condition makes of a picture's pixels those that a reader would get from the file in question. Training draws its
own, other ones at random (`degrade`); these are fixed, so that figures of two networks stand beside each other.
"""

import io
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

Condition = Callable[[np.ndarray], np.ndarray]  # uint8 (height, width, 3) to the same, of another size.

SIZES = (1024, 768, 512, 384, 256, 128)
FILES = ("PNG", "JPEG 95", "JPEG 85", "JPEG 75", "JPEG 60", "JPEG 40", "WEBP 80")


def as_it_is(pixels: np.ndarray) -> np.ndarray:
    """Unchanged."""
    return pixels


def stored(image: Image.Image, file: str) -> Image.Image:
    """Through a file, named as in FILES: a format and its quality; JPEG with 4:2:0 chroma."""
    format, _, quality = file.partition(" ")
    stream = io.BytesIO()
    image.save(stream, format, **({"quality": int(quality)} if quality else {}))
    return Image.open(stream).convert("RGB")


def of_size(size: int, file: str) -> Condition:
    """Its longer side ``size`` pixels (Lanczos), then through a file."""

    def condition(pixels: np.ndarray) -> np.ndarray:
        image = Image.fromarray(pixels)
        scale = size / max(image.size)
        sides = [max(1, round(side * scale)) for side in image.size]
        return np.asarray(stored(image.resize(sides, Image.Resampling.LANCZOS), file))

    return condition


def _condition(change: Callable[[Image.Image], Image.Image]) -> Condition:
    return lambda pixels: np.asarray(change(Image.fromarray(pixels)))


def turned(degrees: float) -> Condition:
    """Turned to the left, the picture large enough to hold it; its corners are black."""
    return _condition(lambda image: image.rotate(degrees, Image.Resampling.BICUBIC, expand=True))


def framed(width: int, colour: str) -> Condition:
    """With a frame, in pixels of a picture of 256."""

    def change(image: Image.Image) -> Image.Image:
        border = round(width * max(image.size) / 256)
        return _laid_on(Image.new("RGB", (image.width + 2 * border, image.height + 2 * border), colour), image)

    return _condition(change)


def barred(image: Image.Image) -> Image.Image:
    """Black bars above and below, as of a film: the picture becomes 9 to 16 upright."""
    return _laid_on(Image.new("RGB", (image.width, round(image.width * 16 / 9))), image)


def screenshot(image: Image.Image) -> Image.Image:
    """On a phone of 1080 x 2340 pixels, black around, stored as its PNG."""
    return _laid_on(Image.new("RGB", (1080, 2340)), image.resize((1080, round(1080 * image.height / image.width))))


def pasted(side: int) -> Condition:
    """Into a larger picture, so many pixels wide, beside its middle; around it a blurred, enlarged copy of itself."""

    def change(image: Image.Image) -> Image.Image:
        around = image.resize((1200, 900), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(60))
        around = ImageEnhance.Brightness(around).enhance(0.7)
        grain = np.random.default_rng(zlib.crc32(image.tobytes())).normal(0, 6, (900, 1200, 3))
        around = Image.fromarray(np.clip(np.asarray(around) + grain, 0, 255).astype(np.uint8))
        around.paste(
            image.resize((side, round(side * image.height / image.width)), Image.Resampling.LANCZOS), (640, 330)
        )
        return stored(around, "JPEG 90")

    return _condition(change)


def cropped(share: float) -> Condition:
    """Cut to the middle share of its width and height."""

    def change(image: Image.Image) -> Image.Image:
        x, y = (round(side * (1 - share) / 2) for side in image.size)
        return image.crop((x, y, image.width - x, image.height - y))

    return _condition(change)


def messenger(image: Image.Image) -> Image.Image:
    """As a messenger sends it: at most 1024 pixels, JPEG 70; and sent on once."""
    image.thumbnail((1024, 1024), Image.Resampling.BICUBIC)
    return stored(stored(image, "JPEG 70"), "JPEG 70")


def noisy(sigma: float) -> Condition:
    """Gaussian noise of a standard deviation of 255, the same whenever a picture comes again."""

    def condition(pixels: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng(zlib.crc32(pixels.tobytes())).normal(0, sigma, pixels.shape)
        return np.clip(pixels + noise, 0, 255).round().astype(np.uint8)

    return condition


def _laid_on(ground: Image.Image, image: Image.Image) -> Image.Image:
    ground.paste(image, ((ground.width - image.width) // 2, (ground.height - image.height) // 2))
    return ground


CONDITIONS: dict[str, Condition] = {
    "as it is": as_it_is,
    "JPEG 60": _condition(lambda image: stored(image, "JPEG 60")),
    "messenger": _condition(messenger),
    "grey": _condition(lambda image: image.convert("L").convert("RGB")),
    "more contrast": _condition(lambda image: ImageEnhance.Contrast(image).enhance(1.5)),
    "less contrast": _condition(lambda image: ImageEnhance.Contrast(image).enhance(0.6)),
    "blurred": _condition(lambda image: image.filter(ImageFilter.GaussianBlur(max(image.size) / 256))),
    "noisy": noisy(8.0),
    "cropped to 70 %": cropped(0.7),
    "frame of 10": framed(10, "white"),
    "frame of 60": framed(60, "white"),
    "bars": _condition(barred),
    "screenshot": _condition(screenshot),
    "turned by 15 degrees": turned(15),
    "turned by 90 degrees": turned(90),
    "turned by 180 degrees": turned(180),
    "pasted at 300 pixels": pasted(300),
}
