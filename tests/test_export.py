"""What export writes: the same network in another form, and its description."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils
from conftest import ROOT, draw
from keras import layers
from pydantic import ConfigDict, TypeAdapter
from scipy.special import logit
from tensorflowjs.quantization import dequantize_weights, quantize_weights
from tensorflowjs.read_weights import read_weights
from test_evidence import PIXELS, random_network

import export.__main__ as export
from export.artifact import convert, fold, precision, quantize
from export.artifact.evidence import with_evidence
from export.artifact.litert import to_tflite
from export.artifact.quantize import round_to_uint8
from export.upkeep import vendor
from train import run, spec
from train.chain import read
from train.chain.info import Info, Named
from train.networks import models
from train.photos import data


@pytest.fixture(scope="module")
def quantized(trained, dataset, tmp_path_factory) -> Path:
    import train.__main__ as train

    out = tmp_path_factory.mktemp("quantized") / "custom-uint8"
    assert export.main(["quantize", str(trained), "--out", str(out)]) == 0
    assert train.main(["evaluate", str(out), "--data", str(dataset)]) == 0
    return out


CONTENT = TypeAdapter(dict[str, Info | Named], config=ConfigDict(strict=True, extra="forbid"))


def described(path: Path) -> dict:
    """The content of a detector.json, which must be what `train.chain.info` says, no less and no more."""
    return CONTENT.validate_python({"": json.loads(path.read_text())})[""]


def test_detector_json_carries_every_fact(trained, tmp_path):
    assert export.main(["convert", str(trained), "--out", str(tmp_path / "model")]) == 0
    info = described(tmp_path / "model/detector.json")
    assert info["classes"] == ["fake", "real"] and info["words"].keys() == {"fake", "real", "unsure"}
    assert info["input"] == {
        "channels": "RGB", "range": [0, 255], "size": 224, "resize": "bilinear", "scale": 1 / 255,
        "formats": list(read.FORMATS), "max_pixels": read.MAX_PIXELS, "max_bytes": read.MAX_BYTES,
    }  # fmt: skip
    assert info["threshold"] == run.read_json(trained, "metrics.json")["threshold"]
    assert info["metrics"] == run.read_json(trained, "metrics.json")["splits"]
    assert info["provenance"]["dataset"]["counts"]["train/fake"] == 12
    files = {path.name for path in (tmp_path / "model").iterdir()} - {"detector.json"}
    assert info["files"].keys() == files and "model.json" in files
    for name, expected in info["files"].items():
        assert hashlib.sha256((tmp_path / "model" / name).read_bytes()).hexdigest() == expected
    assert str(tmp_path) not in (tmp_path / "model/detector.json").read_text()


def folder_of(path: Path) -> dict[str, bytes]:
    return {child.name: child.read_bytes() for child in path.iterdir()}


def earlier_conversion(out: Path) -> dict[str, bytes]:
    out.mkdir(parents=True)
    (out / "old.bin").write_text("left over")
    (out / "detector.json").write_text('{"files": {"old.bin": "00"}}')
    return folder_of(out)


def test_converting_again_replaces_what_was_there(tiny, tmp_path):
    out = tmp_path / "model"
    earlier_conversion(out)
    assert export.main(["convert", str(tiny), "--out", str(out), "--format", "keras"]) == 0
    assert {path.name for path in out.iterdir()} == {"model.keras", "detector.json"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("kind", ["run", "parent", "photos", "file", "more than a conversion"])
def test_converting_deletes_nothing_but_an_earlier_conversion(tiny, tmp_path, capsys, kind):
    own = tmp_path / "run"
    shutil.copytree(tiny, own)
    earlier_conversion(tmp_path / "models/custom")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/holiday.jpg").write_text("dear")
    (tmp_path / "file").write_text("dear")
    earlier_conversion(tmp_path / "more")
    (tmp_path / "more/notes.txt").write_text("dear")
    out = {"run": own, "parent": tmp_path / "models", "photos": tmp_path / "photos", "file": tmp_path / "file"}
    before = {path: path.is_file() and path.read_bytes() for path in sorted(tmp_path.rglob("*"))}
    command = ["convert", str(own), "--out", str(out.get(kind, tmp_path / "more")), "--format", "keras"]
    assert export.main(command) == 2
    assert "choose another --out." in capsys.readouterr().err
    assert {path: path.is_file() and path.read_bytes() for path in sorted(tmp_path.rglob("*"))} == before


def test_an_interrupted_replacement_leaves_the_old_one(tmp_path, monkeypatch):
    old = earlier_conversion(tmp_path / "model")
    new = tmp_path / ".model-1/uint8"
    new.mkdir(parents=True)
    rename = Path.rename

    def interrupted(path, target):
        if path == new:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        convert.replace(tmp_path / "model", new)
    assert folder_of(tmp_path / "model") == old


def test_a_killed_replacement_is_brought_back_by_the_next_conversion(tmp_path):
    """As it is left between the two renames; the next conversion fails, as the run is none."""
    old = earlier_conversion(tmp_path / ".model-abc/before")
    assert export.main(["convert", str(tmp_path / "none"), "--out", str(tmp_path / "model")]) == 2
    assert folder_of(tmp_path / "model") == old


def test_a_place_that_cant_be_written_is_named(tiny, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert export.main(["convert", str(tiny), "--out", str(tmp_path / "file/model")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'file'}: File exists.\n"


def test_calibrating_a_rounded_network_leaves_its_rounded_weights(trained, dataset, tmp_path):
    import train.__main__ as train

    out = tmp_path / "uint8"
    assert export.main(["quantize", str(trained), "--out", str(out)]) == 0
    before = {variable.path: np.asarray(variable) for variable in run.load_model(out).weights}
    assert train.main(["calibrate", str(out), "--data", str(dataset)]) == 0
    after = {variable.path: np.asarray(variable) for variable in run.load_model(out).weights}
    changed = {path for path in before if not np.array_equal(before[path], after[path])}
    assert changed == {f"{models.P_REAL}/kernel", f"{models.P_REAL}/bias"}
    assert run.read_config(out)["weights"] == quantize.ROUNDED
    pixels = np.asarray(draw(90, 70), "float32")[None]
    logits = [logit(float(run.load_model(folder)(pixels)[0, 0])) for folder in (trained, out)]
    (t, o), (own_t, own_o) = (run.calibration(run.read_config(folder)).values() for folder in (trained, out))
    assert (logits[0] - o) * t == pytest.approx((logits[1] - own_o) * own_t, abs=0.2)  # Alike but for rounding.


def test_what_another_command_writes_to_is_not_read_meanwhile(tiny, dataset, tmp_path, capsys):
    """Else the weights could be of one calibration and the figures of another."""
    import train.__main__ as train

    out = ["--out", str(tmp_path / "out")]
    commands = (
        (export.main, ["convert", *out]),
        (export.main, ["quantize", *out]),
        (export.main, ["push", "--repo", "someone/tiny", "--dry-run"]),
        (train.main, ["report", *out]),
        (train.main, ["ensemble", *out, "--data", str(dataset)]),
    )
    with run.alone(tiny):
        for main, (name, *options) in commands:
            assert main([name, str(tiny), *options]) == 2
            assert f"Another command is writing to {tiny}; wait for it" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]
    with run.unchanged(tiny):  # Several may read.
        assert export.main(["quantize", str(tiny), *out]) == 0
        assert train.main(["calibrate", str(tiny), "--data", str(dataset)]) == 2
    assert f"Another command is using {tiny}; wait for it" in capsys.readouterr().err


def test_a_full_disk_is_one_line_and_leaves_nothing(tiny, tmp_path, capsys, monkeypatch):
    def full(*args, **kwargs):
        raise tf.errors.ResourceExhaustedError(None, None, "group1-shard1of1.bin; No space left on device")

    monkeypatch.setattr(convert, "write_weights", full)
    assert export.main(["convert", str(tiny), "--out", str(tmp_path / "model")]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "error: No space left on device."
    assert not [*tmp_path.iterdir()]


def test_converting_into_the_page_brings_its_list_of_files_up_to_date(tiny, tmp_path):
    (tmp_path / "models.json").write_text('[{"folder": "model"}]')
    (tmp_path / "files.js").write_text("old")
    assert export.main(["convert", str(tiny), "--out", str(tmp_path / "model"), "--format", "keras"]) == 0
    listed = json.loads((tmp_path / "files.js").read_text().partition("self.FILES = ")[2].rstrip(";\n"))
    content = (tmp_path / "model/model.keras").read_bytes()
    assert listed.keys() == {"models.json", "model/model.keras", "model/detector.json"}
    [described] = json.loads((tmp_path / "models.json").read_text())
    accuracy = run.read_json(tiny, "metrics.json")["splits"]["test"]["at_threshold"]["accuracy"]
    assert described == {"folder": "model", "name": "tiny", "bytes": None, "accuracy": accuracy}  # No page's weights.
    assert listed["model/model.keras"] == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_a_run_without_test_figures_is_refused_and_nothing_is_replaced(tiny, tmp_path, capsys):
    bare, out = tmp_path / "bare", tmp_path / "model"
    bare.mkdir()
    out.mkdir()
    (out / "detector.json").write_text("{}")
    for name in ("model.keras", "config.json"):
        (bare / name).write_bytes((tiny / name).read_bytes())
    figures = run.read_json(tiny, "metrics.json")
    run.write_json(bare / "metrics.json", figures | {"splits": {"valid": figures["splits"]["valid"]}})
    assert export.main(["convert", str(bare), "--out", str(out)]) == 2
    assert "python -m train evaluate" in capsys.readouterr().err
    assert folder_of(out) == {"detector.json": b"{}"}
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("bare", "model")] == []


@pytest.mark.parametrize("mirror", [False, True])
def test_a_joined_network_is_not_quantized_and_the_sentence_says_what_to_do(tmp_path, capsys, mirror):
    members = [models.mirrored(models.custom((2,), 2))] if mirror else [models.custom((2,), 2), models.custom((3,), 2)]
    model = models.ensemble(members)
    (tmp_path / "joined").mkdir()
    run.save_model(model, tmp_path / "joined" / run.MODEL)
    assert export.main(["quantize", str(tmp_path / "joined"), "--out", str(tmp_path / "out")]) == 2
    assert "quantize its members and join those." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_verify_names_a_damaged_photo(tiny, tmp_path, capsys):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/model.json").write_text("{}")
    (tmp_path / "damaged.jpg").write_bytes(b"nothing")
    assert export.main(["verify", str(tmp_path / "m"), str(tiny), "--data", str(tmp_path / "damaged.jpg")]) == 2
    err = capsys.readouterr().err
    assert f"{tmp_path / 'damaged.jpg'}: " in err and "Take it out" in err


def test_verify_starts_playwright_s_chromium_where_debian_s_is_missing(tiny, tmp_path, capsys, monkeypatch):
    (tmp_path / "model.json").write_text("{}")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert export.main(["verify", str(tmp_path), str(tiny)]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert "run `playwright install chromium`" in line and f"Executable doesn't exist at {tmp_path}/chromium" in line


def test_rounded_weights_take_256_values_and_stay_when_rounded_again():
    weights = np.random.default_rng(0).normal(size=(300, 40)).astype("float32")
    rounded = round_to_uint8(weights)
    assert rounded.dtype == np.float32 and len(np.unique(rounded)) <= 256
    step = (weights.max() - weights.min()) / 255
    assert np.abs(rounded - weights).max() <= step
    assert np.array_equal(round_to_uint8(rounded), rounded)


@pytest.mark.parametrize("seed", range(20))
def test_rounded_weights_are_the_same_in_every_program(seed):
    """By TensorFlow.js' converter, which looks for the grid anew, and in whatever order float32 is computed."""
    random = np.random.default_rng(seed)
    spread, shift = 10.0 ** random.uniform(-6, 3), random.uniform(-0.9, 0.9)
    rounded = round_to_uint8((spread * (random.uniform(-1, 1, 5000) + shift)).astype("float32"))
    levels, found = quantize_weights(rounded, np.uint8)
    assert np.array_equal(dequantize_weights(levels, found), rounded)
    scale, zero = quantize.find_grid(rounded)
    assert found["scale"] == scale == np.float32(scale) and found["min"] == -zero * scale
    assert np.array_equal(levels * np.float32(scale) + np.float32(found["min"]), rounded)
    assert np.array_equal((levels.astype(np.float32) - np.float32(zero)) * np.float32(scale), rounded)


