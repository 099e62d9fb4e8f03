"""Searching for settings: ranked, resumable, pruned."""

import shlex
import shutil
import sqlite3

import keras
import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from PIL import Image

from train import __main__, run
from train.chain.read import read_photo
from train.fitting import options, tune
from train.networks import models
from train.photos import data


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    """The whole search, but of networks that train in a second; the process stays free of global switches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tune.SPACE, "first_filters", CategoricalDistribution((2, 4)))
        patch.setitem(tune.SPACE, "dense_units", CategoricalDistribution((4, 8)))
        patch.setitem(tune.DEFAULTS, "first_filters", 2)
        patch.setitem(tune.DEFAULTS, "dense_units", 4)
        patch.setattr("tensorflow.config.experimental.enable_op_determinism", lambda: None)
        yield


def of_custom(values):
    return {name: values[name] for name in tune.settings_of("custom")}


def search(dataset, out, *options):
    arguments = ("--data", dataset, "--out", out, "--epochs", 1, "--batch-size", 12, *options)
    return __main__.main(["tune", "custom", *map(str, arguments)])


@pytest.fixture(scope="module")
def tuned(dataset, tmp_path_factory):
    out = tmp_path_factory.mktemp("tuned")
    assert search(dataset, out, "--trials", 2) == 0
    return out


@pytest.fixture(scope="module")
def photos(dataset):
    return data.load_checked(dataset, ("train", "valid"))


def test_the_trials_are_ranked_by_validation_loss(tuned):
    rows = run.read_csv(tuned / "ranking.csv")
    assert [row["rank"] for row in rows] == [1, 2]
    assert sorted(row["trial"] for row in rows) == [1, 2]
    losses = [row["val_loss"] for row in rows]
    assert losses == sorted(losses) and 0 < losses[0] < 10
    first = next(row for row in rows if row["trial"] == 1)
    assert {name: first[name] for name in of_custom(tune.DEFAULTS)} == of_custom(tune.DEFAULTS) | {"flip": "True"}
    assert first["parameters"] == models.custom((2, 4, 8), 4).count_params()
    assert (tuned / "ranking.md").read_text().count("\n") == 4
    with Image.open(tuned / "plots/tuning.png") as image:
        assert min(image.size) > 300
    config = run.read_json(tuned, "config.json")
    assert config["options"] == {"epochs": 1, "batch_size": 12, "seed": 0}
    assert config["dataset"]["counts"] == {"train/fake": 12, "train/real": 12, "valid/fake": 4, "valid/real": 4}


def test_killed_and_started_again_it_ends_as_an_uninterrupted_search(tuned, dataset, tmp_path, capsys):
    out = tmp_path / "killed"
    shutil.copytree(tuned, out)
    with sqlite3.connect(out / "study.db") as study:  # As a kill in the second trial leaves it.
        study.execute("UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE number = 1")
        study.execute("DELETE FROM trial_values WHERE trial_id = 2")
        study.execute("DELETE FROM trial_intermediate_values WHERE trial_id = 2")
    study.close()
    (out / "ranking.csv").unlink()
    assert search(dataset, out, "--trials", 2) == 0
    output = capsys.readouterr().out
    assert "trial 2 of 2" in output and "trial 1 of 2" not in output
    resumed, uninterrupted = (run.read_csv(folder / "ranking.csv") for folder in (out, tuned))
    assert len(resumed) == 2
    for one, other in zip(resumed, uninterrupted):
        assert one == other | {"val_loss": pytest.approx(other["val_loss"], rel=1e-3)}

    assert search(dataset, out, "--trials", 2) == 0
    assert "trial 2 of 2" not in capsys.readouterr().out  # All done: nothing is trained, the table is shown again.
    assert search(dataset, out, "--trials", 2, "--seed", 1) == 2
    assert "was tuned with another options; choose another --out" in capsys.readouterr().err


def test_a_bad_trial_is_pruned_after_its_first_epoch(photos):
    study = optuna.create_study(pruner=optuna.pruners.PercentilePruner(tune.KEPT))
    for _ in range(5):
        study.add_trial(
            optuna.create_trial(
                params=of_custom(tune.DEFAULTS),
                distributions=of_custom(tune.SPACE),
                value=0.01,
                intermediate_values={1: 0.01, 2: 0.01},
                user_attrs={"parameters": 1},
            )
        )
    trial = tune.propose(study, "custom", seed=0, done=5)
    assert tune.attempt(trial, "custom", None, photos, read_photo, epochs=3, batch_size=24, seed=0) is None
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    last = tune.ranking(study)[-1]
    assert (last["trial"], last["state"], last["epochs"]) == (6, "pruned", 1)
    assert last["val_loss"] > 0.1


def test_a_trial_that_diverges_ends_the_trial_alone(photos):
    study = optuna.create_study()
    study.enqueue_trial(of_custom(tune.DEFAULTS) | {"optimizer": "sgd", "learning_rate": np.inf})
    trial = study.ask(of_custom(tune.SPACE) | {"learning_rate": CategoricalDistribution((np.inf,))})
    assert tune.attempt(trial, "custom", None, photos, read_photo, epochs=2, batch_size=8, seed=0) is None
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    assert tune.ranking(study)[0]["val_loss"] == float("inf")


def test_proposals_follow_from_the_seed():
    def proposals(seed):
        study = optuna.create_study()
        settings = []
        for done in range(4):
            trial = tune.propose(study, "custom", seed, done)
            settings.append(trial.params)
            study.tell(trial, 1 / (done + 1))
        return settings

    assert proposals(0) == proposals(0)
    assert proposals(0)[0] == proposals(1)[0] == of_custom(tune.DEFAULTS)
    assert proposals(0)[1:] != proposals(1)[1:]


def test_enough_trials_show_which_setting_matters(tmp_path):
    study = optuna.create_study()
    random = np.random.default_rng(0)
    for _ in range(30):
        rate = float(10 ** random.uniform(-4, -2))
        settings = of_custom(tune.DEFAULTS) | {"learning_rate": rate, "dropout": int(random.integers(7)) / 10}
        study.add_trial(optuna.create_trial(params=settings, distributions=of_custom(tune.SPACE), value=rate))
    importances = optuna.importance.get_param_importances(study)
    assert max(importances, key=importances.get) == "learning_rate"
    tune.plot(study, tmp_path)
    with Image.open(tmp_path / "tuning.png") as image:
        assert image.size == (1200, 480)


@pytest.mark.parametrize("model", models.NAMES)
def test_the_winners_command_is_one_that_fit_takes(tmp_path, model):
    weights = None if model in models.FROM_SCRATCH else tmp_path / "a b.weights.h5"
    searched = ["tune", model, "--data", tmp_path / "my set", "--out", "x", "--batch-size", 32, "--split-seed", 7]
    searched += ["--allow-duplicates", *(["--backbone-weights", weights] if weights else [])]
    searched = __main__.parser().parse_args([*map(str, searched)])
    other = {"convolutions": 4, "dropout": 0.3, "optimizer": "sgd", "flip": False, "zoom": 0.2, "crop": 96}
    for settings in (tune.DEFAULTS, tune.DEFAULTS | other):
        row = {name: settings[name] for name in tune.settings_of(model)}
        command = tune.how_to_train(searched, row).splitlines()[-1]
        command = shlex.split(command)
        assert command[:5] == ["python", "-m", "train", "fit", model]
        args = __main__.parser().parse_args(command[3:])
        for name in ("data", "batch_size", "backbone_weights", "split_seed", "allow_duplicates"):
            assert getattr(args, name) == getattr(searched, name), name
        if model == "custom":
            assert tuple(args.filters) == tune.filters(settings)
        chosen = options.options_of(args)
        for name in row.keys() - {"first_filters", "convolutions"}:
            assert getattr(chosen, name) == settings[name], name
        options.check_options(args, chosen)


def test_each_kind_of_network_is_searched_by_what_it_can_be_trained_with(photos, backbone_weights):
    assert tune.settings_of("vgg16") == ["optimizer", "learning_rate", "flip"]
    assert tune.settings_of("residual") == ["optimizer", "learning_rate", "flip", "zoom", "crop"]
    assert tune.settings_of("custom_histogram") == ["optimizer", "learning_rate", "flip", "zoom"]
    assert [*tune.SPACE] == tune.settings_of("custom") + ["crop"]

    for model in ("residual", "xception"):
        study = optuna.create_study()
        trial = tune.propose(study, model, seed=0, done=0)
        few = [photo for photo in photos if photo.path.endswith(("0.jpg", "1.jpg"))]
        loss = tune.attempt(trial, model, backbone_weights, few, read_photo, epochs=1, batch_size=4, seed=0)
        assert 0 < loss < 20
        study.tell(trial, loss)
        [row] = tune.ranking(study)
        assert row["parameters"] > 900_000 and {*row} >= {*tune.settings_of(model)}


def test_the_settings_reach_the_network():
    model = models.custom(filters=(3, 5), dense_units=7, dropout=0.4)
    found = [
        (name, getattr(layer, name))
        for layer in model.layers
        for name in ("filters", "units", "rate")
        if hasattr(layer, name)
    ]
    assert found == [("filters", 3), ("filters", 5), ("units", 7), ("rate", 0.4), ("units", 1)]
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in models.custom().layers)


def test_a_damaged_study_is_one_line(dataset, tmp_path, capsys):
    (tmp_path / "study.db").write_bytes(b"no database" * 100)
    assert __main__.main(["tune", "custom", "--data", str(dataset), "--out", str(tmp_path)]) == 2
    assert f"{tmp_path}/study.db can't be used (file is not a database)" in capsys.readouterr().err
    assert (tmp_path / "study.db").read_bytes() == b"no database" * 100
