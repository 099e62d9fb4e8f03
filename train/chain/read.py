"""Read one photo the way that every part of the project reads it: upright RGB pixels, as browsers show the file.

The page's twin is ``web/photo.js`` with ``png.js``, ``gif.js`` and ``avif.js``. Both take a file apart themselves and
give a decoder only what makes its pixels. So a colour profile, a damaged comment or a turn that is noted in a place
where no browser looks changes nothing, and both refuse the same files.
"""

import io
import math
import re
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
MAX_BYTES = 25_000_000
MAX_PIXELS = 50_000_000  # Read from the header: a 20 KB PNG can unpack to 500 MB.
_AT_ONCE = 1 << 17  # Pixels that Pillow is asked for at a time.

NO_PICTURE = "This is not a JPEG, PNG, WebP, GIF or AVIF picture; choose one of those."
DAMAGED = "The picture is damaged or cut off; save it again and retry."
HEIC = (
    "This is an HEIC picture, which few programs can read; export or share it as JPEG (on an iPhone, "
    "Settings > Camera > Formats > Most Compatible makes new photos JPEG files)."
)
MISSING = "There is no such file."
UNREADABLE = "The file can't be read: {}."
RARE_JPEG = "This is a rare kind of JPEG that browsers can't show; save it again as a common JPEG or as PNG."


class PhotoError(ValueError):
    """A file that can't be judged; the message is one sentence for the person who chose it."""


class _Picture(NamedTuple):
    """What a file's header says, and how to get at its pixels: uint8 (height, width, 3), not yet turned upright."""

    width: int
    height: int
    decode: Callable[[], np.ndarray]
    orientation: int = 1


def read_photo(source: str | Path | bytes) -> np.ndarray:
    """Decode a JPEG, PNG, WebP, GIF or AVIF file into what the models take.

    A picture is turned as browsers turn it: by the EXIF orientation of a JPEG or PNG, by the properties ``irot`` and
    ``imir`` of an AVIF. Transparency is laid on white, grey, palette and CMYK become RGB, 16-bit values keep their high
    byte (as in browsers), an animation gives its first frame, and an embedded colour profile is ignored (as in the
    training data's own decoding).

    Args:
        source: a path, or the file's bytes.

    Returns:
        uint8 array (height, width, 3), RGB, 0..255.

    Raises:
        PhotoError: not such a picture, damaged or cut off, more than MAX_BYTES bytes or MAX_PIXELS pixels, or a file
            that can't be opened.
    """
    content = source if isinstance(source, bytes) else read_file(source)
    check_bytes(len(content))
    try:
        picture = _picture_of(content)
        if picture.width * picture.height > MAX_PIXELS:
            raise PhotoError(
                f"The picture has {picture.width} x {picture.height} pixels; "
                f"make it smaller than {MAX_PIXELS // 1_000_000} megapixels."
            )
        if picture.width * picture.height == 0:
            raise PhotoError(DAMAGED)
        return _turned(picture.decode(), picture.orientation)
    except PhotoError:
        raise
    except MemoryError:
        raise PhotoError("There is not enough memory for the picture; make it smaller.") from None
    except Exception:  # Pillow's decoders raise many kinds on damaged data: OSError, SyntaxError, struct.error, ...
        raise PhotoError(DAMAGED) from None


def check_bytes(count: int) -> None:
    """Refuse a file by its size, before it is read.

    Raises:
        PhotoError: it has more than MAX_BYTES.
    """
    if count > MAX_BYTES:
        size = math.ceil(count / 1e5) / 10  # Upwards, so that it is more than what it is to be.
        raise PhotoError(f"The file has {size:.1f} MB; choose one of at most {MAX_BYTES // 1_000_000} MB.")


def read_file(path: str | Path) -> bytes:
    """The content of a file.

    Raises:
        PhotoError: it can't be read, has more than MAX_BYTES, or is a folder, a pipe or a device, which may never end.
    """
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise PhotoError("This is a folder; choose a picture.")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError("This is a pipe or a device; choose a picture that is a file.")
        check_bytes(status.st_size)
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise PhotoError(MISSING) from None
    except OSError as error:
        raise PhotoError(UNREADABLE.format(error.strerror)) from None