def test_a_largest_weight_that_would_fall_past_the_last_level_takes_that():
    step = 0.0123456789
    low = -99.501 * step  # Nearest to level 0, so that what is 255 steps above it is nearer to 256 than to 255.
    rounded = round_to_uint8(np.array([low, 0, step, low + 255 * step], "float32"))
    scale, zero = quantize.find_grid(rounded)
    assert zero == 100 and rounded.tolist() == [-100 * scale, 0, scale, 155 * scale]


def test_weights_of_one_sign_take_256_values_as_well():
    weights = np.linspace(0.5, 1.5, 1000, dtype="float32")
    rounded = round_to_uint8(weights)
    assert rounded.dtype == np.float32 and len(np.unique(rounded)) == 256
    assert np.abs(rounded - weights).max() <= 0.501 / 255
    assert np.array_equal(dequantize_weights(*quantize_weights(rounded, np.uint8)), rounded)


@pytest.mark.parametrize("weights", [[0.1, -0.2, 0.3], [0.5, 1.0, 1.5], [-1, 0, 255], [0, 0]])
def test_no_grid_is_found_where_there_is_none(weights):
    assert quantize.find_grid(np.array(weights, "float32")) is None


def test_the_quantized_run_is_small_and_answers_nearly_alike(trained, quantized):
    assert (quantized / "model.keras").stat().st_size < 0.4 * (trained / "model.keras").stat().st_size
    assert run.read_json(quantized, "config.json")["weights"] == "rounded to uint8"
    pixels = np.asarray(draw(200, 200), "float32")[None]
    p_real = [float(run.load_model(folder)(pixels)[0, 0]) for folder in (trained, quantized)]
    assert p_real[0] == pytest.approx(p_real[1], abs=0.02)
    with zipfile.ZipFile(quantized / "model.keras") as z:
        assert z.testzip() is None


