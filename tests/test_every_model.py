"""The other networks: transfer learning on cached features, histogram, residual, ensembles, comparison."""

import errno
import hashlib
import re
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
from conftest import draw, encode, finish, free_port, train_command, write_dataset
from PIL import Image
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

import train.__main__ as train
from train import plots, run
from train.figures import compare, conditions, robustness
from train.fitting import epochs, fit, start
from train.networks import features, inference, models
from train.photos import data, feed, leaks


@pytest.fixture(scope="module", autouse=True)
def unswitched():
    """Commands run in this process, which stays free of global switches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tensorflow.config.experimental.enable_op_determinism", lambda: None)
        yield


def command(*argv) -> int:
    """The exit status of ``python -m train``, here."""
    return train.main([*map(str, argv)])


@pytest.mark.parametrize("name", models.BACKBONES)
def test_each_backbone_sees_what_its_weights_expect(name):
    model = models.build(name, None)
    pixels = np.asarray(draw(256, 256), "float32")[None]  # The data's own size: nothing is resized.
    backbone = model.get_layer(models.BACKBONE)
    own = models.BACKBONES[name][0].preprocess_input(pixels.copy())
    expected = np.asarray(backbone(own, training=False))
    got = keras.Model(model.input, model.get_layer(models.FEATURES).output).predict(pixels, verbose=0)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    assert not backbone.trainable_weights
    head = model.get_layer(models.HEAD)
    assert [type(layer).__name__ for layer in head.layers] == ["BatchNormalization", "Dense", "Dropout", "Dense"]
    assert head.layers[1].units == 256 and head.layers[2].rate == 0.5


def test_the_small_networks_stay_small():
    assert models.residual(None).count_params() == 928_713 < 1_000_000
    assert models.custom_histogram().count_params() == pytest.approx(11_172_225)


def test_colour_histograms_are_shares():
    pixels = keras.Input((8, 8, 3))
    histogram = keras.Model(pixels, models._color_histogram(pixels, bins=5))
    image = np.zeros((1, 8, 8, 3), "float32")
    image[..., 1] = 1
    image[..., 2] = 0.625  # Half-way between the third and fourth of 0, 1/4, 1/2, 3/4, 1.
    expected = [[1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0.5, 0.5, 0]]
    np.testing.assert_allclose(np.asarray(histogram(image)), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["residual", "custom_histogram"])
def test_saved_and_loaded_they_answer_alike(name, tmp_path):
    model = models.build(name, None)
    run.save_model(model, tmp_path / "model.keras")
    pixels = np.asarray(draw(120, 150), "float32")[None]
    np.testing.assert_allclose(np.asarray(run.load_model(tmp_path)(pixels)), np.asarray(model(pixels)), atol=1e-6)


@pytest.fixture(scope="module")
def xception(dataset, backbone_weights, tmp_path_factory):
    """A run of Xception with random weights: head, then the last six layers, one of which can learn."""
    out = tmp_path_factory.mktemp("runs") / "xception"
    options = ("--patience", 2, "--batch-size", 8, "--unfreeze", 6, "--fine-tune-epochs", 1, "--fine-tune-rate", 1e-6)
    options += ("--backbone-weights", backbone_weights)
    assert command("fit", "xception", "--data", dataset, "--out", out, *options) == 0
    return out


def test_a_head_may_train_long_and_the_run_says_what_it_started_from(xception, backbone_weights):
    config = run.read_json(xception, "config.json")
    assert (config["options"]["epochs"], config["input_size"]) == (100, 256)
    assert len(run.read_csv(xception / "history.csv")) < 100
    digest = hashlib.sha256(backbone_weights.read_bytes()).hexdigest()
    assert config["start"] == {"file": "random.weights.h5", "sha256": digest}


def test_the_saved_network_answers_as_backbone_and_head_do(xception, dataset):
    model = run.load_model(xception)
    photos = data.load_checked(dataset, ("test",))
    pooled = features.compute(features.extractor(model), photos)
    assert pooled.shape == (8, 2, 3 * 728)
    head = np.asarray(model.get_layer(models.HEAD)(pooled[:, 0]))[:, 0]
    whole = np.array([float(model(data.read_photo(photo.path)[None].astype("float32"))[0, 0]) for photo in photos])
    np.testing.assert_allclose(head, whole, atol=1e-4)
    mirrored = np.asarray(model(data.read_photo(photos[0].path)[None, :, ::-1].astype("float32")))
    np.testing.assert_allclose(np.asarray(model.get_layer(models.HEAD)(pooled[:1, 1])), mirrored, atol=1e-4)


def test_fine_tuning_moves_the_last_layers_alone(xception, backbone_weights):
    before = keras.applications.Xception(weights=str(backbone_weights), include_top=False)
    after = run.load_model(xception).get_layer(models.BACKBONE)
    moved = [
        new.name
        for new in after.layers
        if new.name.startswith("block")
        and new.weights
        and not all(map(np.array_equal, before.get_layer(new.name).get_weights(), new.get_weights()))
    ]
    assert moved == ["block7_sepconv3"]
    assert len(run.read_csv(xception / "fine-tune/history.csv")) == 1


@pytest.mark.parametrize(("name", "blocks"), [("residual", 4), ("xception_tuned", 7)])
def test_the_tuned_networks_start_from_the_file_and_keep_its_statistics(backbone_weights, name, blocks):
    body = models.build(name, str(backbone_weights)).get_layer(models.BODY)
    start = keras.applications.Xception(weights=str(backbone_weights), include_top=False)
    own = [layer for layer in body.layers if layer.weights and layer.name.startswith(("block", "conv2d"))]
    named = [layer for layer in own if layer.name.startswith("block")]
    assert named[-1].name.startswith(f"block{blocks}_")
    for layer in named:
        assert all(map(np.array_equal, layer.get_weights(), start.get_layer(layer.name).get_weights()))
    norms = [layer for layer in body.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert not any(layer.trainable_weights for layer in norms)
    learning = {layer.name.split("_")[0] for layer in own if layer.trainable_weights}
    assert {f"block{block}" for block in range(3, blocks + 1)} == {name for name in learning if "block" in name}
    crop = np.asarray(draw(160, 160), "float32")[None]
    before = body.predict(crop, verbose=0)
    body.compile("sgd", "binary_crossentropy")
    body.optimizer.learning_rate = 0.0
    body.train_on_batch(crop, np.ones((1, 1)))
    np.testing.assert_array_equal(body.predict(crop, verbose=0), before)


def test_the_start_is_the_regression_of_standardized_features(backbone_weights, dataset):
    model = models.build("residual", str(backbone_weights))
    photos = data.load_checked(dataset, ("train",))
    batches = feed.batches(photos, 8, 256)
    of_photos = models.features_of(model).predict(batches, verbose=0)
    start.start_linear(model, batches, 8)
    standardized = (of_photos - of_photos.mean(axis=0)) / np.sqrt(of_photos.var(axis=0) + 1e-5)
    labels = data.labels_of(photos)[:, 0]
    expected = LogisticRegression(C=start.PROBE_C, max_iter=500).fit(standardized, labels).predict_proba(standardized)
    np.testing.assert_allclose(inference.p_real(model, photos), expected[:, 1], atol=1e-3)


@pytest.fixture
def teacher(trained, dataset, tmp_path):
    """The small run, its threshold moved so that it takes half of the training images for real."""
    copy = shutil.copytree(trained, tmp_path / "teacher", ignore=shutil.ignore_patterns("checkpoints"))
    model = run.load_model(copy)
    answers = features.compute(model, data.load_checked(dataset, ("train",))).mean(axis=(1, 2))
    kernel, bias = model.get_layer(models.P_REAL).get_weights()
    model.get_layer(models.P_REAL).set_weights([kernel, bias - np.median(logit(answers))])
    run.save_model(model, copy / run.MODEL)
    return copy


def test_a_pupil_learns_its_teachers_answers_on_crops(teacher, backbone_weights, dataset, tmp_path):
    options = ("--data", dataset, "--epochs", 1, "--batch-size", 12, "--crop", 96, "--schedule", "cosine")
    options += ("--backbone-weights", backbone_weights, "--learning-rate", 1e-5)
    assert command("fit", "residual", *options, "--out", tmp_path / "pupil", "--teacher", teacher) == 0
    pupil = run.read_json(tmp_path / "pupil", "config.json")
    assert pupil["teacher"]["model"] == "custom" and pupil["options"]["crop"] == 96
    assert run.read_csv(tmp_path / "pupil/history.csv")[-1]["accuracy"] > 0
    with zipfile.ZipFile(tmp_path / "pupil/model.keras") as saved:  # To be loaded where `fit` is not.
        assert b"Adam" not in saved.read("config.json") and b"train>" not in saved.read("config.json")
    model = run.load_model(tmp_path / "pupil")
    pixels = np.asarray(draw(300, 200), "float32")[None]
    resized = keras.ops.image.resize(pixels, (256, 256), interpolation="bilinear")
    whole, body = (np.asarray(network(x)) for network, x in ((model, pixels), (model.get_layer("body"), resized)))
    np.testing.assert_allclose(whole, body, atol=1e-5)


@pytest.fixture
def batches_of(dataset, backbone_weights, tmp_path, monkeypatch):
    """batches_of(teacher, ...) -> those of the first epoch that its pupil would be trained on."""
    seen = []

    def stop(learner, lessons, *args):
        seen.extend(lessons.training(0, 1))
        raise run.RunError("seen enough")

    monkeypatch.setattr(fit, "train_epochs", stop)

    def batches_of(teacher, *options):
        options += ("--backbone-weights", backbone_weights, "--batch-size", 8, "--crop", 128, "--teacher", teacher)
        assert command("fit", "residual", "--data", dataset, "--out", tmp_path / "pupil", *options) == 2
        return seen

    return batches_of


def test_a_teacher_of_crops_answers_those_that_its_pupil_sees(backbone_weights, batches_of, tmp_path):
    keras.utils.set_random_seed(0)
    teacher = models.residual(str(backbone_weights))
    models.rescale_logit(teacher, 1e4, 0.0)  # Untrained, it answers 0.5 to everything.
    (tmp_path / "teacher").mkdir()
    run.save_model(teacher, tmp_path / "teacher/model.keras")
    run.write_json(tmp_path / "teacher/config.json", {"model": "residual"})
    batches = batches_of(tmp_path / "teacher", "--degrade", 1, "--precision", "float32")
    assert len(batches) == 3
    for crops, answers in batches:
        assert crops.shape[1:] == (128, 128, 3) and 0.01 < np.ptp(answers)
        np.testing.assert_allclose(answers, teacher.get_layer(models.BODY)(crops), atol=1e-3)


def test_a_teacher_of_whole_photos_answers_each_once(teacher, batches_of, dataset):
    expected = features.compute(run.load_model(teacher), data.load_checked(dataset, ("train",))).mean(axis=(1, 2))
    answers = np.concatenate([answers[:, 0] for _, answers in batches_of(teacher)])
    assert len({*expected}) > 12 and sorted(answers) == sorted(expected)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("custom", "--crop", 100), "custom takes whole photos; --crop is for networks that pool over any size."),
        (("residual", "--filters", 3, 5), "residual has no filters to choose; only custom does."),
        (("custom", "--start", "runs/r"), "--start is for residual and xception_tuned, which have layers in common."),
        (("residual", "--crop", 300), "--crop 300 is larger than the photos, which residual takes at 256 pixels."),
        (("xception_tuned", "--crop", 4), "--crop 4 is too small for xception_tuned's layers"),
        (("custom", "--schedule", "cosine", "--epochs", 2, "--warmup", 2), "--warmup 2 leaves none of 2 epochs"),
        (("custom", "--schedule", "cosine", "--patience", 2), "A cosine's last epoch is its best"),
        (("custom", "--warmup", 1), "--warmup is a part of --schedule cosine; pass that too."),
        (("residual", "--unfreeze", 3), "residual has no frozen backbone; --unfreeze is for vgg16, xcep"),
        (
            ("vgg16", "--schedule", "cosine", "--warmup", 3, "--unfreeze", 1, "--fine-tune-epochs", 3),
            "--warmup 3 leaves none of 3 epochs",
        ),
        (("vgg16", "--degrade", 0.5), "--zoom and --degrade work with --unfreeze alone."),
        (("vgg16", "--zoom", 0.1), "--zoom and --degrade work with --unfreeze alone."),
        (("custom", "--backbone-weights", "x.weights.h5"), "custom starts from random weights"),
        (("custom", "--train-size", 7), "--train-size 7 can't be half of each class; take an even number."),
        (("custom", "--filters", *[2] * 9), "9 --filters are too many"),
        (("vgg16", "--fine-tune-rate", 1e-4), "--fine-tune-rate belongs to --unfreeze; pass that too."),
        (("vgg16", "--fine-tune-epochs", 3), "--fine-tune-epochs belongs to --unfreeze; pass that too."),
        (("vgg16", "--cache"), "--cache works with --unfreeze."),
    ],
)
def test_options_that_would_do_nothing_or_fail_are_refused(
    dataset, backbone_weights, tmp_path, capsys, options, sentence
):
    if options[0] in models.TEXTURE_NETWORKS:
        options += ("--backbone-weights", backbone_weights)
    assert train.main(["fit", *map(str, options), "--data", str(dataset), "--out", str(tmp_path / "r")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--seed", "-1", "a whole number from 0 to 4294967295"),
        ("--seed", 2**32, "a whole number from 0 to 4294967295"),
        ("--learning-rate", "nan", "a number above 0"),
        ("--learning-rate", 0, "a number above 0"),
        ("--learning-rate", "inf", "a number above 0"),
        ("--clip-norm", "-1", "a number above 0"),
        ("--unfreeze", "-3", "a whole number from 1 on"),
        ("--epochs", "1.5", "a whole number from 1 on"),
        ("--workers", "-1", "a whole number from 0 on"),
        ("--split-seed", "-1", "a whole number from 0 to 4294967295"),
        ("--degrade", "1.1", "a number from 0 to 1"),
        ("--dropout", "1", "a number from 0 to less than 1"),
    ],
)
def test_numbers_out_of_range_are_refused(option, value, words, capsys):
    with pytest.raises(SystemExit):
        train.main(["fit", "custom", "--data", "x", "--out", "y", option, str(value)])
    assert f"argument {option}: {value} is not {words}" in capsys.readouterr().err


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf", "much"])
def test_a_source_s_weight_is_a_number(tmp_path, weight, capsys):
    with pytest.raises(SystemExit):
        train.main(["fit", "custom", "--data", "x", "--out", "y", "--extra", f"{tmp_path}:{weight}"])
    assert f"argument --extra: {weight} is not a number above 0" in capsys.readouterr().err
    (tmp_path / "a:b").mkdir()
    assert train.weighted(f"{tmp_path}/a:b") == (tmp_path / "a:b", 1.0)
    assert train.weighted(f"{tmp_path}/a:b:2.5") == (tmp_path / "a:b", 2.5)


def test_a_training_that_diverges_ends_with_a_line_and_no_network(dataset, tmp_path, capsys):
    options = ["--data", str(dataset), "--epochs", "2", "--filters", "2", "--dense-units", "2", "--batch-size", "8"]
    # The loss overflows in the first; the second's last layer saturates, so that all photos get one answer.
    for name, extra in (("nan", ["--learning-rate", "1e30"]), ("flat", ["--learning-rate", "1e6", "--seed", "1"])):
        assert train.main(["fit", "custom", *options, *extra, "--out", str(tmp_path / name)]) == 2
        assert "Start anew with a lower --learning-rate" in capsys.readouterr().err
        assert not (tmp_path / name / "model.keras").exists()


def test_soft_labels_count_by_their_verdict():
    soft, p_real = np.array([[0.9], [0.6], [0.4], [0.1]]), np.array([[0.8], [0.7], [0.6], [0.2]])
    for metric, expected in ((epochs.Accuracy(), 0.75), (epochs.AUC(), 1)):
        metric.update_state(soft, p_real)
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6)


def test_a_head_learns_from_both_views_or_from_the_photo_alone():
    views = np.stack([np.arange(40.0), -np.arange(40.0)], axis=1)[..., None]
    labels = np.arange(40, dtype="float32")[:, None]
    photos = [data.Photo(f"{index}.jpg", "train", 1) for index in range(40)]

    def signs(**options):
        fed = zip(*features.batches(views, photos, 7, (0, 1), labels=labels, **options))
        x, y = (np.concatenate(column)[:, 0] for column in fed)
        assert y.tolist() != sorted(y) and np.array_equal(abs(x), y)
        return np.sign(x[y > 0])

    assert set(signs()) == {-1, 1} and set(signs(flip=False)) == {1}


def test_a_head_sees_each_photo_as_often_as_its_weight_says():
    views = np.arange(6.0).repeat(2).reshape(6, 2, 1)
    photos = [data.Photo(f"{place}.jpg", "train", 1, weight=[1, 3][place % 2]) for place in range(6)]
    seen = np.concatenate([x for x, _ in features.batches(views, photos, 4, (0, 1), epochs=2)])[:, 0]
    assert [np.count_nonzero(seen == place) for place in range(6)] == [2, 6, 2, 6, 2, 6]


def test_interrupted_feature_caching_goes_on(dataset, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPFACEDETECT_CACHE", str(tmp_path))
    extractor = features.extractor(models.build("xception", None))
    photos = data.load_checked(dataset, ("test",))
    monkeypatch.setattr(features, "CHUNK", 3)
    whole = features.compute(extractor, photos)
    chunks = sorted(tmp_path.glob("features-*/*.npz"))
    assert len(chunks) == 3
    kept = chunks[0].stat().st_mtime_ns
    chunks[1].unlink()
    np.testing.assert_allclose(features.compute(extractor, photos), whole, atol=1e-5)
    assert chunks[1].exists() and chunks[0].stat().st_mtime_ns == kept


def test_calls_at_once_share_the_features(dataset, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPFACEDETECT_CACHE", str(tmp_path))
    photos = data.load_checked(dataset, ("test",))
    model, same = models.custom((2,), 2), models.custom((2,), 2)
    same.set_weights(model.get_weights())
    monkeypatch.setattr(features, "CHUNK", 3)
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda network: features.compute(network, photos), (model, same))
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert sorted(path.name for path in tmp_path.glob("features-*/*")) == ["0000000.npz", "0000003.npz", "0000006.npz"]
    pixels = data.read_photo(photos[0].path)[None].astype("float32")
    expected = [np.asarray(model(view))[0] for view in (pixels, pixels[:, :, ::-1])]
    np.testing.assert_allclose(one[0], expected, atol=1e-5)


def test_features_of_another_preprocessing_or_topology_are_others():
    """Weights alone don't tell: these networks have the same, or none."""

    def network(scale, pool=keras.layers.GlobalAveragePooling2D):
        pixels = keras.Input((None, None, 3))
        return keras.Model(pixels, pool()(keras.layers.Rescaling(scale)(pixels)))

    assert features.topology_hash(network(2)) == features.topology_hash(network(2))  # Whatever Keras calls the layers.
    others = (network(2), network(3), network(2, keras.layers.GlobalMaxPooling2D))
    assert len({features.topology_hash(other) for other in others}) == 3


