"""The evidence map of an exported network: Grad-CAM as GradientTape computes it, in Keras and in TensorFlow.js."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, Site, draw
from keras import layers
from scipy.special import logit

from export.artifact import convert
from export.artifact.evidence import EvidenceError, with_evidence
from train import run
from train.networks import models

# Every head, and where the graph is tried: WebGL in software is too slow for the large ones.
BACKENDS = {
    "custom": (),
    "custom_histogram": ("wasm", "webgl"),
    "residual": ("wasm", "webgl"),
    "xception_tuned": ("wasm",),
    "xception": ("wasm",),
}
BOUND = 1e-4  # Of a map whose largest value is 1.
PIXELS = np.stack([np.asarray(draw(250, 190, seed), "float32") for seed in range(2)])


def random_network(name: str) -> keras.Model:
    """A network with weights as after a training, biases included, that finds something fake in the first photo."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    model = models.build(name) if name in models.FROM_SCRATCH else models.build(name, None)
    for variable in model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
        elif variable.name in ("bias", "beta", "moving_mean"):
            variable.assign(random.normal(0, 0.1, variable.shape))
    models.rescale_logit(model, 1 / logit(model.predict(PIXELS, verbose=0)[0, 0].astype(float)), 0.0)
    if grad_cam(model, PIXELS)[0].max() == 0:
        models.rescale_logit(model, -1, 0.0)
    return model


def grad_cam(model: keras.Model, pixels: np.ndarray) -> np.ndarray:
    """Grad-CAM for "fake" by automatic differentiation, as its authors define it.

    Returns:
        float32 (batch, rows, columns, 1), divided by its largest value if that is not 0.
    """
    inner = models.part(model, models.BODY, models.BACKBONE)
    if inner is not model:  # What comes before the nested network.
        before = model.operations[model.operations.index(inner) - 1]
        pixels = keras.Model(model.input, before.output)(pixels)
    pooling = (layers.GlobalAveragePooling2D, layers.Flatten)
    pool = next(layer for layer in reversed(inner.layers) if isinstance(layer, pooling) and layer.input.ndim == 4)
    with tf.GradientTape() as tape:
        pixels = tf.convert_to_tensor(pixels)
        tape.watch(pixels)
        maps, p_real = keras.Model(inner.input, [pool.input, inner.output])(pixels)
        if inner.name == models.BACKBONE:
            p_real = model.get_layer(models.HEAD)(p_real)
        fake = tf.math.log(1 - p_real) - tf.math.log(p_real)
    weights = tf.reduce_mean(tape.gradient(fake, maps), axis=(1, 2), keepdims=True)
    cam = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1, keepdims=True)).numpy()
    return cam / np.maximum(cam.max(axis=(1, 2, 3), keepdims=True), 1e-6)


# With TensorFlow.js as in web/, on each backend: the outputs of a graph model for the pixels in pixels.bin.
RUN = """async ([folder, shape, backends]) => {
  tf.wasm.setWasmPaths('/vendor/');
  const pixels = new Float32Array(await (await fetch('/pixels.bin')).arrayBuffer());
  const found = {};
  for (const backend of backends) {
    if (!(await tf.setBackend(backend))) throw new Error(`no ${backend}`);
    const model = await tf.loadGraphModel(folder + '/model.json');
    const outputs = model.predict(tf.tensor(pixels, shape));
    found[backend] = outputs.map((output) => [output.shape, Array.from(output.dataSync())]);
    model.dispose();
  }
  return found;
}"""


@pytest.fixture(scope="module")
def site(browser, tmp_path_factory):
    """A page with TensorFlow.js, and the folder that its server shows."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "vendor").symlink_to(ROOT / "web/vendor")
    (folder / "pixels.bin").write_bytes(PIXELS[:1].tobytes())
    server = Site(folder)
    page = browser.new_page()
    page.goto(server.url + "vendor/")
    for name in ("tf-core", "tf-converter", "tf-backend-wasm", "tf-backend-webgl"):
        page.add_script_tag(url=f"/vendor/{name}.es2017.min.js")
    yield page, folder
    page.close()
    server.stop()


@pytest.mark.parametrize("name", BACKENDS)
def test_the_map_is_grad_cam_in_keras_and_in_the_browser(name, site):
    model = random_network(name)
    expected = grad_cam(model, PIXELS)
    explained = with_evidence(model)
    p_real, evidence = explained.predict(PIXELS, verbose=0)
    np.testing.assert_allclose(p_real, model.predict(PIXELS, verbose=0), atol=1e-6)
    np.testing.assert_allclose(evidence, expected, atol=BOUND)
    assert 0 <= evidence.min() and evidence[0].max() == 1
    new = explained.count_params() - model.count_params()
    assert new <= 128 * 128  # No weight is there twice.

    if not BACKENDS[name]:
        return
    page, folder = site
    convert.to_tfjs(explained, folder / name, "float32")
    for backend, outputs in page.evaluate(RUN, [f"/{name}", (1, *PIXELS.shape[1:]), BACKENDS[name]]).items():
        by_rank = {len(shape): np.reshape(values, shape) for shape, values in outputs}
        assert by_rank.keys() == {2, 4}
        np.testing.assert_allclose(by_rank[2], p_real[:1], atol=1e-4, err_msg=backend)
        np.testing.assert_allclose(by_rank[4], expected[:1], atol=1e-3, err_msg=backend)
    manifest = json.loads((folder / name / "model.json").read_text())["weightsManifest"][0]["weights"]
    assert sum(int(np.prod(weight["shape"])) for weight in manifest) <= model.count_params() + new + 2048


def test_where_nothing_speaks_for_a_fake_the_map_is_empty():
    model = random_network("residual")
    body = models.part(model, models.BODY)
    channels = body.get_layer(models.FEATURES).output.shape[1]
    # The squares alone speak, none of them is below 0, and each speaks for "real".
    kernel = np.repeat([0.0, 1.0], channels // 2)
    models.set_start(model, np.zeros(channels), np.ones(channels), kernel, 0.0)
    evidence = with_evidence(model).predict(PIXELS, verbose=0)[1]
    assert evidence.shape == (2, 16, 16, 1) and not evidence.any()
    models.set_start(model, np.zeros(channels), np.ones(channels), -kernel, 0.0)
    assert with_evidence(model).predict(PIXELS, verbose=0)[1].max() == 1


@pytest.mark.parametrize("name", ["custom_histogram", "residual"])
def test_an_exported_network_can_be_exported_again(name, tmp_path):
    run.save_model(random_network(name), tmp_path / run.MODEL)
    keras.utils.clear_session()  # As in a process of its own, in which Keras gives out every name anew.
    explained = with_evidence(run.load_model(tmp_path))
    run.save_model(explained, tmp_path / run.MODEL)
    keras.utils.clear_session()
    again = run.load_model(tmp_path)
    assert again.output.shape == (None, 1)
    expected = explained.predict(PIXELS, verbose=0)
    for got, wanted in zip(with_evidence(again).predict(PIXELS, verbose=0), expected):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


@pytest.mark.parametrize("join", [models.mirrored, lambda member: models.ensemble([member, models.custom((4, 4, 4))])])
def test_without_a_single_map_it_says_so(join):
    with pytest.raises(EvidenceError, match="does not judge by one feature map alone"):
        with_evidence(join(models.residual(None)))