def test_uint8_shards_hold_the_rounded_weights(quantized, tmp_path):
    """The page's file and the Space's hold the same numbers, so quantizing costs no agreement."""
    assert export.main(["convert", str(quantized), "--out", str(tmp_path / "m"), "--precision", "uint8"]) == 0
    manifest = json.loads((tmp_path / "m/model.json").read_text())["weightsManifest"][0]
    content = b"".join((tmp_path / "m" / name).read_bytes() for name in manifest["paths"])
    offset, dense = 0, None
    for weight in manifest["weights"]:
        quantization = weight.get("quantization")
        count = int(np.prod(weight["shape"]))
        if weight["shape"] == [86528, 128]:
            levels = np.frombuffer(content, np.uint8, count, offset)
            dense = levels * quantization["scale"] + quantization["min"]
        offset += count * (1 if quantization else 4)
    assert offset == len(content)
    expected = run.load_model(quantized).get_layer(index=-2).get_weights()[0]
    np.testing.assert_allclose(dense.reshape(expected.shape), expected, atol=1e-6)


def dequantized(folder: Path) -> list[np.ndarray]:
    """The tensors of a TensorFlow.js model that are stored in few levels, as it computes with them."""
    graph = json.loads((folder / "model.json").read_text())
    [group] = graph["weightsManifest"]
    few = {weight["name"] for weight in group["weights"] if "quantization" in weight}
    return [entry["data"] for entry in read_weights([group], folder, flatten=True) if entry["name"] in few]


