"""The conditions that a detector is measured in are what their names say."""

import numpy as np
import pytest
from conftest import draw
from PIL import Image

from train.figures.conditions import CONDITIONS, FILES, SIZES, of_size, stored

PICTURE = np.asarray(draw(512, 512, 5))


def test_a_size_is_that_of_the_longer_side():
    wide = PICTURE[:300]
    assert [of_size(size, "PNG")(wide).shape[:2] for size in SIZES[-2:]] == [(150, 256), (75, 128)]
    np.testing.assert_array_equal(of_size(512, "PNG")(PICTURE), PICTURE)


def test_files_lose_more_the_lower_their_quality():
    def loss(file: str) -> float:
        return float(np.abs(np.asarray(stored(Image.fromarray(PICTURE), file)).astype(int) - PICTURE).mean())

    losses = {file: loss(file) for file in FILES}
    assert losses["PNG"] == 0
    assert losses["JPEG 95"] < losses["JPEG 85"] < losses["JPEG 75"] < losses["JPEG 60"] < losses["JPEG 40"]
    assert losses["WEBP 80"] > 0


def test_every_condition_gives_the_same_picture_again_and_leaves_the_given_one():
    before = PICTURE.copy()
    for name, condition in CONDITIONS.items():
        once, again = condition(PICTURE), condition(PICTURE)
        assert once.dtype == np.uint8 and once.shape[2] == 3, name
        np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(PICTURE, before)


@pytest.mark.parametrize(
    "name, shape",
    [
        ("as it is", (512, 512)),
        ("cropped to 70 %", (358, 358)),
        ("frame of 10", (552, 552)),
        ("frame of 60", (752, 752)),
        ("bars", (910, 512)),
        ("screenshot", (2340, 1080)),
        ("turned by 90 degrees", (512, 512)),
        ("pasted at 300 pixels", (900, 1200)),
    ],
)
def test_frames_and_turns_have_their_sizes(name, shape):
    assert CONDITIONS[name](PICTURE).shape[:2] == shape


def test_a_frame_is_white_and_a_screenshots_ground_black():
    framed = CONDITIONS["frame of 10"](PICTURE)
    assert framed[:20].min() == 255 and np.array_equal(framed[20:532, 20:532], PICTURE)
    assert CONDITIONS["screenshot"](PICTURE)[:600].max() == 0
    np.testing.assert_array_equal(CONDITIONS["turned by 90 degrees"](PICTURE), np.rot90(PICTURE))
