"""Read one photo the way that every part of the project reads it: upright RGB pixels."""

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 25_000_000  # Read from the header: a 20 KB PNG can unpack to 500 MB.
MAX_BYTES = 25_000_000  # Of a file.


class PhotoError(ValueError):
    """A file that can't be judged; the message is one sentence for the person who chose it."""


def read_photo(source: str | Path | bytes) -> np.ndarray:
    """Decode a JPEG, PNG or WebP file into what the models take.

    EXIF orientation is applied to JPEG and PNG (no browser applies it to WebP, so people see that as it is
    stored), transparency is laid on white, grey, palette and CMYK become RGB, 16-bit values keep their high
    byte (as browsers do), an animation gives its first frame, and an embedded colour profile is ignored (as
    in the training data's own decoding).

    Args:
        source: a path, or the file's bytes.

    Returns:
        uint8 array (height, width, 3), RGB, 0..255.

    Raises:
        PhotoError: not such an image, cut off, or more than MAX_PIXELS pixels.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        with Image.open(stream, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise PhotoError(
                    f"The picture has {image.width} x {image.height} pixels; "
                    f"make it smaller than {MAX_PIXELS // 1_000_000} megapixels."
                )
            image.load()
            return np.asarray(_to_rgb(image if image.format == "WEBP" else ImageOps.exif_transpose(image)))
    except PhotoError:
        raise
    except FileNotFoundError:
        raise PhotoError("There is no such file.") from None
    except Image.DecompressionBombError:  # Pillow's own limit, 179 megapixels, strikes before ours is asked.
        raise PhotoError(f"The picture is huge; make it smaller than {MAX_PIXELS // 1_000_000} megapixels.") from None
    except Image.UnidentifiedImageError:
        raise PhotoError("This is not a JPEG, PNG or WebP picture; choose one of those.") from None
    except Exception:  # Pillow's decoders raise many kinds on damaged data: OSError, SyntaxError, struct.error, ...
        raise PhotoError("The picture is damaged or cut off; save it again and retry.") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey; convert("RGB") would clip it to white.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
