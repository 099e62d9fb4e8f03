"""What happens to a picture between its maker and the detector, at random, for training: both classes alike.

A network that saw only the files of one set takes that set's encoding for a property of its class, and is wrong on any
other (Wang et al., "CNN-generated images are surprisingly easy to spot... for now", 2020, arXiv:1912.11035). So each
training image goes through what people's pictures went through, as Pillow's own encoders and filters do it: they are
the programs that most pictures have met. Keras' random layers work on float tensors of one size and know neither JPEG
nor WebP, nor several kernels of resizing.
"""

import io

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from train.chain.faces import FACTS

BORDER = 0.12  # Of the picture around a face to be cut out, as a share of its side.
SIZE = FACTS["crop"]  # Height and width in pixels of a face as the chain hands it to a network.
KERNELS = (Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
KERNEL_SHARES = (0.1, 0.3, 0.35, 0.25)
QUALITIES = (40, 101)  # Of JPEG and WebP: lowest, and one above the highest.

# Shares (0..1) of the training images. What is left of the first two stays in the size that it has.
TURNED = 0.4  # Cut out of a larger picture by the chain: turned, enlarged, shrunk, pasted, screenshots.
RESIZED = 0.35  # Aligned, in another size than the set's.
STORED = 0.75  # Encoded again, of those and of the others.
STORED_TWICE = 0.3  # Of those that were stored: messengers and social networks do it once more.
GREY, COLOUR, BLUR, NOISE, SHARPEN = 0.08, 0.25, 0.08, 0.1, 0.06


def degraded(pixels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One picture after a random way to the detector.

    Args:
        pixels: uint8 (height, width, 3), an aligned face.
        random: decides everything, so that the same state gives the same picture.

    Returns:
        uint8 (side, side, 3): SIZE where the chain would cut the face out, another where it would leave the
        picture as it is and the network would resize it.
    """
    image = Image.fromarray(pixels)
    if image.size != (SIZE, SIZE):  # Whoever made a set of another size may have shrunk it by any of these.
        image = image.resize((SIZE, SIZE), random.choice(KERNELS[1:]))
    image = _retouched(image, random)
    way = random.random()
    if way < TURNED:
        return np.asarray(_cut_out(image, random))
    if way < TURNED + RESIZED:
        image = _resized(image, round(SIZE * np.exp(random.uniform(np.log(0.45), np.log(1.8)))), random)
    image = _stored(image, random)
    return np.asarray(image)


def _retouched(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Grey, other colours and contrast, blur, sharpening, grain."""
    if random.random() < GREY:
        image = image.convert("L").convert("RGB")
    if random.random() < COLOUR:
        for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhance(image).enhance(random.uniform(0.65, 1.4))
    if random.random() < BLUR:
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.3)))
    if random.random() < SHARPEN:
        image = image.filter(ImageFilter.UnsharpMask(random.uniform(0.8, 2), int(random.integers(40, 130)), 2))
    if random.random() < NOISE:
        grain = random.standard_normal((image.height, image.width, 3), np.float32) * random.uniform(1, 8)
        image = Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))
    return image


def _resized(image: Image.Image, side: int, random: np.random.Generator) -> Image.Image:
    return image.resize((side, side), random.choice(KERNELS, p=KERNEL_SHARES))


def _stored(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Through a JPEG or WebP file, or two, the second one of another size at times; some pictures through none."""
    if random.random() >= STORED:
        return image
    image = encoded(image, random)
    if random.random() < STORED_TWICE:
        if random.random() < 0.5:
            image = _resized(image, max(96, round(image.width * random.uniform(0.6, 1.3))), random)
        image = encoded(image, random)
    return image


def encoded(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Store once, as JPEG (4:2:0 or 4:4:4) or WebP of a random quality, and read back."""
    stream, quality = io.BytesIO(), int(random.integers(*QUALITIES))
    if random.random() < 0.12:
        image.save(stream, "WEBP", quality=quality, method=1)
    else:
        image.save(stream, "JPEG", quality=quality, subsampling="4:4:4" if random.random() < 0.3 else "4:2:0")
    return Image.open(stream).convert("RGB")


def _cut_out(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Lay the face into a picture, small or large, turned or upright, store that, and cut the face out again.

    The cut is the chain's: one bilinear sample a pixel, a mean of 2 x 2 where the picture is larger than the cut; and
    it lands a little beside the true place, as eyes and mouth are found by a network.
    """
    quarters = int(random.integers(1, 4)) if random.random() < 0.3 else 0
    turn = random.uniform(-35, 35) if random.random() < 0.6 else 0.0
    # What a cut beside the true place shows is more of the picture; a mirrored border stands in for it.
    border = round(BORDER * SIZE)
    turned = np.rot90(np.asarray(image), quarters)
    laid = Image.fromarray(np.pad(turned, ((border, border), (border, border), (0, 0)), "symmetric"))
    if random.random() < 0.8:
        laid = _resized(laid, round(laid.width * np.exp(random.uniform(np.log(0.55), np.log(1.5)))), random)
    if turn:
        laid = laid.rotate(turn, random.choice([Image.Resampling.BILINEAR, Image.Resampling.BICUBIC]), expand=True)
    laid = _stored(laid, random)

    side = laid.width / _spread(turn) / (1 + 2 * BORDER)  # Of the face's square now.
    scale = side * FACTS["inside"] * random.uniform(0.94, 1.06) / SIZE
    angle = np.radians(-turn + random.normal(0, 1.5))
    samples = 1 if scale <= 1 else 2
    u, v = scale / samples * np.cos(angle), scale / samples * np.sin(angle)
    centre_x, centre_y = np.array(laid.size) / 2 + random.normal(0, 0.015 * side, 2)
    half = SIZE * samples / 2
    matrix = (u, -v, centre_x - half * (u - v), v, u, centre_y - half * (u + v))
    cut = laid.transform((SIZE * samples, SIZE * samples), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    return Image.fromarray(np.rot90(np.asarray(cut.reduce(samples)), -quarters))


def _spread(turn: float) -> float:
    """Side of the upright square around a square turned by so many degrees, as a multiple of its own."""
    angle = np.radians(abs(turn))
    return float(np.cos(angle) + np.sin(angle))
