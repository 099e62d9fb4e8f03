"""`predict --ray`: Parquet with the rows of `predict`, none lost or doubled by a killed worker or another start."""

import json
import os
import time
from unittest.mock import MagicMock

import numpy as np
import psutil
import pyarrow.parquet
import pytest
from conftest import finish, train_command
from pyarrow import fs
from test_predict import judge, photos, tiny  # noqa: F401

from train import run
from train.chain.read import MAX_BYTES
from train.chain.verdict import COLUMNS
from train.figures import parts, predict, predict_ray


def rows_of(folder) -> list[dict]:
    """All rows, by file."""
    found = [row for path in folder.glob("*.parquet") for row in pyarrow.parquet.read_table(path).to_pylist()]
    return sorted(found, key=lambda row: row["file"])


def title_of(process: psutil.Process) -> str:
    """What a process calls itself; nothing where it has ended."""
    try:
        return "".join(process.cmdline()[:1])
    except psutil.NoSuchProcess:  # Zombies too.
        return ""


def kill_workers(process) -> int:
    """Kill all that judge; returns how many these were."""
    below = psutil.Process(process.pid).children(recursive=True)
    judges = [each for each in below if title_of(each).startswith("ray::MapWorker")]
    for each in judges:
        each.kill()
    return len(judges)


def expected_rows(run, folder, path) -> list[dict]:
    """What `predict` says of the same photos, names as Parquet can hold them."""
    judge(run, folder, "--jsonl", path)
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [row | {"file": parts.text(os.fsencode(row["file"]))} for row in found]


def test_a_killed_worker_loses_and_doubles_no_row_and_another_start_judges_nothing(tiny, photos, tmp_path, capfd):  # noqa: F811
    expected = expected_rows(tiny, photos, tmp_path / "v.jsonl")
    out = tmp_path / "verdicts"
    process = train_command("predict", tiny, photos, "--ray", "--out", out, env={"RAY_worker_niceness": "0"})
    while not kill_workers(process):  # As soon as there is one.
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    assert "5 files; faces: " in finish(process, 1)

    found = rows_of(out)
    assert tuple(found[0]) == COLUMNS
    assert [row["p_real"] for row in found] == [pytest.approx(row["p_real"], abs=1e-5) for row in expected]
    assert [row | {"p_real": None} for row in found] == [row | {"p_real": None} for row in expected]

    before = {path: path.read_bytes() for path in out.iterdir()}
    assert judge(tiny, photos, "--ray", "nowhere", "--out", out) == 1  # Were a part left, no cluster would answer.
    assert {path: path.read_bytes() for path in out.iterdir()} == before
    assert "1 without a face, 1 unreadable" in capfd.readouterr().err


def test_what_the_disk_refuses_leaves_no_half_part(tiny, tmp_path, monkeypatch):  # noqa: F811
    def full(table, file):
        raise OSError("No space left on device")

    monkeypatch.setattr(pyarrow.parquet, "write_table", full)
    out, network = (fs.LocalFileSystem(), str(tmp_path)), predict_ray.network_of(tiny)
    worker = parts.Judge(network, predict.info_of(tiny), False, [None], out, tmp_path)
    answer = worker({"store": np.array([0]), "names": np.array([[b"none.jpg"]])})
    assert answer == {"count": [1], "refused": ["No space left on device"]} and not [*tmp_path.iterdir()]


def test_what_the_disk_refuses_a_worker_is_one_line(monkeypatch):
    answers = [{"count": [2], "refused": [""]}, {"count": [3], "refused": ["No space left on device"]}]
    monkeypatch.setattr(predict_ray, "ray", MagicMock())
    predict_ray.ray.data.from_items.return_value.map_batches.return_value.iter_batches.return_value = answers
    judged = predict_ray.judge([{"store": 0, "names": [b"x"]}], predict_ray.ALONE, out=(None, "verdicts"))
    assert next(judged) == 2
    with pytest.raises(run.RunError, match="^verdicts: No space left on device; the same command goes on once"):
        next(judged)


def test_a_part_loses_the_files_that_are_done_and_no_other(tmp_path):
    names = [[b"%03d" % i for i in range(200)], [b"005", b"x"]]
    waiting, count = predict_ray.divide(names, set())
    assert count == 201 and all(1 <= len(part["names"]) <= 201 // predict_ray.PARTS for part in waiting)
    assert [name for part in waiting for name in part["names"]] == [*names[0], b"x"]
    assert {part["store"] for part in waiting if b"x" in part["names"]} == {1}

    again, count = predict_ray.divide(names, {"000", "001", "002", "004", "x"})
    assert count == 201 and again[1:] == waiting[2:-1]
    assert again[0] == {"store": 0, "names": [b"003", b"005"]}


def test_names_and_sentences_of_a_store(tmp_path):
    (tmp_path / "b").mkdir()
    for name in ("b/two.JPG", "one.png", "text.txt"):
        (tmp_path / name).write_bytes(b"content")
    with open(tmp_path / "large.png", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    store, names = predict_ray.files_of(f"file://{tmp_path}")
    start = f"file://{tmp_path}/".encode()
    assert names == [start + b"b/two.JPG", start + b"large.png", start + b"one.png"]
    assert parts.fetched(store, tmp_path, names[0]) == b"content"
    assert str(parts.fetched(store, tmp_path, names[1])).startswith("The file has 25.1 MB; ")
    [missing] = predict_ray.files_of(f"file://{tmp_path}/none.png")[1]
    assert str(parts.fetched(store, tmp_path, missing)) == "There is no such file."


def test_another_folder_is_not_touched(tiny, photos, tmp_path, capsys):  # noqa: F811
    row = dict.fromkeys(COLUMNS) | {"file": "x", "model": "other"}
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row], parts.SCHEMA), tmp_path / "a.parquet")
    before = (tmp_path / "a.parquet").read_bytes()
    for content in (before, b"no Parquet"):
        (tmp_path / "a.parquet").write_bytes(content)
        assert judge(tiny, photos, "--ray", "--out", tmp_path) == 2
        assert "holds something other than verdicts of tiny" in capsys.readouterr().err
        assert (tmp_path / "a.parquet").read_bytes() == content


@pytest.mark.parametrize("options", [["--ray"], ["--out", "x"]])
def test_ray_and_out_go_together(options, tiny, photos, capsys):  # noqa: F811
    assert judge(tiny, photos, *options) == 2
    assert "--ray and --out FOLDER go together" in capsys.readouterr().err
