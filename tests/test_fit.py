"""Training as a user runs it: killed, resumed, repeated, evaluated, applied."""

import csv
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from conftest import ROOT, finish, train_command
from PIL import Image

from train import __main__, run
from train.fitting import epochs
from train.fitting.options import Options


def test_a_run_folder_holds_everything(trained, dataset):
    assert {path.name for path in trained.iterdir()} == {
        "model.keras", "config.json", "history.csv", "metrics.json", "learnt.npz", "scores-valid.csv",
        "scores-test.csv", "plots", "checkpoints",
    }  # fmt: skip
    plots = {path.name for path in (trained / "plots").iterdir()}
    assert plots == {"training.png", "roc.png"} | {
        f"{name}-{split}.png" for name in ("confusion", "reliability") for split in ("valid", "test")
    }
    for name in plots:
        with Image.open(trained / "plots" / name) as image:
            assert min(image.size) > 300

    config = run.read_json(trained, "config.json")
    assert config["options"]["batch_size"] == 8 and config["options"]["seed"] == 0
    assert config["options"]["epochs"] == 3 and config["options"]["patience"] == 5
    assert config["dataset"]["counts"]["train/real"] == 12
    assert len(config["dataset"]["sha256"]) == 64
    assert config["versions"]["keras"] == keras.__version__

    figures = run.read_json(trained, "metrics.json")
    assert figures["splits"].keys() == {"valid", "test"}
    assert figures["splits"]["test"]["at_threshold"]["threshold"] == figures["threshold"]
    assert figures["threshold_from"] == "equal error rate on 8 validation images"
    history = run.read_csv(trained / "history.csv")
    assert [row["epoch"] for row in history] == [1, 2, 3]


