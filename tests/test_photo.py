"""What a photo's reader does with the files that people have."""

import io

import numpy as np
import pytest
from conftest import draw, encode
from PIL import Image, ImageCms

from train.chain.read import MAX_PIXELS, PhotoError, read_photo


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
        (b"just some text", "not a JPEG, PNG or WebP"),
        (b"", "not a JPEG, PNG or WebP"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a JPEG, PNG or WebP"),
        (encode(draw(20, 20), "GIF"), "not a JPEG, PNG or WebP"),
    ],
)
def test_what_is_no_photo_gets_a_sentence(content, sentence):
    with pytest.raises(PhotoError, match=sentence):
        read_photo(content)


def test_a_small_file_with_too_many_pixels_is_refused_before_it_is_decoded():
    bomb = encode(Image.new("1", (13000, 13000)), "PNG")
    assert len(bomb) < 40_000 and 13000**2 > MAX_PIXELS
    with pytest.raises(PhotoError, match="13000 x 13000 pixels; make it smaller than 25 megapixels"):
        read_photo(bomb)


def test_a_picture_past_pillows_own_limit_is_called_too_large():
    with pytest.raises(PhotoError, match="huge; make it smaller than 25 megapixels"):
        read_photo(encode(Image.new("1", (20000, 20000)), "PNG"))


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(PhotoError, match="no such file"):
        read_photo(tmp_path / "nothing.jpg")


def test_bytes_and_path_read_alike(tmp_path):
    (tmp_path / "a.jpg").write_bytes(JPEG)
    np.testing.assert_array_equal(read_photo(tmp_path / "a.jpg"), read_photo(JPEG))
    assert np.asarray(Image.open(io.BytesIO(JPEG))).shape == read_photo(JPEG).shape