def test_without_network_or_file_one_line_says_both_ways_out(dataset, tmp_path):
    nowhere = f"http://127.0.0.1:{free_port()}"  # A proxy that nobody runs, so that the machine's network is out of it.
    env = {"KERAS_HOME": str(tmp_path)} | dict.fromkeys(("http_proxy", "https_proxy", "HTTPS_PROXY"), nowhere)
    env |= {"no_proxy": "", "NO_PROXY": ""}
    output = finish(train_command("fit", "resnet50", "--data", dataset, "--out", tmp_path / "r", env=env), 2)
    [line] = [line for line in output.splitlines() if line.startswith("error:")]
    assert "Connect to the network" in line and "--backbone-weights FILE.weights.h5" in line
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("options", [(), ("--stacked",)])
def test_an_ensemble_is_a_run_like_any_other(trained, xception, dataset, tmp_path, options):
    out = tmp_path / "ensemble"
    assert command("ensemble", trained, xception, "--data", dataset, "--out", out, *options) == 0
    figures = run.read_json(out, "metrics.json")
    assert figures["splits"]["test"]["images"] == {"fake": 4, "real": 4}
    pixels = np.asarray(draw(256, 256), "float32")[None]  # The larger member's size, so that neither sees other pixels.
    members = [run.load_model(folder) for folder in (trained, xception)]
    scores = np.array([float(member(pixels)[0, 0]) for member in members])
    if options:
        photos = data.load_checked(dataset, ("valid",))
        of_photos, scores = (
            logit(np.clip(some, 1e-7, 1 - 1e-7))
            for some in (np.stack([inference.p_real(member, photos, 256) for member in members], axis=1), scores)
        )
        regression = LogisticRegression().fit(of_photos, data.labels_of(photos)[:, 0])
        joined = regression.decision_function(scores[None])[0]
    else:
        joined = logit(scores.mean())
    config = run.read_json(out, "config.json")
    model = run.load_model(out)
    assert float(model(pixels)[0, 0]) == pytest.approx(
        expit(joined / config["temperature"] + config["offset"]), abs=1e-4
    )
    assert models.input_size(model) == 256  # One member resizes to 224, the other to 256.
    assert command("predict", out, dataset / "test/real/000.jpg") == 0