def test_killed_and_resumed_it_ends_as_an_uninterrupted_training(trained, dataset, tmp_path, capsys):
    options = ("--data", dataset, "--out", tmp_path / "run", "--epochs", 3, "--batch-size", 8)
    process = train_command("fit", "custom", *options)
    deadline = time.monotonic() + 300
    while len(run.read_csv(tmp_path / "run/history.csv")) < 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    finished = len(run.read_csv(tmp_path / "run/history.csv"))
    assert 1 <= finished < 3, "killed too late to test a resumption"
    assert not (tmp_path / "run/model.keras").exists()

    assert __main__.main(["fit", "custom", *map(str, options)]) == 2
    assert "pass --resume" in capsys.readouterr().err
    assert __main__.main(["fit", "custom", *map(str, options), "--seed", "1", "--resume"]) == 2
    said = capsys.readouterr().err
    assert "was begun with --seed 0, not 1. A resumed training keeps its options: leave out --seed" in said

    # Its other options are the run's own: forgetting --epochs doesn't end it later, nor another batch size.
    finish(train_command("fit", "custom", "--data", dataset, "--out", tmp_path / "run", "--resume"))
    resumed, uninterrupted = ((folder / "history.csv").read_text() for folder in (tmp_path / "run", trained))
    assert resumed == uninterrupted  # One seed, one machine: the same numbers, with --cache or without.
    weights = [run.load_model(folder).get_weights() for folder in (tmp_path / "run", trained)]
    assert all(np.array_equal(a, b) for a, b in zip(*weights))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--resume", "--epochs", 6), "was begun with --epochs 3, not 6. A resumed training keeps its options"),
        (("--resume", "--patience", 9), "was begun with --patience 5, not 9."),
        (("--resume", "--no-flip"), "was begun with --flip True, not False."),
        ((), "already holds a training run; pass --resume, or another --out."),
    ],
)
def test_a_changed_option_is_refused(trained, dataset, capsys, options, sentence):
    before = (trained / "config.json").read_text()
    command = ["fit", "custom", "--data", dataset, "--out", trained, *options]
    assert __main__.main([*map(str, command)]) == 2
    assert sentence in capsys.readouterr().err
    assert (trained / "config.json").read_text() == before


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (lambda rows: b"", "history.csv is damaged; bring it back from a copy, or make the run anew."),
        (lambda rows: rows[0], "history.csv is damaged; bring"),
        (lambda rows: b"".join(rows)[:-3], "history.csv is damaged; bring"),
        (lambda rows: b"".join(rows[:3]) + b"3,0.5\r\n", "history.csv is damaged; bring"),
        (lambda rows: rows[0] + rows[2] + rows[3], "history.csv is damaged; bring"),
        (lambda rows: b"".join(rows).replace(b"0.", b"o."), "history.csv is damaged; bring"),
        (lambda rows: bytes(range(256)) + b"\r\n", "history.csv is damaged; bring"),
        (lambda rows: b"".join(rows[:3]), "history.csv ends with epoch 2, of which there is no checkpoint; bring"),
        (None, "history.csv is missing, although epochs were trained; bring it back from a copy"),
    ],
)
def test_a_damaged_history_is_neither_resumed_nor_overwritten(changed, sentence, trained, dataset, tmp_path, capsys):
    out = tmp_path / "run"
    shutil.copytree(trained, out)
    rows = (out / "history.csv").read_bytes().splitlines(keepends=True)
    (out / "history.csv").unlink() if changed is None else (out / "history.csv").write_bytes(changed(rows))
    before = contents(out)
    assert __main__.main(["fit", "custom", "--data", str(dataset), "--out", str(out), "--resume"]) == 2
    assert sentence in capsys.readouterr().err
    assert contents(out) == before


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_other_images_or_another_network_are_no_resumption(trained, dataset, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("tensorflow.config.experimental.enable_op_determinism", lambda: None)
    command = ["fit", "custom", "--data", str(dataset / "train"), "--split-seed", "0", "--out", str(trained)]
    command.append("--resume")
    assert __main__.main(command) == 2
    assert "was begun with --split-seed None, not 0" in capsys.readouterr().err
    command = ["fit", "custom_histogram", "--data", str(dataset), "--out", str(trained), "--resume"]
    assert __main__.main(command) == 2
    assert "was begun with another model; resume it with the model" in capsys.readouterr().err


def test_nothing_is_resumed_or_overwritten_where_no_training_is(dataset, tmp_path, capsys):
    command = ["fit", "custom", "--data", str(dataset), "--out", str(tmp_path / "run")]
    assert __main__.main([*command, "--resume"]) == 2
    assert "run holds no training to resume; leave out --resume." in capsys.readouterr().err
    assert not (tmp_path / "run").exists()

    (tmp_path / "run").mkdir()
    (tmp_path / "run/model.keras").write_bytes(b"a network")
    run.write_json(tmp_path / "run/config.json", {"model": "ensemble", "options": {"stacked": False, "mirror": True}})
    assert __main__.main(command) == 2
    assert "already holds a network, ensemble; pass another --out." in capsys.readouterr().err
    assert __main__.main([*command, "--resume"]) == 2
    assert "was not begun by `fit` as it is now" in capsys.readouterr().err
    assert (tmp_path / "run/model.keras").read_bytes() == b"a network"


def test_jax_trains_it_too_and_without_tensorflow(dataset, trained, tmp_path):
    # Keras itself imports it, wherever it is installed, to save a network.
    (tmp_path / "tensorflow.py").write_text("raise ImportError('as where it is not installed')")
    options = ("--data", dataset, "--out", tmp_path / "run", "--epochs", 1, "--batch-size", 8)
    options += ("--filters", 2, "--dense-units", 2)
    finish(train_command("fit", "custom", *options, env={"KERAS_BACKEND": "jax", "PYTHONPATH": str(tmp_path)}))
    versions = run.read_json(tmp_path / "run", "config.json")["versions"]
    assert versions["backend"] == "jax" and versions["jax"] and "tensorflow" not in versions

    files = sorted((dataset / "test").rglob("*.jpg"))
    csv_file = tmp_path / "jax.csv"
    finish(train_command("predict", trained, *files, "--as-is", "--csv", csv_file, env={"KERAS_BACKEND": "jax"}))
    tensorflow = {row["file"]: float(row["p_real"]) for row in rows(trained / "scores-test.csv")}
    jax = {"/".join(row["file"].split("/")[-2:]): float(row["p_real"]) for row in rows(csv_file)}
    assert jax == pytest.approx(tensorflow, abs=1e-4)


def rows(path):
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_dropout_follows_from_seed_and_epoch_after_loading_too(tmp_path):
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dropout(0.5), keras.layers.Dropout(0.5)])
    run.save_model(model, tmp_path / run.MODEL)

    def trained_answers(network, epoch):
        epochs.reseed(network, 7, epoch)
        return np.asarray(network(np.ones((2, 64)), training=True))

    first = trained_answers(model, 3)
    np.testing.assert_array_equal(trained_answers(run.load_model(tmp_path), 3), first)
    assert not np.array_equal(trained_answers(model, 4), first)


