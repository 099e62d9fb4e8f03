"""What a photo's reader does with the files that people have."""

import io
import os
import random
import struct

import numpy as np
import pytest
from conftest import draw, encode
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from train.chain import read
from train.chain.read import MAX_BYTES, MAX_PIXELS, PhotoError, read_photo


def test_plain_pixels_are_unchanged():
    image = draw(50, 40)
    np.testing.assert_array_equal(read_photo(encode(image, "PNG")), np.asarray(image))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_upright(orientation):
    upright = draw(60, 40)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(read_photo(encode(stored, "PNG", exif=exif)), np.asarray(upright))


def test_exif_does_not_turn_a_webp():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = draw(60, 40)
    np.testing.assert_array_equal(read_photo(encode(image, "WEBP", lossless=True, exif=exif)), np.asarray(image))


def test_transparency_is_laid_on_white():
    image = Image.new("RGBA", (3, 1), (255, 0, 0, 255))
    image.putpixel((1, 0), (255, 0, 0, 0))
    image.putpixel((2, 0), (255, 0, 0, 128))
    assert read_photo(encode(image, "PNG")).tolist() == [[[255, 0, 0], [255, 255, 255], [255, 127, 127]]]


def test_palette_transparency_is_laid_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    assert read_photo(encode(image, "PNG", transparency=1)).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_sixteen_bit_grey_keeps_its_high_byte():
    grey = Image.fromarray(np.array([[0, 255, 256, 32768, 65535]], np.uint16))
    assert read_photo(encode(grey, "PNG"))[0, :, 0].tolist() == [0, 0, 1, 128, 255]


def test_grey_becomes_three_equal_channels():
    pixels = read_photo(encode(draw(20, 30).convert("L"), "JPEG"))
    assert pixels.shape == (30, 20, 3)
    assert (pixels == pixels[..., :1]).all()


def test_cmyk_becomes_rgb():
    pixels = read_photo(encode(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100))
    np.testing.assert_allclose(pixels.reshape(-1, 3).mean(0), [255, 0, 0], atol=4)


def test_a_colour_profile_is_ignored():
    image = draw(20, 20)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    np.testing.assert_array_equal(read_photo(encode(image, "PNG", icc_profile=profile)), np.asarray(image))


def test_an_animation_gives_its_first_frame():
    frames = [draw(20, 20, seed) for seed in (1, 2)]
    data = encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)
    np.testing.assert_array_equal(read_photo(data), np.asarray(frames[0]))