def test_calibrate_makes_the_answers_probabilities_as_its_configuration_says(trained, dataset, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    model = run.load_model(out)
    models.rescale_logit(model, 9, 2)  # Far too certain, and leaning to "real".
    run.save_model(model, out / "model.keras")
    assert command("calibrate", out, "--data", dataset) == 0
    said, warned = capsys.readouterr()
    assert re.search(r"deleted metrics\.json, scores-test\.csv, .*roc\.png.*, since the network is another now", warned)
    [error_before, error_after] = map(float, re.search(r"calibration error ([\d.]+) -> ([\d.]+)", said).groups())
    assert error_after < error_before
    # What was measured was of other answers.
    kept = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {path for path in kept if not path.startswith("checkpoints/")} == {
        "model.keras", "config.json", "history.csv", "learnt.npz", "plots/training.png"
    }  # fmt: skip

    before, after = (run.read_json(folder, "config.json") for folder in (trained, out))
    pixels = np.asarray(draw(90, 70), "float32")[None]
    of_trained, of_out = (logit(float(run.load_model(folder)(pixels)[0, 0])) for folder in (trained, out))
    raw = (9 * of_trained + 2 - before["offset"]) * before["temperature"]  # What the configuration starts from.
    assert of_out == pytest.approx(raw / after["temperature"] + after["offset"], abs=1e-3)


def test_a_calibration_that_fails_or_must_wait_changes_nothing(trained, dataset, tmp_path, capsys, monkeypatch):
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    command = ["calibrate", str(out), "--data", str(dataset)]
    with run.alone(out):
        assert train.main(command) == 2
    assert f"Another command is using {out}; wait for it" in capsys.readouterr().err
    assert train.main(["calibrate", str(tmp_path / "none"), "--data", str(dataset)]) == 2
    assert "none: no such run folder" in capsys.readouterr().err and not (tmp_path / "none").exists()

    def full(path, value):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run, "write_json", full)  # After the network has been written.
    assert train.main(command) == 2
    assert "model.keras: No space left on device." in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_mirrored_network_answers_a_photo_and_its_mirror_image_alike(trained, dataset, tmp_path):
    out = tmp_path / "mirrored"
    assert command("ensemble", trained, "--data", dataset, "--out", out, "--mirror") == 0
    model, member = run.load_model(out), run.load_model(trained)
    pixels = np.asarray(draw(90, 70), "float32")[None]
    mirror = pixels[:, :, ::-1]
    mean = float(member(pixels)[0, 0] + member(mirror)[0, 0]) / 2
    config = run.read_json(out, "config.json")
    expected = expit(logit(mean) / config["temperature"] + config["offset"])
    assert abs(member(pixels)[0, 0] - member(mirror)[0, 0]) > 1e-4
    assert [float(model(view)[0, 0]) for view in (pixels, mirror)] == pytest.approx([expected] * 2, abs=1e-4)

    assert models.input_size(model) == 224  # Its member's, so that photos are judged in batches.
    photos = data.load_checked(dataset, ("test",))
    single = [float(model(data.read_photo(photo.path)[None].astype("float32"))[0, 0]) for photo in photos]
    assert [row["p_real"] for row in run.read_csv(out / "scores-test.csv")] == pytest.approx(single, abs=1e-5)