def test_early_stopping_follows_the_history():
    history = [{"epoch": i + 1, "val_loss": loss} for i, loss in enumerate([0.7, 0.5, 0.6, 0.55])]
    assert epochs.best_epoch(history, "constant") == 2
    assert not epochs.stopped_early(history, Options(patience=3))
    assert epochs.stopped_early(history, Options(patience=2))
    assert not epochs.stopped_early([], Options(patience=1))


def test_on_a_cosine_the_last_epoch_is_kept():
    history = [{"epoch": i + 1, "val_loss": loss} for i, loss in enumerate([0.7, 0.5, 0.6, 0.55])]
    assert epochs.best_epoch(history, "cosine") == 4
    assert not epochs.stopped_early(history, Options(patience=1, schedule="cosine"))


def test_the_best_epochs_weights_with_their_calibration_are_the_runs_model(trained):
    best = keras.saving.load_model(trained / "checkpoints/best.keras", compile=False)
    saved, config = run.load_model(trained), run.read_json(trained, "config.json")
    assert all(np.array_equal(a, b) for a, b in zip(best.get_weights()[:-2], saved.get_weights()[:-2]))
    for before, after, offset in zip(best.get_weights()[-2:], saved.get_weights()[-2:], (0, config["offset"])):
        np.testing.assert_allclose(before / config["temperature"] + offset, after, rtol=1e-5, atol=1e-7)


def test_evaluate_repeats_the_figures_of_fit(trained, dataset, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy, ignore=shutil.ignore_patterns("checkpoints", "metrics.json", "plots"))
    command = ["evaluate", str(copy), "--data", str(dataset), "--split", "test", "--as-is"]
    assert __main__.main(command) == 0
    assert "confusion (rows truth, columns verdict; fake, real)" in capsys.readouterr().out
    again, before = (run.read_json(folder, "metrics.json") for folder in (copy, trained))
    assert again["threshold"] == pytest.approx(before["threshold"], abs=1e-5)
    assert again["splits"]["test"]["at_default"] == before["splits"]["test"]["at_default"]
    assert (copy / "plots/roc.png").exists()


def test_two_at_once_do_not_measure_one_run(tiny, dataset, tmp_path, capsys):
    for name in ("one", "two"):
        shutil.copytree(tiny, tmp_path / name)
    command = ["evaluate", str(tmp_path / "one"), str(tmp_path / "two"), "--data", str(dataset), "--as-is"]
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with run.alone(tmp_path / "two"):
        assert __main__.main(command) == 2
    assert f"Another command is using {tmp_path / 'two'}; wait for it" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert __main__.main(command) == 0


def test_two_at_once_do_not_train_in_one_folder(dataset, tmp_path, capsys):
    with run.alone(tmp_path / "run"):
        assert __main__.main(["fit", "custom", "--data", str(dataset), "--out", str(tmp_path / "run")]) == 2
        assert f"Another command is using {tmp_path / 'run'}" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_is_no_training_s_is_not_overwritten(dataset, tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"mine": true}')
    assert __main__.main(["fit", "custom", "--data", str(dataset), "--out", str(tmp_path)]) == 2
    assert "config.json is no training's; choose another --out." in capsys.readouterr().err
    assert (tmp_path / "config.json").read_text() == '{"mine": true}'


