"""The page reads the files that people have as train/chain/read.py does, in Chromium, Firefox and WebKit.

Where Python has pixels, the page has them too; where it has a sentence, the page has the same.
Firefox runs where Debian's ``firefox-esr`` is installed, WebKit where ``webkit2gtk-driver`` and ``xvfb`` are.
"""

import contextlib
import json
import re
import shutil
import struct
import subprocess
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import CHROMIUM_OPTIONS, ROOT, Site, draw, encode
from PIL import Image, ImageCms
from webkit import is_installed, webkit

from train.chain.read import MAX_BYTES, MAX_PIXELS, PhotoError, read_photo

RUN = """<!doctype html>
<script type="module">
  import { decode } from './web/photo.js';
  const answers = {};
  const { input, names } = await (await fetch('expected.json')).json();
  for (const name of names) {
    const file = await (await fetch(`photos/${name}`)).blob();
    try {
      const { data, width, height } = await decode(file, input);
      const response = await fetch(`expected/${name}`);
      const expected = response.ok ? new Uint8Array(await response.arrayBuffer()) : [];
      let largest = 0;
      for (let at = 0, to = 0; at < expected.length; at++, to += to % 4 === 2 ? 2 : 1) {
        largest = Math.max(largest, Math.abs(expected[at] - data[to]));
      }
      const isOpaque = data.every((value, at) => at % 4 !== 3 || value === 255);
      answers[name] = { shape: [height, width, 3], largest, isOpaque };
    } catch (error) {
      answers[name] = error.message;
    }
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


def tiff(kind: int, count: int, orientation: int, order: str = "<") -> bytes:
    """EXIF with an orientation alone, as a field of this kind (3 is SHORT, 4 LONG) and count."""
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([orientation, 0] if kind == 3 else [orientation]))
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 1)
    return start + struct.pack(order + "HHI", 0x0112, kind, count) + value + bytes(4)


def with_segments(jpeg: bytes, *contents: bytes) -> bytes:
    """A JPEG with APP1 segments."""
    return jpeg[:2] + b"".join(b"\xff\xe1" + struct.pack(">H", len(c) + 2) + c for c in contents) + jpeg[2:]


def behind_its_start(jpeg: bytes, *parts: bytes) -> bytes:
    """A JPEG with something else between its first segments."""
    return jpeg[:20] + b"".join(parts) + jpeg[20:]


def with_chunks(image: bytes, *chunks: bytes, before: bytes = b"IDAT") -> bytes:
    at = image.index(before) - 4
    return image[:at] + b"".join(chunks) + image[at:]


XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    b'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def raw_profile() -> bytes:
    """EXIF as ImageMagick once wrote it into PNG text."""
    exif = b"Exif\0\0" + tiff(3, 1, 6)
    text = f"\nexif\n{len(exif):8d}\n{exif.hex()}\n"
    return png_chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text.encode()))


def few_bits(depth: int, kind: int, *extra: bytes) -> bytes:
    """A PNG of 1, 2 or 4 bits a sample."""
    grey = np.asarray(draw(99, 77, 40 + depth).convert("L")) >> (8 - depth)
    bits = np.unpackbits(grey[..., None], axis=-1)[..., 8 - depth :].reshape(77, -1)
    rows = np.pad(np.packbits(bits, axis=1), ((0, 0), (1, 0))).tobytes()
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 99, 77, depth, kind, 0, 0, 0))
    chunks = [header, *extra, png_chunk(b"IDAT", zlib.compress(rows)), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def animation(*, cover: bool) -> bytes:
    frames = [draw(120, 90, seed) for seed in (51, 52, 53)]
    return encode(frames[0], "PNG", save_all=True, default_image=cover, append_images=frames[1:])


def ycck(seed: int) -> bytes:
    """A CMYK JPEG whose Adobe segment says YCCK: other colours, but the same ones everywhere."""
    data = encode(draw(160, 120, seed).convert("CMYK"), "JPEG", quality=95)
    at = data.index(b"Adobe")
    return data[: at + 11] + b"\x02" + data[at + 12 :]


def with_frame(jpeg: bytes, **values: int) -> bytes:
    """A baseline JPEG whose frame header says something else (ITU T.81, B.2.2)."""
    changed, at = bytearray(jpeg), jpeg.index(b"\xff\xc0")
    for name, value in values.items():
        changed[at + {"precision": 4, "width_high": 7, "width_low": 8, "components": 9}[name]] = value
    return bytes(changed)


def lettered(seed: int) -> bytes:
    """A JPEG whose components are called R, G and B, and yet, as JFIF says, are brightness and colour."""
    data = bytearray(encode(draw(160, 120, seed), "JPEG", quality=95))
    frame, scan = data.index(b"\xff\xc0"), data.index(b"\xff\xda")
    for index, letter in enumerate(b"RGB"):
        data[frame + 10 + 3 * index] = data[scan + 5 + 2 * index] = letter
    return bytes(data)


def on_screen(gif: bytes, version: bytes, width: int, height: int) -> bytes:
    """A GIF with another screen around its frame."""
    return version + struct.pack("<HH", width, height) + gif[10:]


def with_aperture(width: int, height: int) -> bytes:
    """An AVIF of which the property `clap` shows the middle alone; it takes the place of a profile of equal length."""
    avif = encode(draw(160, 120, 60), "AVIF", quality=90, icc_profile=bytes(28))
    box = struct.pack(">I4s8I", 40, b"clap", width, 1, height, 1, 0, 1, 0, 1)
    avif = avif.replace(b"\5\1\2\x83\4\5", b"\5\1\2\x83\x84\5")  # The fourth of five properties is essential now.
    before, after = re.split(rb"\0\0\0\x28colrprof.{28}", avif, flags=re.DOTALL)
    return before + box + after


def clear_gif(seed: int, **options) -> bytes:
    image = draw(150, 110, seed).quantize(16)
    return encode(image, "GIF", transparency=3, **options)


def kinds() -> dict[str, bytes]:
    """Files that programs and mishaps make; every one a whole picture in browsers."""
    image = draw(160, 120, 60)
    jpeg, plain = encode(image, "JPEG", quality=90), encode(image, "PNG")
    rgba = encode(with_alpha(160, 120, 61), "PNG")
    exif = b"Exif\0\0"
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + XMP
    comment = png_chunk(b"tEXt", b"Comment\0hello")
    palette = b"".join(bytes([i * 16, 255 - i * 16, i * 5]) for i in range(16))
    grey = draw(99, 77, 62).convert("L")
    turned = Image.Exif()
    turned[0x0112] = 6
    wide_key = struct.pack(">HHH", *(int(value) for value in wide(99, 77, 63, 3)[5, 7]))
    return {
        "xmp.jpg": with_segments(jpeg, xmp),
        "xmp.png": with_chunks(plain, png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)),
        "raw-profile.png": with_chunks(plain, raw_profile()),
        "long.jpg": with_segments(jpeg, exif + tiff(4, 1, 6)),
        "long.png": with_chunks(plain, png_chunk(b"eXIf", tiff(4, 1, 6))),
        "big-endian.jpg": with_segments(jpeg, exif + tiff(3, 1, 6, ">")),
        "big-endian.png": with_chunks(plain, png_chunk(b"eXIf", tiff(3, 1, 6, ">"))),
        "two-values.jpg": with_segments(jpeg, exif + tiff(3, 2, 6)),
        "ninth.jpg": with_segments(jpeg, exif + tiff(3, 1, 9)),
        "short-exif.png": with_chunks(plain, png_chunk(b"eXIf", b"II*\0")),
        "two-exif.jpg": with_segments(jpeg, exif + tiff(3, 1, 6), exif + tiff(3, 1, 3)),
        "exif-after-xmp.jpg": with_segments(jpeg, xmp, exif + tiff(3, 1, 8)),
        "prefix.png": with_chunks(plain, png_chunk(b"eXIf", exif + tiff(3, 1, 6))),
        "late-exif.png": with_chunks(plain, png_chunk(b"eXIf", tiff(3, 1, 6)), before=b"IEND"),
        "byte-after-the-end.png": rgba + b"\n",
        "long-after-the-end.png": plain + bytes(5000),
        "large-profile.png": encode(image, "PNG", icc_profile=bytes(2_000_000)),
        "bad-checksum.png": with_chunks(plain, comment[:-4] + bytes(4)),
        "bad-checksum-at-the-end.png": plain[:-4] + bytes(4),
        "no-end.png": plain[:-12],
        "half-an-end.png": plain[:-7],
        "no-end-transparent.png": rgba[:-12],
        "exif-in-another-segment.jpg": behind_its_start(jpeg, b"\xff\xe2\0\x22" + exif + tiff(3, 1, 6)),
        "bytes-between-segments.jpg": behind_its_start(jpeg, b"\x3f\x3e"),
        "fill-bytes.jpg": behind_its_start(jpeg, b"\xff\xff\xff"),
        "marks-without-a-segment.jpg": behind_its_start(jpeg, b"\xff\x01", b"\xff\xd0", b"\xff\xd7", b"\xff\x00"),
        "empty-segment.jpg": behind_its_start(jpeg, b"\xff\xe1\0\x02"),
        "mark-for-an-end.jpg": jpeg[:-2] + b"\xff\xe1",
        "segment-for-an-end.jpg": jpeg[:-2] + b"\xff\xe1\0\x05abc",
        "extended.jpg": jpeg.replace(b"\xff\xc0", b"\xff\xc1", 1),
        "zeros-for-an-end.jpg": jpeg[:-2] + bytes(512),
        "zeros-before-the-end.jpg": jpeg[:-2] + bytes(512) + b"\xff\xd9",
        "restarts.jpg": encode(image, "JPEG", restart_marker_rows=1),
        "restarts-progressive.jpg": encode(image, "JPEG", restart_marker_blocks=3, progressive=True, subsampling=0),
        "cmyk-plain.jpg": with_segments(ycck(64), exif + tiff(3, 1, 6)),
        "ycck.jpg": ycck(65),
        "letters.jpg": lettered(74),
        "cover.png": animation(cover=True),
        "animation.png": animation(cover=False),
        "animation.gif": encode(draw(90, 70, 66), "GIF", save_all=True, append_images=[draw(90, 70, 67)]),
        **{f"grey-{bits}.png": few_bits(bits, 0) for bits in (1, 2, 4)},
        **{
            f"grey-{bits}-key-{key}.png": few_bits(bits, 0, png_chunk(b"tRNS", struct.pack(">H", key)))
            for bits, key in ((1, 0), (1, 1), (2, 0), (2, 1), (2, 3), (4, 0), (4, 7), (4, 15))
        },
        "palette-4.png": few_bits(4, 3, png_chunk(b"PLTE", palette), png_chunk(b"tRNS", bytes(range(0, 160, 16)))),
        "rgb-16-key.png": png(wide(99, 77, 63, 3), 2, png_chunk(b"tRNS", wide_key)),
        "grey-16-key.png": png(wide(99, 77, 63, 1), 0, png_chunk(b"tRNS", wide_key[:2])),
        "plain.gif": encode(image, "GIF"),
        "grey.gif": encode(grey, "GIF"),
        "one-bit.gif": encode(grey.convert("1"), "GIF"),
        "clear.gif": clear_gif(68),
        "interlaced.gif": clear_gif(69, interlace=True),
        "screen-87.gif": on_screen(encode(image, "GIF"), b"GIF87a", 200, 150),
        "screen-89.gif": on_screen(encode(image, "GIF"), b"GIF89a", 200, 150),
        "small-screen.gif": on_screen(encode(image, "GIF"), b"GIF89a", 20, 15),
        "no-trailer.gif": encode(image, "GIF")[:-1],
        "plain.avif": encode(image, "AVIF", quality=90),
        "422.avif": encode(draw(161, 121, 60), "AVIF", quality=90, subsampling="4:2:2"),
        "444.avif": encode(image, "AVIF", quality=95, subsampling="4:4:4"),
        "limited.avif": encode(draw(161, 121, 60), "AVIF", quality=90, range="limited"),
        **{f"exif{n}.avif": oriented(n, "AVIF", quality=90) for n in range(2, 9)},
        "aperture.avif": with_aperture(64, 48),
        "odd-aperture.avif": with_aperture(63, 47),
        "large-aperture.avif": with_aperture(1000, 1000),
        "alpha.avif": encode(with_alpha(160, 120, 70), "AVIF", quality=90),
        "alpha-444.avif": encode(with_alpha(160, 120, 75), "AVIF", quality=60, subsampling="4:4:4"),
        "alpha-444-turned.avif": encode(with_alpha(160, 120, 76), "AVIF", quality=90, subsampling="4:4:4", exif=turned),
        "alpha-animation.avif": encode(
            with_alpha(160, 120, 77), "AVIF", quality=90, save_all=True, append_images=[with_alpha(160, 120, 78)]
        ),
        "grey.avif": encode(grey, "AVIF", quality=90),
        "animation.avif": encode(image, "AVIF", save_all=True, append_images=[draw(160, 120, 71)]),
        "animation.webp": encode(image, "WEBP", save_all=True, append_images=[draw(160, 120, 72)], lossless=True),
        "lossy-alpha.webp": encode(with_alpha(160, 120, 73), "WEBP", quality=80),
    }


def refused() -> dict[str, bytes]:
    """Files that get the same sentence in every place."""
    image = draw(160, 120, 80)
    jpeg, plain, gif = encode(image, "JPEG"), encode(image, "PNG"), encode(image, "GIF")
    webp, avif = encode(image, "WEBP"), encode(image, "AVIF")
    frame, scan = jpeg.index(b"\xff\xc0"), jpeg.index(b"\xff\xda")
    upright = Image.Exif()
    upright[0x0112] = 1
    return {
        "half.jpg": jpeg[: len(jpeg) // 2],
        "half-with-an-end.jpg": jpeg[: len(jpeg) // 2] + b"\xff\xd9",
        "no-end.jpg": jpeg[:-2],
        "half.png": plain[: len(plain) // 2],
        "half.gif": gif[: len(gif) // 2],
        "half.webp": webp[: len(webp) // 2],
        "half.avif": avif[: len(avif) // 2],
        # The fourth or fifth of five properties is not marked as essential, although it changes the picture.
        "unmarked-aperture.avif": with_aperture(64, 48).replace(b"\5\1\2\x83\x84\5", b"\5\1\2\x83\4\5"),
        **{
            f"unmarked-exif{n}.avif": oriented(n, "AVIF").replace(b"\5\1\2\x83\4\x85", b"\5\1\2\x83\4\5")
            for n in (2, 6)
        },
        "bad-checksum-of-the-pixels.png": plain[:-16] + bytes(4) + plain[-12:],
        "fill-byte-for-an-end.jpg": jpeg[:-2] + b"\xff",
        "no-scan.jpg": jpeg[:scan] + jpeg[-2:],
        "two-starts.jpg": behind_its_start(jpeg, b"\xff\xd8"),
        "segment-of-one-byte.jpg": behind_its_start(jpeg, b"\xff\xe1\0\x01"),
        "segment-past-the-end.jpg": jpeg[:-2] + b"\xff\xe1\xff\xff",
        "short-frame.jpg": behind_its_start(jpeg, b"\xff\xc0\0\x07\x08\0\x78\0\xa0"),
        "two-frames.jpg": jpeg[:frame] + jpeg[frame:scan] + jpeg[frame:],
        "no-width.jpg": with_frame(jpeg, width_high=0, width_low=0),
        "twelve-bits.jpg": with_frame(jpeg, precision=12),
        "two-components.jpg": with_frame(jpeg, components=2),
        "cut-behind-its-picture.webp": encode(image, "WEBP", exif=upright)[:-8],
        "head.jpg": jpeg[:30],
        "head.png": plain[:20],
        "head.gif": gif[:8],
        "head.webp": webp[:13],
        "short.webp": webp[:24],
        "short-lossless.webp": encode(image, "WEBP", lossless=True)[:24],
        "short-extended.webp": encode(image, "WEBP", exif=upright)[:24],
        "another-chunk-first.webp": webp[:12] + b"ALPH" + bytes(4) + webp[12:],
        "head.avif": avif[:20],
        "arithmetic.jpg": jpeg.replace(b"\xff\xc0", b"\xff\xc9", 1),
        "bomb.png": encode(Image.new("1", (13000, 13000)), "PNG"),
        "photo.heic": struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(100),
        "photo.heif": struct.pack(">I", 24) + b"ftypmif1" + bytes(4) + b"mif1heix" + bytes(100),
        "first-brand.heic": struct.pack(">I", 20) + b"ftypheic" + bytes(4) + b"none",
        "last-brand.heic": struct.pack(">I", 20) + b"ftypnone" + bytes(4) + b"heix",
        "version.heic": struct.pack(">I", 20) + b"ftypnoneheicnone",
        "behind-the-box.heic": struct.pack(">I", 20) + b"ftypnone" + bytes(4) + b"noneheic",
        "sound.wav": b"RIFF" + struct.pack("<I", 100) + b"WAVEfmt " + bytes(92),
        "film.mp4": struct.pack(">I", 24) + b"ftypisom" + bytes(4) + b"isommp42" + bytes(100),
        "text.jpg": b"just some text",
        "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        "empty.png": b"",
    }


INPUT = {"max_pixels": MAX_PIXELS, "max_bytes": MAX_BYTES}


@pytest.fixture(scope="module")
def read(tmp_path_factory) -> tuple[Path, dict[str, tuple | str]]:
    """A folder to serve, and for each of its files the shape of Python's pixels or its sentence."""
    folder = tmp_path_factory.mktemp("read")
    (folder / "photos").mkdir()
    (folder / "expected").mkdir()
    answers = {}
    for name, content in (torture() | kinds() | refused()).items():
        (folder / "photos" / name).write_bytes(content)
        try:
            pixels = read_photo(content)
        except PhotoError as error:
            answers[name] = str(error)
            continue
        (folder / "expected" / name).write_bytes(pixels.tobytes())
        answers[name] = pixels.shape
    (folder / "expected.json").write_text(json.dumps({"input": INPUT, "names": list(answers)}))
    (folder / "run.html").write_text(RUN)
    (folder / "web").symlink_to(ROOT / "web")
    return folder, answers