def test_members_never_run_in_training_mode():
    """Their dropout would change the answer at each call, and each call their BatchNormalization."""
    member = models.build("residual", None)
    pixels = np.asarray(draw(256, 256), "float32")[None]
    views = [float(member(view)[0, 0]) for view in (pixels, pixels[:, :, ::-1])]
    for joined in (models.mirrored(member), models.ensemble([models.mirrored(member)])):
        for _ in range(2):
            assert float(joined(pixels)[0, 0]) == pytest.approx(sum(views) / 2, abs=1e-6)


def test_conditions_are_measured_of_an_ensemble(dataset, monkeypatch, tmp_path):
    monkeypatch.setattr(robustness, "SIZES", (300, 48))
    monkeypatch.setattr(robustness, "FILES", ("PNG", "JPEG 60"))
    monkeypatch.setattr(robustness, "CONDITIONS", {"grey": conditions.CONDITIONS["grey"]})
    model = models.mirrored(models.ensemble([models.custom((2,), 2), models.custom((3,), 2)]))
    photos = data.load_checked(dataset, ("test",))
    labels = data.labels_of(photos)[:, 0].astype(int)

    def right(condition) -> list[float]:  # No face is found in drawn pictures, so each is judged as it is.
        seen = [condition(data.read_photo(photo.path))[None].astype("float32") for photo in photos]
        verdicts = np.array([float(model(pixels)[0, 0]) for pixels in seen]) >= 0.5
        return [pytest.approx(np.mean(verdicts[labels == label] == label)) for label in (0, 1)]

    figures = robustness.measure(model, photos, 0.5)
    for row, size in enumerate((300, 48)):
        for column, file in enumerate(("PNG", "JPEG 60")):
            found = [figures["grid"][name][row][column] for name in ("fake", "real")]
            assert found == right(conditions.of_size(size, file))
    grey = figures["conditions"]["grey"]
    assert list(grey["accuracy"].values()) == right(conditions.CONDITIONS["grey"]) and grey["no_face"] == 8
    fakes, reals, others = robustness.tables(figures)
    assert [row["real: right at size"] for row in reals] == ["300", "48"] and len(fakes) == 2
    assert others[0]["real right"] == f"{grey['accuracy']['real']:.2f}"
    plots.robustness(figures, tmp_path)
    with Image.open(tmp_path / "robustness.png") as image:
        assert min(image.size) > 300


