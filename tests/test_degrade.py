"""What training does to a picture is what people's pictures meet, and leaves the face where it was."""

import numpy as np
import pytest
from conftest import draw
from PIL import Image

from train.chain.faces import FACTS
from train.photos import degrade

PICTURE = np.asarray(draw(256, 256, 7).resize((256, 256)))


def test_the_same_state_gives_the_same_picture():
    for seed in range(20):
        one, two = (degrade.degraded(PICTURE, np.random.default_rng(seed)) for _ in range(2))
        np.testing.assert_array_equal(one, two)


def test_every_way_gives_a_square_of_a_size_that_people_have():
    sides = [degrade.degraded(PICTURE, np.random.default_rng(seed)).shape for seed in range(150)]
    assert all(height == width and channels == 3 for height, width, channels in sides)
    assert 90 <= min(sides)[0] < 160 and 380 < max(sides)[0] <= 600
    assert 60 < sides.count((256, 256, 3)) < 130


def test_a_face_that_is_cut_out_stands_where_it_stood():
    """A turned, enlarged, shifted face comes back upright: what differs is a few pixels' shift, and detail."""
    y, x = np.mgrid[:256, :256]
    marks = [(98, 120, 0), (158, 120, 1), (128, 185, 2)]  # Eyes and mouth, a colour each.
    face = np.zeros((256, 256, 3), np.uint8)
    for column, row, channel in marks:
        face[..., channel] = 255 * np.exp(-((x - column) ** 2 + (y - row) ** 2) / 200)
    for seed in range(60):
        cut = np.asarray(degrade._cut_out(Image.fromarray(face), np.random.default_rng(seed))).astype(float)
        assert cut.shape == (FACTS["crop"], FACTS["crop"], 3)
        for column, row, channel in marks:
            weight = np.maximum(cut[..., channel] - 60, 0)
            found = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
            assert found == pytest.approx((column, row), abs=18), seed


def test_a_larger_picture_becomes_a_face_of_the_networks_size():
    large = np.asarray(draw(1024, 1024, 3))
    assert max(degrade.degraded(large, np.random.default_rng(seed)).shape[0] for seed in range(20)) <= 600
