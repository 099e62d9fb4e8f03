"""The networks' architecture, and that every caller may hand in raw pixels of any size."""

import keras
import numpy as np
import pytest
from conftest import draw

from train import run
from train.networks import models


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


def test_a_lower_precision_trains_float32_weights_and_answers_nearly_alike():
    keras.utils.set_random_seed(0)
    model = models.residual(None)
    body = models.part(model, models.BODY)
    crops = np.random.default_rng(0).integers(0, 256, (4, 96, 96, 3)).astype("float32")
    low = models.in_precision(body, "mixed_bfloat16")
    assert {weight.dtype for weight in low.weights} == {"float32"}
    assert {layer.compute_dtype for layer in low.layers if isinstance(layer, keras.layers.Conv2D)} == {"bfloat16"}
    assert {low.get_layer(name).compute_dtype for name in (models.STANDARDIZE, models.P_REAL)} == {"float32"}
    np.testing.assert_allclose(np.asarray(low(crops)), np.asarray(body(crops)), atol=0.02)
    exact = models.in_precision(body, "float32")
    np.testing.assert_array_equal(np.asarray(exact(crops)), np.asarray(body(crops)))
    assert [weight.name for weight in low.trainable_weights] == [weight.name for weight in body.trainable_weights]
    assert len(low.trainable_weights) < len(low.weights)


def test_one_step_of_adam_on_the_last_layer_moves_the_logit_a_little():
    """With features of variance 1 each, a step at 1e-4 moved it by up to 0.15, and what was learnt got lost."""
    keras.utils.set_random_seed(0)
    body = models.part(models.residual(None), models.BODY)
    channels = body.get_layer(models.FEATURES).output.shape[1]
    of_crops = np.random.default_rng(0).normal(5, 2, (64, channels))
    standardize = body.get_layer(models.STANDARDIZE)
    models.set_start(body, of_crops.mean(axis=0), of_crops.var(axis=0), np.zeros(channels), 0.0)
    seen = np.asarray(standardize(of_crops[:, None, None].astype("float32")))[:, 0, 0]
    step = 1e-4 * np.abs(seen).sum(axis=1).max()
    assert 0.002 < step < 0.005


def test_a_network_starts_from_the_layers_that_it_shares():
    keras.utils.set_random_seed(0)
    large, small = models.xception_tuned(None), models.residual(None)
    own = {name: models.part(small, models.BODY).get_layer(name).get_weights() for name in ("standardize", "p_real")}
    models.inherit(small, large)
    crop = np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3)).astype("float32")
    maps = [
        keras.Model(body.input, body.get_layer("block4_pool").output)(crop)
        for body in (models.part(large, models.BODY), models.part(small, models.BODY))
    ]
    np.testing.assert_array_equal(*map(np.asarray, maps))
    with pytest.raises(run.RunError, match="custom has no layers that residual has too"):
        models.inherit(small, models.custom())
    for name, weights in own.items():
        for before, after in zip(weights, models.part(small, models.BODY).get_layer(name).get_weights()):
            np.testing.assert_array_equal(before, after)


def test_a_folded_network_answers_without_a_line_of_tensorflow_s(tmp_path, capfd):
    pixels = keras.Input((None, None, 3))
    first = keras.layers.Add()([keras.layers.Conv2D(3, 3, padding="same")(pixels), pixels])  # Goes two ways from here.
    branch = keras.layers.SeparableConv2D(3, 3, padding="same")(keras.layers.Activation("relu")(first))
    second = keras.layers.Activation("relu")(keras.layers.Add()([branch, first]))
    p_real = keras.layers.Dense(1, "sigmoid")(keras.layers.GlobalAveragePooling2D()(second))
    run.save_model(keras.Model(pixels, p_real), tmp_path / run.MODEL)
    run.load_model(tmp_path).predict_on_batch(np.ones((1, 16, 16, 3), "float32"))
    assert capfd.readouterr().err == ""


def test_networks_begin_with_one_seed_in_every_test():
    def kernel():
        layer = keras.layers.Dense(3)
        layer.build((None, 2))
        return np.asarray(layer.kernel)

    first = kernel()
    keras.utils.set_random_seed(0)
    np.testing.assert_array_equal(first, kernel())