def test_runs_are_compared_and_other_sources_measured(trained, xception, dataset, tmp_path, capsys):
    # Copies, since other tests look at what is in the run of the session.
    trained = shutil.copytree(trained, tmp_path / "custom", ignore=shutil.ignore_patterns("checkpoints"))
    xception = shutil.copytree(xception, tmp_path / "xception", ignore=shutil.ignore_patterns("checkpoints"))
    reals = dataset / "test/real"
    options = ("--extra", f"reals={reals}", "--extra", f"both={dataset / 'valid'}", "--as-is")
    options += ("--data", dataset, "--out", tmp_path / "comparison")
    assert command("evaluate", trained, xception, tmp_path / "resnet50", *options) == 0
    output = capsys.readouterr().out
    assert "reals: 4 real, accuracy" in output and "both: 4 fake, accuracy" in output
    files = {path.name for path in (tmp_path / "comparison").iterdir()}
    assert files == {"comparison.md", "comparison.csv", "comparison.json", "roc.png"}
    compared = run.read_json(tmp_path / "comparison", "comparison.json")
    changes = {change["images"]: change for change in compared["differences"]}
    assert changes.keys() == {"test", "reals", "both"} and "roc_auc" not in changes["reals"]
    rows = {(row["images"], row["run"]): row for row in compared["runs"]}
    for name, change in changes.items():
        key = "accuracy_real" if name == "reals" else "accuracy"
        difference = float(rows[name, "xception"][key]) - float(rows[name, "custom"][key])
        assert change["accuracy"]["difference"] == pytest.approx(difference, abs=1e-3)
    page = (tmp_path / "comparison/comparison.md").read_text()
    assert "xception - custom on both: accuracy" in page
    [untrained] = [
        row
        for row in run.read_csv(tmp_path / "comparison/comparison.csv")
        if row["accuracy"] == "not trained here" and row.pop("images") == "test"
    ]
    assert {*untrained.values()} == {"resnet50", "not trained here", ""}  # Asked for; no other network was.

    figures = run.read_json(trained, "metrics.json")
    assert figures["extra"]["reals"]["images"] == {"real": 4} and "all" not in figures["extra"]["reals"]
    assert figures["extra"]["both"]["all"]["roc_auc"] == pytest.approx(figures["splits"]["valid"]["roc_auc"])