def test_a_graph_in_uint8_holds_the_rounded_weights_past_batch_normalization(tmp_path):
    """The converter multiplies BatchNormalization into weights, so that rounded ones would not stay rounded."""
    model = random_network("residual")
    rounded = quantize.rounded(model)
    p_real = [network.predict(PIXELS, verbose=0) for network in (model, rounded)]
    assert np.abs(p_real[0] - p_real[1]).max() < 0.02
    convert.to_tfjs(rounded, tmp_path, "uint8")
    found = dequantized(tmp_path)
    expected = [np.asarray(variable) for variable in rounded.weights if fold.is_large(variable)]
    assert len(found) == len(expected) == 7
    for kernel in expected:
        nearest = min(np.abs(kernel - other).max() for other in found if other.shape == kernel.shape)
        assert nearest < 1e-6 * np.abs(kernel).max()


def separable_network() -> keras.Model:
    """Convolutions of every kind, with normalization of very uneven channels, as training leaves it in Xception."""
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    pixels = keras.Input((20, 20, 3), name="pixels")
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, use_bias=False)(pixels)))
    shortcut = layers.BatchNormalization()(layers.Conv2D(12, 1)(x))
    x = layers.BatchNormalization()(layers.SeparableConv2D(16, (3, 1), padding="same", use_bias=False)(x))
    x = layers.SeparableConv2D(12, (3, 1), padding="same")(layers.Activation("relu")(x))
    x = layers.Add()([layers.BatchNormalization(scale=False, center=False)(x), shortcut])
    x = layers.BatchNormalization()(layers.DepthwiseConv2D((3, 1))(layers.MaxPooling2D()(x)))
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling2D()(layers.BatchNormalization()(layers.ReLU()(x))))
    model = keras.Model(pixels, layers.Dense(1, activation="sigmoid", name=models.P_REAL)(x))
    for variable in model.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(10 ** random.uniform(-1.5, 0.5, variable.shape))
        elif variable.name in ("bias", "beta", "moving_mean"):
            variable.assign(random.normal(0, 0.3, variable.shape))
    return model


