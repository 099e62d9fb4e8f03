"""`predict`: a row for each face, whatever the files are called, and none lost or doubled by an interruption."""

import codecs
import csv
import json
import os
import resource
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
from conftest import ROOT, draw, encode
from PIL import Image
from skimage import data

from train import __main__ as train
from train import run
from train.chain.verdict import COLUMNS
from train.figures import predict
from train.networks import models

PORTRAIT = data.astronaut()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A run of a network that knows nothing: P(real) follows from the mean colour."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    folder.mkdir()
    pixels = keras.Input((None, None, 3))
    seen = keras.layers.Resizing(32, 32, interpolation="bilinear", name=models.RESIZE_LAYER)(pixels)
    mean = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(seen))
    keras.Model(pixels, keras.layers.Dense(1, "sigmoid", kernel_initializer="ones")(mean)).save(folder / "model.keras")
    run.write_json(folder / "config.json", {"model": "tiny"})
    run.write_json(folder / "metrics.json", {"threshold": 0.9, "unsure": {"low": 0.7, "high": 0.95}})
    return folder


@pytest.fixture
def photos(tmp_path):
    """Two faces, none, one that is called like a formula, one that is no picture, one whose name is no UTF-8."""
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a two, faces.png").write_bytes(encode(Image.fromarray(np.hstack([PORTRAIT, PORTRAIT])), "PNG"))
    (folder / "b.jpg").write_bytes(encode(draw(300, 200, 1), "JPEG"))
    (folder / "c.jpg").write_bytes(b"no picture")
    (folder / "d\nline.png").write_bytes(encode(Image.fromarray(PORTRAIT[::-1, ::-1]), "PNG"))
    with open(os.fsencode(folder) + b"/e\xff.png", "wb") as file:
        file.write(encode(Image.fromarray(PORTRAIT), "PNG"))
    return folder


def read_csv(path) -> list[dict]:
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def judge(*argv) -> int:
    return train.main(["predict", *map(str, argv)])


def test_each_face_has_a_row_and_each_file_at_least_one(tiny, photos, tmp_path, capfd):
    assert judge(tiny, photos, "--csv", tmp_path / "v.csv") == 1  # One can't be read.
    table = read_csv(tmp_path / "v.csv")
    assert tuple(table[0]) == COLUMNS
    names = [os.fsencode(row["file"]).rsplit(b"/", 1)[1] for row in table]
    assert names == [b"a two, faces.png"] * 2 + [b"b.jpg", b"c.jpg", b"d\nline.png", b"e\xff.png"]
    assert [row["face"] for row in table] == ["1", "2", "", "", "1", "1"]
    assert [row["verdict"] for row in table][2:4] == ["no_face", ""] and table[2]["p_real"] == ""
    assert table[3]["error"].startswith("This is not a ") and table[3]["model"] == "tiny"
    assert abs(abs(float(table[4]["roll"])) - 178) < 5 and abs(float(table[5]["roll"]) - 2) < 5
    for row in table:
        if row["p_real"]:
            p = float(row["p_real"])
            assert row["verdict"] == ("unsure" if 0.7 <= p < 0.95 else "real" if p >= 0.9 else "fake")
            assert row["unsure"] == str(row["verdict"] == "unsure").lower() and row["model"] == "tiny"
    printed = capfd.readouterr()
    assert printed.out == "" and "judging" in printed.err and "1 without a face, 1 unreadable" in printed.err

    assert judge(tiny, photos, "--jsonl", tmp_path / "v.jsonl") == 1
    rows = [json.loads(line) for line in (tmp_path / "v.jsonl").read_text().splitlines()]
    assert [row["file"] for row in rows] == [row["file"] for row in table]
    assert rows[2]["p_real"] is None and rows[0]["box"] == [int(side) for side in table[0]["box"].split()]


def test_without_a_file_the_table_is_printed(tiny, photos, tmp_path, capfdbinary):
    judge(tiny, photos, "--as-is", "--csv", tmp_path / "v.csv")
    assert judge(tiny, photos, "--as-is") == 1
    assert capfdbinary.readouterr().out == (tmp_path / "v.csv").read_bytes().removeprefix(codecs.BOM_UTF8)


def test_verdicts_may_go_into_a_pipe_or_a_device(tiny, photos, tmp_path):
    judge(tiny, photos, "--jsonl", tmp_path / "v.jsonl")
    assert judge(tiny, photos, "--jsonl", "/dev/null") == 1
    source, sink = os.pipe()
    assert judge(tiny, photos, "--jsonl", f"/dev/fd/{sink}") == 1
    os.close(sink)
    with open(source, "rb") as pipe:
        assert pipe.read() == (tmp_path / "v.jsonl").read_bytes()