@contextlib.contextmanager
def running(command: list[str]):
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def showing(browser_name: str, url: str, profile: Path, preferences: str = ""):
    """A browser that has opened an address, until the block ends."""
    if browser_name == "webkit":
        if not is_installed():
            pytest.skip("webkit2gtk-driver or xvfb is not installed")
        with webkit(profile) as browser:
            browser.open(url)
            yield
        return
    if not shutil.which(browser_name):
        pytest.skip(f"{browser_name} is not installed")
    (profile / "user.js").write_text(preferences)
    with running([part.format(profile) for part in BROWSERS[browser_name]] + [url]):
        yield


BROWSERS = {
    "chromium": ["chromium", "--headless=new", *CHROMIUM_OPTIONS, "--user-data-dir={}"],
    "firefox-esr": ["firefox-esr", "--headless", "--no-remote", "--profile", "{}"],
    "webkit": [],
}


def answers_of(browser_name: str, folder: Path, profile: Path, preferences: str = "") -> dict[str, dict | str]:
    """What the folder's run.html posts: {name: answer, or the page's sentence}."""
    site = Site(folder)
    with showing(browser_name, site.url + "run.html", profile, preferences):
        for _ in range(2400):
            if site.posted:
                break
            time.sleep(0.1)
    site.stop()
    assert site.posted, f"no answer; asked for: {site.requests[-3:]}"
    return json.loads(site.posted[0])