def test_equalizing_changes_ranges_and_no_answer(monkeypatch):
    monkeypatch.setattr(fold, "LARGE", 100)  # All but the depthwise kernels and the shortcut.
    model = separable_network()
    pixels = np.random.default_rng(1).uniform(-1, 1, (8, 20, 20, 3)).astype("float32")
    before = logit(model.predict(pixels, verbose=0).astype(float))
    folded = fold.folded(model)
    norms = [layer for layer in folded.layers if isinstance(layer, layers.BatchNormalization)]
    assert len(norms) == 1  # The one behind a ReLU, where there is no convolution to multiply it into.
    fold.equalize(folded)
    np.testing.assert_allclose(logit(folded.predict(pixels, verbose=0).astype(float)), before, rtol=1e-3, atol=1e-3)
    assert model.count_params() > folded.count_params()

    def rounding_error(network):
        for variable in filter(fold.is_large, network.weights):
            variable.assign(round_to_uint8(np.asarray(variable)))
        return np.abs(logit(network.predict(pixels, verbose=0).astype(float)) - before).mean()

    assert rounding_error(folded) < 0.5 * rounding_error(fold.folded(model))


@pytest.mark.parametrize("name", ["custom", "residual", "xception_tuned"])
def test_litert_computes_with_the_rounded_weights_and_answers_as_keras(name, tmp_path):
    rounded = with_evidence(quantize.rounded(random_network(name)))
    to_tflite(rounded, tmp_path / "rounded.tflite")
    numbers = sum(variable.numpy().size for variable in rounded.weights)
    assert (tmp_path / "rounded.tflite").stat().st_size < 1.1 * numbers + 100_000
    size = models.input_size(rounded)
    pixels = np.stack([np.asarray(draw(size, size, seed), "float32") for seed in range(4)])
    expected = [np.asarray(output) for output in rounded(pixels, training=False)]
    network = Interpreter(str(tmp_path / "rounded.tflite"))
    network.allocate_tensors()
    for index, photo in enumerate(pixels):
        network.set_tensor(network.get_input_details()[0]["index"], photo[None])
        network.invoke()
        for output in network.get_output_details():
            [found] = network.get_tensor(output["index"])
            [wanted] = [some[index] for some in expected if some.ndim == found.ndim + 1]
            np.testing.assert_allclose(found, wanted, atol=1e-4)

    large = [np.asarray(variable) for variable in rounded.weights if fold.is_large(variable)]
    large = [weights for weights in large if quantize.find_grid(weights.ravel())]  # Not the evidence map's own.
    graph = flatbuffer_utils.read_model(tmp_path / "rounded.tflite")
    stored = [tensor for tensor in graph.subgraphs[0].tensors if tensor.type == schema.TensorType.INT8]
    assert len(stored) == len(large)
    for tensor in stored:
        [scale], [zero] = tensor.quantization.scale, tensor.quantization.zeroPoint
        levels = np.frombuffer(graph.buffers[tensor.buffer].data, np.int8)
        values = np.sort((levels.astype(np.float32) - np.float32(zero)) * np.float32(scale))
        assert any(np.array_equal(values, np.sort(kernel.ravel())) for kernel in large)


