"""Training on several processes: as one process does, and ended by any that is lost."""

import signal
import time

import pytest
from conftest import finish, free_port, train_command

from train import __main__, run
from train.fitting import processes
from train.photos import feed

JAX = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
TINY = ("--filters", 2, 2, 2, 2, "--dense-units", 4, "--dropout", 0.2, "--batch-size", 8, "--precision", "float32")
TOLERANCE = 1e-4  # Of a loss: sums over a batch are taken in another order.


def start(dataset, out, index, port, *options, count=2):
    together = ("--coordinator", f"127.0.0.1:{port}", "--processes", count, "--process-id", index)
    return train_command("fit", "custom", "--data", dataset, "--out", out, *TINY, *options, *together, env=JAX)


def losses(out):
    return [(row["loss"], row["val_loss"]) for row in run.read_csv(out / "history.csv")]


@pytest.fixture(scope="module")
def alone(dataset, tmp_path_factory):
    """The losses of one process."""
    out = tmp_path_factory.mktemp("alone") / "run"
    options = ("--data", dataset, "--out", out, *TINY, "--epochs", 4, "--degrade", 0.5)
    finish(train_command("fit", "custom", *options, env=JAX))
    return losses(out)


def test_every_image_is_fed_by_one_process_in_its_place():
    shares = [feed.Share(index, 2, 4) for index in range(2)]
    for images, batch_size in ((24, 8), (21, 8), (23, 20), (3, 8)):
        fed = [
            [
                inputs.tolist()
                for inputs, _ in feed.fed(lambda _, place: (place, place), images, batch_size, share=share)
            ]
            for share in shares
        ]
        assert len(fed[0]) == len(fed[1]) == feed.steps(images, batch_size, shares[0])
        together = [place for parts in zip(*fed) for part in parts for place in part]
        assert together == [*range(len(together))] and images - 4 < len(together) <= images
        assert all(len(one) == len(other) and len(one) % 2 == 0 for one, other in zip(*fed))


@pytest.mark.parametrize("lost", [0, 1])
def test_two_processes_train_as_one_and_go_on_after_one_is_lost(lost, alone, dataset, tmp_path):
    options = ("--epochs", 4, "--degrade", 0.5)
    port, out = free_port(), tmp_path / "run"
    started = [start(dataset, out, index, port, *options) for index in range(2)]
    while not (out / "history.csv").exists() and started[0].poll() is None:
        time.sleep(0.05)
    started[lost].send_signal(signal.SIGKILL)
    output, _ = started[1 - lost].communicate(timeout=600)
    assert started[1 - lost].returncode not in (0, None)
    assert output.count("error:") == 1 and output.endswith(f"error: {processes.LOST}\n")
    started[lost].communicate()
    assert 1 <= len(losses(out)) < 4, "killed too late to test a resumption"

    port = free_port()
    resumed = [start(dataset, out, index, port, "--resume") for index in range(2)]
    for process in resumed:
        output = finish(process)
        assert ("test: 4 fake, 4 real; ROC AUC" in output) == (process is resumed[0])
    assert losses(out) == [pytest.approx(row, abs=TOLERANCE) for row in alone]
    assert run.read_json(out, "metrics.json")["splits"].keys() == {"valid", "test"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--processes", 2), "Pass --coordinator, --processes and --process-id together, or --distributed alone."),
        (("--coordinator", "a:1", "--processes", 2, "--process-id", 0, "--distributed"), "or --distributed alone."),
        (("--distributed",), "Only JAX trains on several processes; set KERAS_BACKEND=jax."),
    ],
)
def test_options_that_do_not_go_together_are_refused(dataset, tmp_path, capsys, options, sentence):
    command = ["fit", "custom", "--data", dataset, "--out", tmp_path / "run", *options]
    assert __main__.main([*map(str, command)]) == 2
    assert sentence in capsys.readouterr().err


def test_a_batch_that_the_devices_can_not_share_is_refused(dataset, tmp_path):
    port = free_port()
    started = [start(dataset, tmp_path / "run", index, port, "--batch-size", 9) for index in range(2)]
    for process in started:
        assert "--batch-size 9 can't be shared by 2 devices alike." in finish(process, status=2)