@pytest.mark.parametrize("option", ["--csv", "--jsonl"])
def test_cut_off_anywhere_it_goes_on_without_losing_or_doubling_a_row(option, tiny, photos, tmp_path, monkeypatch):
    whole, part = tmp_path / "whole", tmp_path / "part"
    judge(tiny, photos, option, whole)
    content = whole.read_bytes()
    for end in [1, 100, *range(150, len(content), 170), len(content) - 1]:
        part.write_bytes(content[:end])
        assert judge(tiny, photos, option, part) == 1
        assert part.read_bytes() == content, end
    monkeypatch.setattr(predict, "read_photo", None)  # Nothing is judged again.
    assert judge(tiny, photos, option, whole) == 1
    assert whole.read_bytes() == content


def test_another_file_is_not_touched(tiny, photos, tmp_path, capsys):
    for name, content in {"--csv": "x,y\r\n1,2\r\n", "--jsonl": '{"x": 1}\n'}.items():
        (tmp_path / "mine").write_text(content, newline="")
        assert judge(tiny, photos, name, tmp_path / "mine") == 2
        assert "holds something other than verdicts of tiny" in capsys.readouterr().err
        assert (tmp_path / "mine").read_bytes() == content.encode()


def test_a_missing_folder_is_refused_before_anything_is_judged(tiny, photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run, "load_model", None)
    assert judge(tiny, photos, "--csv", tmp_path / "nowhere/v.csv") == 2
    assert "nowhere is no folder; make it first" in capsys.readouterr().err


def test_as_is_takes_every_picture_for_a_face(tiny, photos, tmp_path):
    judge(tiny, photos, "--as-is", "--csv", tmp_path / "v.csv")
    table = read_csv(tmp_path / "v.csv")
    assert len(table) == 5
    assert [row["as_is"] for row in table] == ["true", "true", "", "true", "true"]
    assert all(row["box"] == row["roll"] == "" for row in table)


def test_a_folder_gives_its_pictures_and_says_what_else_it_holds(tiny, tmp_path, capsys):
    folder = tmp_path / "photos"
    (folder / "a folder.jpg").mkdir(parents=True)
    for name in ("a.gif", "b.AVIF", "c.webp", "._c.webp"):
        (folder / name).write_bytes(encode(Image.fromarray(PORTRAIT), name.rsplit(".")[-1].upper()))
    (folder / "notes.txt").touch()
    assert judge(tiny, folder, "--csv", tmp_path / "v.csv") == 0
    assert [row["file"].rsplit("/", 1)[1] for row in read_csv(tmp_path / "v.csv")] == ["a.gif", "b.AVIF", "c.webp"]
    assert f"left out of {folder}: 1 hidden files, 1 .txt" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe"])
@pytest.mark.parametrize("name", ["config.json", "metrics.json", "model.keras"])
def test_a_damaged_run_is_one_line(tiny, tmp_path, capsys, name, content):
    run_folder = shutil.copytree(tiny, tmp_path / "run")
    (run_folder / name).write_bytes(content)
    assert judge(run_folder, "x.jpg") == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {run_folder}/{name} is damaged") and line.endswith("or make the run anew.")


def test_a_network_that_is_damaged_inside_is_one_line(tiny, tmp_path, capsys):
    run_folder = shutil.copytree(tiny, tmp_path / "run")
    content = bytearray((tiny / "model.keras").read_bytes())
    content[len(content) // 2] ^= 255
    for damaged in (content, content[:-50]):
        (run_folder / "model.keras").write_bytes(damaged)
        assert judge(run_folder, "x.jpg") == 2
        assert "model.keras is damaged" in capsys.readouterr().err


def test_what_the_disk_refuses_is_one_line(tiny, tmp_path, capsys):
    assert judge(tiny, "x.jpg", "--csv", tmp_path) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}: Is a directory.\n"
    assert judge(tiny, "x.jpg", "--csv", tiny / "config.json/v.csv") == 2
    assert "config.json is no folder; make it first, or name another file." in capsys.readouterr().err
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50, hard))  # Files stop growing, as on a full disk.
    try:
        assert judge(tiny, "x.jpg", "--csv", tmp_path / "v.csv") == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert capsys.readouterr().err.splitlines()[-1] == "error: File too large."


def test_what_is_printed_may_be_cut_off(tiny, photos):
    command = f"{sys.executable} -m train predict {tiny} {photos} | true"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "error: Broken pipe." and "Traceback" not in done.stderr


def test_two_at_once_do_not_write_to_one_file(tiny, photos, tmp_path, capsys):
    judge(tiny, photos, "--csv", tmp_path / "v.csv")
    content = (tmp_path / "v.csv").read_bytes()[:-1]
    (tmp_path / "v.csv").write_bytes(content)  # As the other one left it for now.
    with (tmp_path / "v.csv").open("ab") as other:
        run.claim(other.fileno(), tmp_path / "v.csv")
        assert judge(tiny, photos, "--csv", tmp_path / "v.csv") == 2
    assert "Another command is using" in capsys.readouterr().err
    assert (tmp_path / "v.csv").read_bytes() == content