def test_litert_keeps_weights_that_were_not_rounded_in_float32(tmp_path):
    model = random_network("residual")
    to_tflite(model, tmp_path / "model.tflite")
    assert (tmp_path / "model.tflite").stat().st_size > 3.9 * model.count_params()


def test_the_spaces_file_comes_with_all_that_the_space_says_of_it(quantized, tmp_path):
    command = ["convert", str(quantized), "--out", str(tmp_path / "m"), "--precision", "uint8", "--format"]
    assert export.main([*command, "keras", "tflite"]) == 0
    info = described(tmp_path / "m/detector.json")
    assert info["files"].keys() == {"model.keras", "model.tflite"}
    model = run.load_model(quantized)
    assert info["evidence"] and info["parameters"] == model.count_params()
    assert sum(layer["parameters"] for layer in info["layers"]) == model.count_params()
    assert info["layers"][-1] == {"kind": "Activation", "shape": "1", "parameters": 0}
    assert "222 × 222 × 32" in [layer["shape"] for layer in info["layers"] if layer["kind"] == "Conv2D"]
    assert export.main([*command, "tflite"]) == 0
    assert {path.name for path in (tmp_path / "m").iterdir()} == {"model.tflite", "detector.json"}


def test_a_network_that_tensorflow_js_cant_compute_says_why(tmp_path):
    pixels = keras.Input((8, 8, 3))
    means = keras.ops.mean(pixels, axis=(1, 2))[:, :, None] * np.eye(3, dtype="float32") + np.eye(3, dtype="float32")
    roots = layers.Flatten()(keras.ops.cholesky(means))
    with pytest.raises(run.RunError, match="odd can't be converted to TensorFlow.js: Unsupported Ops.*Cholesky"):
        convert.to_tfjs(keras.Model(pixels, layers.Dense(1)(roots), name="odd"), tmp_path, "float32")


def test_vendored_copies_are_their_sources():
    for folder, sources in vendor.COPIES.items():
        for source in sources:
            assert (folder / source.name).read_bytes() == source.read_bytes(), f"python -m export vendor ({source})"
        assert json.loads((folder / vendor.PACKAGES).read_text()) == vendor.packages(folder)


@pytest.mark.parametrize("name", vendor.DECODERS)
def test_a_decoder_is_its_source_without_dynamic_code(name):
    source = (vendor.NODE / "icodec/dist" / name).read_text()
    copy = ROOT / "web/vendor/icodec" / name
    assert copy.read_text() == vendor.without_dynamic_code(name, source), "python -m export vendor"
    with pytest.raises(ValueError, match="not the one that DECODER_CHANGES is for"):
        vendor.without_dynamic_code(name, source.replace("newFunc(Function,", "newFunc( Function,", 1))


