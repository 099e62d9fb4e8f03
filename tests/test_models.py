"""The networks' architecture, and that every caller may hand in raw pixels of any size."""

import keras
import numpy as np
import pytest
from conftest import draw

from train import models


@pytest.fixture(scope="module")
def custom():
    keras.utils.set_random_seed(0)
    return models.custom()


def test_the_custom_cnn_is_the_one_described(custom):
    convolutions = [layer for layer in custom.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.output.shape[1:] for layer in convolutions] == [(222, 222, 32), (109, 109, 64), (52, 52, 128)]
    assert [layer.kernel_size for layer in convolutions] == [(3, 3)] * 3
    assert custom.count_params() == 11_169_089
    assert custom.output.shape == (None, 1)


def test_the_network_scales_raw_pixels_itself(custom):
    scaled = keras.Model(custom.input, custom.get_layer("scale").output)
    pixels = np.full((1, 300, 200, 3), 255, "float32")
    result = np.asarray(scaled(pixels))
    assert result.shape == (1, 224, 224, 3)
    np.testing.assert_allclose(result, 1, atol=1e-6)


@pytest.mark.parametrize("size", [(224, 224), (40, 50), (1000, 700)])
def test_any_size_gives_a_probability(custom, size):
    p_real = np.asarray(custom(np.asarray(draw(*size), "float32")[None]))
    assert p_real.shape == (1, 1) and 0 < p_real[0, 0] < 1


def test_resizing_first_changes_nothing(custom):
    """Training feeds images that are resized already; the other callers leave it to the network."""
    pixels = np.asarray(draw(256, 256), "float32")[None]
    resized = keras.ops.image.resize(pixels, (224, 224), interpolation="bilinear")
    np.testing.assert_allclose(np.asarray(custom(pixels)), np.asarray(custom(resized)), atol=1e-6)
