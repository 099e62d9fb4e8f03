"""README's commands, run one after the other in a folder as its reader would have it, on a small dataset.

What needs the network is parsed alone: `fetch` and `push` run against stand-ins in test_fetch.py and test_hub.py. Of
the training, the options that decide how long it takes are overridden.
"""

import re
import shlex
import subprocess
import sys

import pytest
from conftest import ROOT, draw

import export.__main__
import train.__main__

PARSERS = {"train": train.__main__.parser, "export": export.__main__.parser}
SHORT = ("--epochs", "1", "--batch-size", "8", "--warmup", "0.5")  # Given last, they count.
ONLINE = ("fetch", "push")


def commands() -> list[list[str]]:
    """Each `python -m train` or `python -m export` that README shows whole, without its comment."""
    text = (ROOT / "README.md").read_text().replace("\\\n", " ")
    lines = re.findall(r"^ {4}python -m ((?:train|export) .*)$", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines if "..." not in line]


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_a_command_is_one_that_the_program_takes(command):
    part, *options = command
    assert PARSERS[part]().parse_args(options).command


def test_the_commands_lead_from_images_to_verdicts_and_files(dataset, backbone_weights, tmp_path):
    (tmp_path / "data").symlink_to(dataset)
    (tmp_path / "folder").mkdir()
    draw(64, 64, 1).save(tmp_path / "photo.jpg")
    draw(64, 64, 2).save(tmp_path / "folder/another.png")
    (tmp_path / "web").mkdir()
    for part, *options in commands():
        if options[0] in ONLINE:
            continue
        short = (*SHORT, "--backbone-weights", str(backbone_weights)) if options[0] == "fit" else ()
        done = subprocess.run(
            [sys.executable, "-m", part, *options, *short],
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{part} {options[0]}: {done.stderr[-3000:]}"
        if options[0] == "predict":
            assert done.stdout.count("no_face") == 2  # What is drawn has none.
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"residual", "residual-uint8"}
    assert (tmp_path / "web/models/residual/model.json").exists()
    assert (tmp_path / "space/models/residual/model.tflite").exists()