def test_no_vendored_script_makes_code_from_text():
    scripts = sorted((ROOT / "web/vendor").rglob("*.js"))
    assert {"avif-dec.js", "webp-dec.js", "index.js", "tf-core.es2017.min.js"} <= {path.name for path in scripts}
    dynamic = re.compile(r"\bnew\s+Function\b|\bFunction\s*[(,]|\beval\s*\(|return Function\b")
    assert {path.name: found for path in scripts if (found := dynamic.findall(path.read_text()))} == {}


def test_the_spaces_chain_is_a_copy_of_the_original():
    copies = {path.name: path.read_bytes() for path in vendor.SPACE_CHAIN.iterdir() if path.is_file()}
    for source in (path for path in vendor.CHAIN.iterdir() if path.is_file()):
        first, rest = b"", copies.pop(source.name)
        if source.suffix == ".py":
            first, rest = rest.split(b"\n", 1)
            assert b"edit the original" in first
        assert rest == source.read_bytes(), "python -m export vendor"
    assert not copies


def test_the_page_knows_of_zips_what_the_space_does():
    assert (ROOT / "web/zips.js").read_text() == vendor.zips_module(), "python -m export vendor"


@pytest.mark.parametrize("place", ["space", "web"])
def test_the_repositorys_models_are_described_and_stay_under_40_megabytes(place):
    size = 0
    for path in (ROOT / place).glob("models/*/detector.json"):
        info = described(path)
        if "files" not in info:  # Not trained, and shown as such.
            assert place == "space" and info == {"name": path.parent.name}
            continue
        for name, expected in info["files"].items():
            assert hashlib.sha256((path.parent / name).read_bytes()).hexdigest() == expected
            size += (path.parent / name).stat().st_size
        assert info["classes"] == list(spec.CLASS_NAMES) and info["words"] == spec.WORDS
        assert info["input"]["size"] == info["provenance"]["input_size"]
        assert info["precision"] in precision.PRECISIONS
        assert set(info["metrics"]) == set(data.SPLITS) - {"train"}
    assert 0 < size < 40e6


def in_own_process(*argv) -> subprocess.CompletedProcess:
    """Run ``python -m export``: what drives a browser itself can't share a process with the tests that do."""
    command = [sys.executable, "-m", "export", *map(str, argv)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_verify_accepts_the_copy_and_names_what_differs(quantized, tmp_path):
    for seed, name in enumerate(("a.jpg", "b.png")):
        draw(300, 200, seed).save(tmp_path / name)
    arguments = ["--data", str(tmp_path), "--bound", "1e-4"]
    assert export.main(["convert", str(quantized), "--out", str(tmp_path / "m"), "--precision", "uint8"]) == 0
    accepted = in_own_process("verify", tmp_path / "m", quantized, *arguments)
    assert accepted.returncode == 0, accepted.stderr
    assert "2 files: largest |difference in P(real)|" in accepted.stdout

    changed = run.load_model(quantized)
    models.rescale_logit(changed, -5, 0.0)
    (tmp_path / "changed").mkdir()
    run.save_model(changed, tmp_path / "changed/model.keras")
    refused = in_own_process("verify", tmp_path / "m", tmp_path / "changed", *arguments)
    assert refused.returncode == 2 and "they differ by more than 0.0001" in refused.stderr


def test_auto_keeps_the_smallest_form_that_answers_alike(trained, dataset, tmp_path):
    result = in_own_process("convert", trained, "--out", tmp_path / "m", "--precision", "auto", "--data", dataset)
    assert result.returncode == 0, result.stderr
    info = described(tmp_path / "m/detector.json")
    rows = {row["precision"]: row for row in info["precisions"]}
    assert list(rows) == ["float32", "float16", "uint16", "uint8"]
    assert rows["float32"]["accepted"] and rows["float32"]["largest_difference"] < 1e-4
    assert rows["uint8"]["bytes"] < rows["float16"]["bytes"] < rows["float32"]["bytes"]
    accepted = [row for row in rows.values() if row["accepted"]]
    assert info["precision"] == min(accepted, key=lambda row: row["bytes"])["precision"] != "float32"
    assert all(row["largest_difference"] <= 0.01 for row in accepted)
    assert precision.markdown(info["precisions"]) in result.stdout
    assert info["evidence"]