def test_figures_of_another_threshold_go_with_their_scores(trained, dataset, tmp_path, capsys):
    copied = shutil.copytree(trained, tmp_path / "custom", ignore=shutil.ignore_patterns("checkpoints"))
    other = write_dataset(tmp_path / "other", {"valid": 6, "test": 3}, first_seed=500)
    before = run.read_json(copied, "metrics.json")["splits"]
    assert before["test"]["dataset"] == {"name": dataset.name} | data.fingerprint(data.load_checked(dataset, ("test",)))

    command = ["evaluate", str(copied), "--as-is", "--data"]
    assert train.main([*command, str(dataset), "--extra", f"more={other / 'test'}"]) == 0
    figures = run.read_json(copied, "metrics.json")
    assert figures["splits"].keys() == {"valid", "test"} and figures["extra"]["more"]["dataset"]["name"] == "more"
    (copied / "plots/robustness.png").touch()

    assert train.main([*command, str(other), "--split", "valid"]) == 0
    figures = run.read_json(copied, "metrics.json")
    assert figures["splits"].keys() == {"valid"} and "extra" not in figures
    assert figures["splits"]["valid"]["dataset"]["counts"] == {"valid/fake": 6, "valid/real": 6}
    assert {path.name for path in copied.glob("scores-*")} == {"scores-valid.csv"}
    assert not (copied / "plots/confusion-test.png").exists() and not (copied / "plots/robustness.png").exists()
    capsys.readouterr()
    assert train.main(["report", str(copied), "--out", str(tmp_path / "report.html")]) == 2
    assert "has no test figures" in capsys.readouterr().err