JPEG = encode(draw(200, 200), "JPEG")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (JPEG[: len(JPEG) // 2], "damaged or cut off"),
        (JPEG[: len(JPEG) // 2] + b"\xff\xd9", "damaged or cut off"),
        (b"just some text", "not a JPEG, PNG, WebP, GIF or AVIF"),
        (b"", "not a JPEG, PNG, WebP, GIF or AVIF"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a JPEG, PNG, WebP, GIF or AVIF"),
        *(
            (struct.pack(">I", 20) + b"ftyp" + brands, "HEIC picture.*share it as JPEG")
            for brands in (b"heic....none", b"hevc....none", b"mif1....none", b"msf1....none", b"none....heix")
        ),
        (struct.pack(">I", 20) + b"ftypnone....noneheic", "not a JPEG, PNG, WebP, GIF or AVIF"),  # Behind the box.
        (struct.pack(">I", 20) + b"ftypnoneheicnone", "not a JPEG, PNG, WebP, GIF or AVIF"),  # A version, no brand.
        (JPEG.replace(b"\xff\xc0", b"\xff\xc9", 1), "rare kind of JPEG"),
    ],
)
def test_what_is_no_photo_gets_a_sentence(content, sentence):
    with pytest.raises(PhotoError, match=sentence):
        read_photo(content)


def test_a_small_file_with_too_many_pixels_is_refused_before_it_is_decoded():
    bomb = encode(Image.new("1", (13000, 13000)), "PNG")
    assert len(bomb) < 40_000 and 13000**2 > MAX_PIXELS
    with pytest.raises(PhotoError, match="13000 x 13000 pixels; make it smaller than 50 megapixels"):
        read_photo(bomb)


def test_a_picture_past_pillows_own_limit_gets_the_same_sentence():
    with pytest.raises(PhotoError, match="20000 x 20000 pixels; make it smaller than 50 megapixels"):
        read_photo(encode(Image.new("1", (20000, 20000)), "PNG"))


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(MAX_BYTES + 100_000)
    with pytest.raises(PhotoError, match=r"has 25.1 MB; choose one of at most 25 MB"):
        read_photo(tmp_path / "large.jpg")
    assert read_photo(JPEG.ljust(MAX_BYTES, b"\0")).shape == (200, 200, 3)


def test_what_can_t_be_opened_is_not_called_damaged(tmp_path):
    with pytest.raises(PhotoError, match="a folder; choose a picture"):
        read_photo(tmp_path)
    (tmp_path / "round.jpg").symlink_to("round.jpg")
    with pytest.raises(PhotoError, match="can't be read: Too many levels of symbolic links"):
        read_photo(tmp_path / "round.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    for endless in (tmp_path / "pipe.jpg", "/dev/zero"):
        with pytest.raises(PhotoError, match="a pipe or a device; choose a picture that is a file"):
            read_photo(endless)


def test_too_little_memory_is_not_called_damage(monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(read, "_opened", full)
    with pytest.raises(PhotoError, match="not enough memory"):
        read_photo(JPEG)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(PhotoError, match="no such file"):
        read_photo(tmp_path / "nothing.jpg")


def test_bytes_and_path_read_alike(tmp_path):
    (tmp_path / "a.jpg").write_bytes(JPEG)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.jpg"), read_photo(JPEG))
    assert np.asarray(Image.open(io.BytesIO(JPEG))).shape == read_photo(JPEG).shape


def small_files() -> list[bytes]:
    """One of each format, and those with the most inner structure."""
    image, clear = draw(24, 20), draw(24, 20, 1)
    clear.putalpha(draw(24, 20, 2).convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        encode(image, "JPEG", exif=exif),
        encode(image, "JPEG", progressive=True),
        encode(image.convert("CMYK"), "JPEG"),
        encode(image, "PNG", exif=exif),
        encode(clear, "PNG"),
        encode(image.quantize(8), "PNG", transparency=1),
        encode(image, "PNG", save_all=True, default_image=True, append_images=[image, draw(24, 20, 3)]),
        encode(image, "WEBP"),
        encode(clear, "WEBP", lossless=True, exif=exif),
        encode(image, "GIF", save_all=True, append_images=[draw(24, 20, 3)]),
        encode(image, "AVIF", exif=exif),
    ]


SMALL = small_files()


def read_or_refused(content: bytes) -> None:
    """Pixels, or one sentence, and nothing else."""
    try:
        pixels = read_photo(content)
    except PhotoError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
        return
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size


unhurried = settings(max_examples=300, deadline=None, derandomize=True)


@unhurried
@given(st.sampled_from(SMALL), st.binary(max_size=200))
def test_random_bytes_behind_a_start(file, noise):
    read_or_refused(file[: 40 - len(noise) % 30] + noise)


@unhurried
@given(st.sampled_from(SMALL), st.floats(0, 1))
def test_a_file_that_is_cut_off(file, share):
    read_or_refused(file[: int(share * len(file))])


@unhurried
@given(st.sampled_from(SMALL), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=5))
def test_bytes_that_are_changed(file, changes):
    content = bytearray(file)
    for share, value in changes:
        content[int(share * len(file))] = value
    read_or_refused(bytes(content))


@unhurried
@given(st.sampled_from(SMALL), st.integers(2, 30), st.randoms(use_true_random=False))
def test_parts_in_another_order(file, size, shuffler: random.Random):
    parts = [file[at : at + size] for at in range(12, len(file), size)]
    shuffler.shuffle(parts)
    read_or_refused(file[:12] + b"".join(parts))


@unhurried
@given(st.randoms(use_true_random=False), st.booleans())
def test_chunks_of_a_png_in_another_order(shuffler: random.Random, is_doubled):
    file, at, chunks = SMALL[6], 8, []
    while at < len(file):
        end = at + 12 + int.from_bytes(file[at : at + 4])
        chunks.append(file[at:end])
        at = end
    chunks = chunks[1:] * (1 + is_doubled)
    shuffler.shuffle(chunks)
    read_or_refused(file[:33] + b"".join(chunks))