def _picture_of(content: bytes) -> _Picture:
    if content.startswith(b"\xff\xd8\xff"):
        return _jpeg(content)
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _webp(content)
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return _gif(content)
    if content[4:8] == b"ftyp":
        size = int.from_bytes(content[:4])
        brands = {content[at : at + 4] for at in (8, *range(16, min(size, len(content)) - 3, 4))}
        if brands & {b"avif", b"avis"}:
            return _avif(content)
        if any(brand.startswith((b"hei", b"hev")) or brand in (b"mif1", b"msf1") for brand in brands):
            raise PhotoError(HEIC)
    raise PhotoError(NO_PICTURE)


# The segments of a JPEG that make its pixels (ITU T.81, annex B): tables, frame, restart interval.
_JPEG_KEPT = {0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD}
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Neither ends a scan nor looks like one: were it needed for a pixel, the pixel would change.
_JPEG_TAIL = bytes((37 * i + 11) % 251 for i in range(1024))
# A decoder reads so many bytes ahead of the last pixel; browsers leave out the last rows where it can't.
_JPEG_AHEAD = 16


def _jpeg(content: bytes) -> _Picture:
    """Walk the segments as libjpeg does, which skips whatever lies between them, to the end mark.

    All is there if what follows the last scan changes no pixel, whether there is an end mark or not.
    """
    kept, size, orientation, has_scan = [b"\xff\xd8"], None, None, False
    for found in _segments(content):
        marker, start, end = found
        body = content[start + 2 : end]
        if marker == 0xE1 and orientation is None and body.startswith(b"Exif\0"):
            orientation = _orientation(body[6:])
        if marker in _JPEG_FRAMES:
            if size or len(body) < 6:
                raise PhotoError(DAMAGED)
            depth, height, width, channels = struct.unpack(">BHHB", body[:6])
            if marker not in _JPEG_KEPT or depth != 8 or channels not in (1, 3, 4):
                raise PhotoError(RARE_JPEG)
            size = width, height
        is_colour = (marker == 0xE0 and body.startswith(b"JFIF\0")) or (marker == 0xEE and body.startswith(b"Adobe"))
        if marker in _JPEG_KEPT or is_colour:
            kept.append(bytes([0xFF, marker]) + content[start:end])
        if marker == 0xDA:
            has_scan = True
            stop = _end_of_scan(content, end)
            kept.append(content[end : stop if stop < len(content) else max(end, stop - _JPEG_AHEAD)])
    if not size or not has_scan:
        raise PhotoError(DAMAGED)

    def decode() -> np.ndarray:
        whole = b"".join(kept)
        pixels = _opened(whole + b"\xff\xd9", "JPEG")
        with Image.open(io.BytesIO(whole + _JPEG_TAIL + b"\xff\xd9"), formats=["JPEG"]) as image:
            if not all(np.array_equal(pixels[lines], some) for lines, some in _rgb(image)):
                raise PhotoError(DAMAGED)
        return pixels

    return _Picture(*size, decode, orientation or 1)


def _segments(content: bytes):
    """Yield (marker, start, end) of each segment before the end mark, [start, end) being its length and content."""
    at = 2
    while (at := content.find(b"\xff", at)) >= 0:
        while content[at : at + 1] == b"\xff":
            at += 1
        marker = int.from_bytes(content[at : at + 1])
        at += 1
        if marker == 0xD9 or at >= len(content):
            return
        if marker in (0x00, 0x01, *range(0xD0, 0xD8)):  # Stand alone.
            continue
        end = at + int.from_bytes(content[at : at + 2])
        if end < at + 2 or end > len(content) or marker == 0xD8:
            raise PhotoError(DAMAGED)
        yield marker, at, end
        at = _end_of_scan(content, end) if marker == 0xDA else end


def _end_of_scan(content: bytes, start: int) -> int:
    """Where the first marker but a restart follows; the file's length if none does."""
    found = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL).search(content, start)
    return found.start() if found else len(content)


_TIFF_ORDERS: dict[bytes, Literal["little", "big"]] = {b"II*\0": "little", b"MM\0*": "big"}