def test_a_folder_that_can_t_be_written_is_one_line_at_once(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert __main__.main(["fit", "custom", "--data", "nowhere", "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}/file: File exists.\n"


def test_a_run_without_its_records_is_one_line(tiny, dataset, tmp_path, capsys):
    bare = shutil.copytree(tiny, tmp_path / "bare")
    (bare / "config.json").unlink()
    (bare / "learnt.npz").write_bytes(b"damaged")
    for command in (["report", bare, "--out", tmp_path / "r.html"], ["learning-curve", bare, "--out", tmp_path / "c"]):
        assert __main__.main([*map(str, command)]) == 2
        assert f"error: {bare} holds no config.json of a training;" in capsys.readouterr().err
    assert __main__.main(["evaluate", str(bare), "--data", str(dataset)]) == 2
    assert f"error: {bare}/learnt.npz is damaged;" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


def test_a_folder_takes_its_place_once_it_is_whole(tmp_path):
    with pytest.raises(OSError, match="full"), run.filled(tmp_path / "runs/new") as folder:
        (folder / "half").touch()
        raise OSError("full")
    assert not [*(tmp_path / "runs").iterdir()]
    with run.filled(tmp_path / "runs/new") as folder:
        (folder / "whole").touch()
    assert [path.name for path in (tmp_path / "runs").rglob("*")] == ["new", "whole"]
    with pytest.raises(run.RunError, match="new exists; choose another --out"), run.filled(tmp_path / "runs/new"):
        pass


def test_what_the_disk_refuses_leaves_the_file_before_and_no_other(tmp_path):
    run.write_json(tmp_path / "a.json", "before")
    before = (tmp_path / "a.json").read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))  # Files stop growing, as on a full disk.
    try:
        with pytest.raises(OSError, match="File too large: .*a.json"):
            run.write_json(tmp_path / "a.json", "after" * 500)
        with pytest.raises(OSError, match="File too large: .*b.csv"):
            run.write_csv(tmp_path / "b.csv", [{"file": "x" * 100}] * 50)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a.json": before}


def test_a_missing_run_or_dataset_is_one_line(trained, tmp_path, capsys):
    assert __main__.main(["predict", str(tmp_path / "nothing"), "x.jpg"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/nothing: no such run folder;")
    assert __main__.main(["evaluate", str(trained), "--data", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/nowhere: no such folder or zip")


def test_a_command_prints_its_answer_alone():
    process = train_command("predict", "--help", stderr=subprocess.PIPE)
    output, error = process.communicate(timeout=600)
    assert output.startswith("usage: python -m train predict") and error == ""


def test_what_is_no_notice_is_passed_on(tmp_path):
    (tmp_path / "tensorflow.py").write_text(
        "import os\n"
        "os.write(2, b'E0000 cuda_dnn.cc:8579] Unable to register cuDNN factory: Attempting to\\n')\n"
        "os.write(2, b'E0000 something.cc:1] disk on fire\\n')\n"
        "raise ImportError('libfoo.so is missing')\n"
    )
    command = [sys.executable, "-c", "from train.quiet import import_quietly; import_quietly('tensorflow')"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": tmp_path}, capture_output=True, text=True)
    assert "disk on fire" in done.stderr and "libfoo.so is missing" in done.stderr and "cuDNN" not in done.stderr


def test_evaluate_without_images_is_one_line(trained, tmp_path, capsys):
    for name in ("real", "fake"):
        for split in ("valid", "test"):
            (tmp_path / split / name).mkdir(parents=True)
    assert __main__.main(["evaluate", str(trained), "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.endswith("error: split valid: the class fake has no readable image.\n")