def test_runs_are_paired_by_what_they_judged_not_by_its_name(trained, tmp_path):
    """Two sources with the same file names, other pictures; and one set with other names, the same pictures."""
    folders = [tmp_path / name for name in ("first", "other", "renamed")]
    for folder in folders:
        folder.mkdir()
    rows = [{"file": f"real/{i}.jpg", "class": "real", "p_real": i / 9, "sha256": f"a{i}"} for i in range(9)]
    run.write_csv(folders[0] / "scores-test.csv", rows)
    run.write_csv(folders[1] / "scores-test.csv", [row | {"sha256": "b" + row["sha256"]} for row in rows])
    run.write_csv(folders[2] / "scores-test.csv", [row | {"file": "x" + row["file"]} for row in rows[::-1]])
    [change] = compare.differences({folder: {"threshold": 0.5} for folder in folders}, "test")
    assert (change["run"], change["accuracy"]["difference"]) == ("renamed", 0)


def test_training_images_are_not_measured_on(trained, dataset, tmp_path, capsys):
    arguments = ["evaluate", str(trained), "--data", str(dataset)]
    before = (trained / "metrics.json").read_text()
    assert train.main([*arguments, "--extra", f"more={dataset / 'train/real'}"]) == 2
    error = capsys.readouterr().err
    assert f"{trained} was trained on 12 of the 12 images: figures would be too good" in error
    assert "or pass --allow-duplicates" in error and (trained / "metrics.json").read_text() == before

    (tmp_path / "real").mkdir()
    picture = Image.open(dataset / "train/real/003.jpg")
    (tmp_path / "real/again.jpg").write_bytes(encode(picture, "JPEG", quality=60))
    copied = shutil.copytree(trained, tmp_path / "custom", ignore=shutil.ignore_patterns("checkpoints"))
    command = ["evaluate", str(copied), "--as-is", "--data", str(dataset)]
    assert train.main([*command, "--extra", f"again={tmp_path / 'real'}"]) == 0
    assert "WARNING: 1 of the 1 images look like training images of" in capsys.readouterr().err