def _orientation(tiff: bytes) -> int:
    """The EXIF orientation, 1..8, by the rules that Chromium, Firefox and WebKit share: one SHORT, or none."""
    order = _TIFF_ORDERS.get(tiff[:4])
    if not order:
        return 1
    at = int.from_bytes(tiff[4:8], order)
    count = int.from_bytes(tiff[at : at + 2], order)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(tiff) - 11), 12):
        tag, kind = (int.from_bytes(tiff[entry + i : entry + i + 2], order) for i in (0, 2))
        if tag == 0x0112:
            value = int.from_bytes(tiff[entry + 8 : entry + 10], order)
            is_short = kind == 3 and int.from_bytes(tiff[entry + 4 : entry + 8], order) == 1
            return value if is_short and 1 <= value <= 8 else 1
    return 1


_ADAM7 = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def _png(content: bytes) -> _Picture:
    """Walk the chunks (PNG specification, section 5) to IEND, or as far as the file goes.

    The checksums of what makes the pixels must be right, those of all else are ignored.
    An animation whose first frame is not the picture itself (a cover) gives that frame, as browsers show it.
    """
    header = palette = transparency = frame = None
    orientation, is_animated = 1, False
    data: list[bytes] = []
    frame_data: list[bytes] = []
    at = 8
    while at + 8 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        body, checksum = content[at + 8 : at + 8 + length], content[at + 8 + length : at + 12 + length]
        at += 12 + length
        is_right = len(checksum) < 4 or zlib.crc32(kind + body) == int.from_bytes(checksum)
        if kind in (b"IHDR", b"PLTE", b"IDAT") and not is_right:
            raise PhotoError(DAMAGED)
        if kind == b"IEND":
            break
        if kind == b"IDAT":
            data.append(body)
        elif kind == b"fdAT" and frame:
            frame_data.append(body[4:])
        elif len(body) < length:
            break
        elif header is None:
            if kind != b"IHDR" or length != 13:
                raise PhotoError(DAMAGED)
            header = body
        elif kind == b"PLTE" and palette is None:
            palette = body
        elif kind == b"tRNS" and transparency is None and not data:
            transparency = body
        elif kind == b"eXIf" and not data and orientation == 1:
            orientation = _orientation(body)
        elif kind == b"acTL" and not data:
            is_animated = length == 8 and body[:4] != bytes(4)
        elif kind == b"fcTL" and is_animated and length == 26:
            if not data or frame:  # The picture itself is the first frame, or the second one begins.
                is_animated = False
            else:
                frame = struct.unpack(">4I", body[4:20])
    if header is None:
        raise PhotoError(DAMAGED)
    width, height, depth, kind, compression, filtering, interlace = struct.unpack(">IIBBBBB", header)
    if (
        depth not in _PNG_DEPTHS.get(kind, ())
        or compression
        or filtering
        or interlace > 1
        or (kind == 3 and not palette)
    ):
        raise PhotoError(DAMAGED)
    palette, transparency = palette or b"", transparency or b""

    def decode() -> np.ndarray:
        if not frame:
            return _on_white(*_png_samples(header, palette, transparency, b"".join(data)))
        across, down, left, top = frame
        if left + across > width or top + down > height or not across or not down:
            raise PhotoError(DAMAGED)
        inner = struct.pack(">II", across, down) + header[8:]
        pixels = np.full((height, width, 3), 255, np.uint8)
        part = _on_white(*_png_samples(inner, palette, transparency, b"".join(frame_data)))
        pixels[top : top + down, left : left + across] = part
        return pixels

    return _Picture(width, height, decode, orientation)