@pytest.mark.parametrize("browser_name", BROWSERS)
def test_every_kind_of_file_gets_python_s_pixels_or_its_sentence(browser_name, read, tmp_path):
    folder, expected = read
    found = answers_of(browser_name, folder, tmp_path)
    wrong = {}
    for name, answer in expected.items():
        if isinstance(answer, str) or isinstance(found[name], str):
            if found[name] != answer:
                wrong[name] = found[name], answer
            continue
        if tuple(found[name]["shape"]) != answer or found[name]["largest"]:
            wrong[name] = found[name], answer
    assert wrong == {}
    assert all(answer["isOpaque"] for answer in found.values() if isinstance(answer, dict))


def test_every_whole_picture_is_read(read):
    _, expected = read
    assert {name: expected[name] for name in kinds() | torture() if isinstance(expected[name], str)} == {}
    assert {name: expected[name] for name in refused() if not isinstance(expected[name], str)} == {}


def test_a_browser_that_invents_pixels_says_so(read, tmp_path):
    folder, profile = tmp_path / "site", tmp_path / "profile"
    folder.mkdir()
    profile.mkdir()
    for path in read[0].iterdir():
        (folder / path.name).symlink_to(path)
    (folder / "expected.json").unlink()
    names = ["420.jpg", "lossy.webp", "plain.png", "plain.gif", "plain.avif"]
    (folder / "expected.json").write_text(json.dumps({"input": INPUT, "names": names}))
    found = answers_of("firefox-esr", folder, profile, 'user_pref("privacy.resistFingerprinting", true);')
    assert [name for name in names if "gives pages invented pixels" in str(found[name])] == names[:2]
    assert [found[name]["largest"] for name in names[2:]] == [0, 0, 0]