def test_a_teachers_and_a_members_training_images_count_too(trained, dataset, tmp_path, capsys):
    leaking = tmp_path / "leaking"
    for split, source in (("train", "valid"), ("valid", "train"), ("test", "test")):
        shutil.copytree(dataset / source, leaking / split)
    pupil = ["fit", "custom", "--data", str(leaking), "--out", str(tmp_path / "p"), "--teacher", str(trained)]
    for command in (pupil, ["ensemble", str(trained), "--data", str(leaking), "--out", str(tmp_path / "e")]):
        assert train.main(command) == 2
        assert f"{trained} was trained on 24 of the 32 images" in capsys.readouterr().err
    assert train.main(["ensemble", str(trained), "--data", str(dataset), "--out", str(tmp_path / "e")]) == 0
    assert leaks._read(tmp_path / "e") == leaks._read(trained) and len(leaks._read(trained)) == 24


def test_the_report_shows_figures_and_says_what_was_not_trained(trained, xception, tmp_path):
    assert train.main(["report", str(trained), str(xception), "--out", str(tmp_path / "report.html")]) == 0
    page = (tmp_path / "report.html").read_text()
    at = run.read_json(trained, "metrics.json")["splits"]["test"]["at_threshold"]
    assert f"{at['accuracy']:.1%}\N{NO-BREAK SPACE}(" in page
    assert "not trained here" not in page and "resnet50" not in page
    assert "4 real and 4 fake test images of dataset (content " in page and "is right on 50%" in page
    assert page.count("data:image/png;base64,") >= 8
    assert "http" not in page.replace("http-equiv", "")


def test_other_sources_take_no_splits_name(trained, dataset, capsys):
    for name in ("test=x", "=x", "a/b=x", "x"):
        with pytest.raises(SystemExit):
            train.main(["evaluate", str(trained), "--data", str(dataset), "--extra", name])
        assert "with a name that is no split and has no slash" in capsys.readouterr().err


def test_two_of_one_name_are_not_compared(trained, dataset, tmp_path, capsys):
    out, name = str(tmp_path / "out"), trained.name
    twice = ["evaluate", str(trained), "--data", str(dataset), "--extra", "a=x", "--extra", "a=y"]
    again = ["evaluate", str(trained), str(tmp_path / name), "--data", str(dataset), "--out", out]
    for command, which in ((twice, "a"), (again, name), (["report", str(trained), str(trained), "--out", out], name)):
        assert train.main(command) == 2
        assert f"error: Two are called {which}; rename one of them." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_report_needs_figures(tmp_path, capsys):
    (tmp_path / "model.keras").touch()
    assert train.main(["report", str(tmp_path), "--out", str(tmp_path / "report.html")]) == 2
    assert "has no test figures; run `python -m train evaluate" in capsys.readouterr().err


def test_a_learning_curve_orders_its_runs(trained, dataset, tmp_path, capsys):
    small = tmp_path / "small"
    options = ("--data", dataset, "--out", small, "--epochs", 1, "--train-size", 8, "--filters", 2, "--dense-units", 2)
    options += ("--learning-rate", 1e-5)  # So that it is not sure of what eight images can't teach.
    assert command("fit", "custom", *options) == 0
    assert run.read_json(small, "config.json")["dataset"]["counts"]["train/fake"] == 4
    assert train.main(["learning-curve", str(trained), str(small), "--out", str(tmp_path / "curve")]) == 0
    rows = run.read_csv(tmp_path / "curve/learning-curve.csv")
    assert [row["images"] for row in rows] == [8, 24]
    assert all(row["low"] <= row["accuracy"] <= row["high"] for row in rows)
    assert (tmp_path / "curve/learning-curve.png").exists()

    figures = run.read_json(small, "metrics.json")
    figures["splits"]["test"]["dataset"]["sha256"] = "other"
    run.write_json(small / "metrics.json", figures)
    assert train.main(["learning-curve", str(trained), str(small), "--out", str(tmp_path / "curve")]) == 2
    assert "custom and small were measured on different test images" in capsys.readouterr().err