def _png_samples(
    header: bytes, palette: bytes, transparency: bytes, data: bytes
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return RGB or grey uint8 (height, width, 3 or 1), and alpha uint8 (height, width, 1) or None."""
    width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", header)
    bits = depth * _PNG_CHANNELS[kind]
    passes = [(-(-(height - y) // down), -(-(width - x) // across)) for y, down, x, across in _ADAM7]
    sizes = passes if interlace else [(height, width)]
    rows = _inflated(data, sum(down * (1 + -(-across * bits // 8)) for down, across in sizes if down > 0 < across))
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b"")]
    if kind == 3:
        chunks.insert(1, (b"PLTE", palette[: len(palette) // 3 * 3][:768]))
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )

    def samples(rawmode: str | None = None) -> np.ndarray:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
            if rawmode:
                image.tile = [image.tile[0]._replace(args=rawmode)]
            array = np.asarray(image)
            array = array.astype(np.uint8) * 255 if image.mode == "1" else array
            return array.reshape(height, width, -1)

    values = samples()
    if kind == 3:
        return _from_palette(values[..., 0], palette, transparency)
    if kind in (4, 6):
        return values[..., :-1], values[..., -1:]
    wanted = 2 * _PNG_CHANNELS[kind]
    alpha = None
    if len(transparency) >= wanted:
        key = np.frombuffer(transparency[:wanted], ">u2") & (2**depth - 1)
        if depth < 8:
            key = key * (255 // (2**depth - 1))
        # Pillow gives the high bytes of 16-bit RGB; read as if the low ones came last, it gives those.
        exact = values if depth < 16 or kind == 0 else values.astype(np.uint16) << 8 | samples("RGB;16L")
        alpha = np.where((exact == key).all(axis=-1, keepdims=True), 0, 255).astype(np.uint8)
    return (values >> 8 if values.dtype.itemsize > 1 else values).astype(np.uint8), alpha


def _inflated(data: bytes, size: int) -> bytes:
    """The first ``size`` bytes of a zlib stream, whose header and checksum are ignored."""
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    parts, missing = [], size
    for at in range(2, len(data), _INFLATE_STEP):
        try:
            parts.append(unpack.decompress(data[at : at + _INFLATE_STEP], missing))
        except zlib.error:
            break
        missing -= len(parts[-1])
        if not missing or unpack.eof:
            break
    if missing:
        raise PhotoError(DAMAGED)
    return b"".join(parts)


_INFLATE_STEP = 1 << 15


def _from_palette(indices: np.ndarray, palette: bytes, alphas: bytes) -> tuple[np.ndarray, np.ndarray | None]:
    """RGB and alpha of palette indices (height, width); black where the palette has no such colour."""
    colours = np.frombuffer(palette[:768].ljust(768, b"\0"), np.uint8).reshape(256, 3)
    alpha = np.frombuffer(alphas[:256].ljust(256, b"\xff"), np.uint8)[indices][..., None] if alphas else None
    return colours[indices], alpha


def _webp(content: bytes) -> _Picture:
    """Walk the chunks of a WebP (RFC 9649, section 2), whose size stands at its beginning, without its profile."""
    end = 8 + int.from_bytes(content[4:8], "little")
    size: tuple[int, int] | None = None
    kept, at = [], 12
    while at + 8 <= min(end, len(content)):
        kind, length = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        start, at = at, at + 8 + length + length % 2
        body = content[start + 8 : start + 8 + length]
        if kind in (b"ICCP", b"EXIF", b"XMP "):
            continue
        chunk = content[start:at]
        if size is None:
            if kind == b"VP8X" and length >= 10:
                size = 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
                chunk = chunk[:8] + bytes([body[0] & ~0x2C]) + body[1:]
            elif kind == b"VP8L" and length >= 5:
                packed = int.from_bytes(body[1:5], "little")
                size = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
            elif kind == b"VP8 " and length >= 10:
                size = int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
            else:
                raise PhotoError(DAMAGED)
        kept.append(chunk)
    if size is None:
        raise PhotoError(DAMAGED)

    def decode() -> np.ndarray:
        if end > len(content):
            raise PhotoError(DAMAGED)
        inner = b"WEBP" + b"".join(kept)
        return _opened(b"RIFF" + struct.pack("<I", len(inner)) + inner, "WEBP")

    return _Picture(*size, decode)


def _gif(content: bytes) -> _Picture:
    """Walk the blocks of a GIF (GIF89a, section 12) to its first frame.

    As in Firefox and WebKit, a GIF87a and a GIF whose frame does not fit into its screen have the frame's size.
    """
    width, height, flags = struct.unpack("<HHB", content[6:11])
    palette_size = 3 << (flags & 7) + 1 if flags & 0x80 else 0
    palette, at, clear = content[13 : 13 + palette_size], 13 + palette_size, None
    while content[at : at + 1] == b"!":
        if content[at + 1] == 0xF9 and content[at + 3] & 1:
            clear = content[at + 6]
        elif content[at + 1] == 0xF9:
            clear = None
        at += 2
        while content[at]:
            at += 1 + content[at]
        at += 1
    if content[at : at + 1] != b",":
        raise PhotoError(DAMAGED)
    left, top, across, down, flags = struct.unpack("<HHHHB", content[at + 1 : at + 10])
    at += 10
    if flags & 0x80:
        palette_size = 3 << (flags & 7) + 1
        palette, at = content[at : at + palette_size], at + palette_size
    start, at = at, at + 1
    while at < len(content) and content[at]:
        at += 1 + content[at]
    if content.startswith(b"GIF87a") or left + across > width or top + down > height:
        width, height, left, top = across, down, 0, 0

    def decode() -> np.ndarray:
        head = b"GIF89a" + struct.pack("<HHBBB", across, down, 0xF7, 0, 0) + bytes(768)
        head += b"," + struct.pack("<HHHHB", 0, 0, across, down, flags & 0x40)
        with Image.open(io.BytesIO(head + content[start:at] + b"\0;"), formats=["GIF"]) as image:
            indices = np.asarray(image)
        alphas = b"" if clear is None else bytes(0 if i == clear else 255 for i in range(256))
        pixels = np.full((height, width, 3), 255, np.uint8)
        pixels[top : top + down, left : left + across] = _on_white(*_from_palette(indices, palette, alphas))
        return pixels

    if not across or not down:
        raise PhotoError(DAMAGED)
    return _Picture(width, height, decode)


def _avif(content: bytes) -> _Picture:
    """Look through the boxes of an AVIF (ISO/IEC 23008-12) for its largest size and for how it is turned.

    Of an animation ("avis") the picture beside the film is taken: of the film, decoders make other colours.
    """
    at, meta = 0, b""
    while at + 8 <= len(content):
        size, kind = struct.unpack(">I4s", content[at : at + 8])
        size = int.from_bytes(content[at + 8 : at + 16]) if size == 1 else size or len(content) - at
        if size < 8 or at + size > len(content):
            raise PhotoError(DAMAGED)
        meta = content[at : at + size] if kind == b"meta" and not meta else meta
        at += size
    sizes = [struct.unpack(">II", found) for found in re.findall(rb"ispe\0{4}(.{8})", meta, re.DOTALL)]
    if not sizes:
        raise PhotoError(DAMAGED)
    angle, axis = (
        found[1][0] if (found := re.search(rb"\0\0\0\x09" + kind + rb"(.)", meta, re.DOTALL)) else None
        for kind in (b"irot", b"imir")
    )
    turns = {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}
    orientation = turns[axis and axis & 1][(angle or 0) & 3]
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return _Picture(width, height, lambda: _opened(content[:8] + b"avif" + content[12:], "AVIF"), orientation)


def _opened(content: bytes, kind: str) -> np.ndarray:
    """What Pillow decodes, on white: uint8 (height, width, 3)."""
    with Image.open(io.BytesIO(content), formats=[kind]) as image:
        if image.has_transparency_data:
            samples = np.asarray(image.convert("RGBA"))
            return _on_white(samples[..., :3], samples[..., 3:])
        pixels = np.empty((image.height, image.width, 3), np.uint8)
        for lines, some in _rgb(image):
            pixels[lines] = some
        return pixels


def _rgb(image: Image.Image) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield which lines of a picture these are, and their pixels: uint8 (lines, width, 3).

    A few at a time, since of all that it is asked for Pillow makes three copies, each in memory that is new to the
    process: for a photo of ten megapixels that took more time than decoding it.
    """
    image = image if image.mode == "RGB" else image.convert("RGB")
    step = max(1, _AT_ONCE // image.width)
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        yield slice(top, bottom), np.asarray(image.crop((0, top, image.width, bottom)))


def _on_white(colours: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """uint8 (height, width, 3) from colours of 3 channels or 1, laid on white; divided by 255 and rounded."""
    if alpha is not None:
        alpha = alpha.astype(np.uint16)
        colours = colours * alpha + 255 * (255 - alpha) + 128
        colours = (colours + (colours >> 8) >> 8).astype(np.uint8)
    return colours if colours.shape[-1] == 3 else np.repeat(colours, 3, axis=-1)


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror a picture upright (EXIF 2.32, tag Orientation)."""
    if orientation in (3, 4, 6, 7):
        pixels = pixels[::-1]
    if orientation in (2, 3, 7, 8):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels.transpose(1, 0, 2) if orientation >= 5 else pixels)
