"""The set-up commands and the pinned packages."""

import hashlib
import os
import re
import subprocess
import sys

import pytest
from conftest import LONGEST, ROOT


def pins(path):
    return dict(re.findall(r"^([\w-]+)==(\S+)", path.read_text(), re.MULTILINE))


def test_tensorflowjs_imports():
    import tensorflowjs  # Here, so that the other tests run where it can't be imported.

    assert tensorflowjs.__version__ == pins(ROOT / "requirements.txt")["tensorflowjs"]


def test_the_space_pins_what_the_project_pins():
    space, everything = pins(ROOT / "space/requirements.txt"), pins(ROOT / "requirements.txt")
    # The Space also pins what these bring; protobuf is TensorFlow's business, which the Space does without.
    both = space.keys() & everything.keys() - {"protobuf"}
    assert {"ai-edge-litert", "gradio", "huggingface_hub", "numpy", "pillow"} <= both
    assert {name: space[name] for name in both} == {name: everything[name] for name in both}
    assert not any(name.startswith("tensorflow") for name in space)


@pytest.mark.parametrize("script", ["space/run.sh", "tests/run.sh"])
def test_a_wrong_python_is_one_line(script, tmp_path):
    """On a copy without an environment, so that the script would have to make one."""
    for name in ("space/run.sh", "space/venv.sh", "space/requirements.txt", "tests/run.sh", "requirements.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    result = subprocess.run(
        ["bash", tmp_path / script], env=os.environ | {"PYTHON": str(old)}, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: Python 3.11 or 3.12 is needed") and "Python 3.9.2" in result.stderr


def test_a_missing_node_is_one_line(tmp_path):
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "dirname"):
        (tmp_path / "bin" / tool).symlink_to(f"/usr/bin/{tool}")
    result = subprocess.run(
        ["/usr/bin/bash", ROOT / "tests/run.sh"], env={"PATH": str(tmp_path / "bin")}, capture_output=True, text=True
    )
    assert result.returncode == 1
    assert result.stderr == "error: Node 18 or newer is needed, with npm; on Debian: apt-get install nodejs npm\n"


def test_setting_up_runs_no_test(tmp_path):
    """On a copy where all is installed but the checkers and tests, which would fail."""
    for name in ("space/venv.sh", "tests/run.sh", "tests/package-lock.json", "requirements.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "tests/node_modules").mkdir()
    (tmp_path / "tests/node_modules/.installed-lock.json").write_bytes((ROOT / "tests/package-lock.json").read_bytes())
    (tmp_path / ".venv").mkdir()
    stamp = hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest()
    (tmp_path / ".venv/.installed").write_text(f"{stamp}\n")
    command = ["bash", tmp_path / "tests/run.sh", "--setup"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize(("part", "package"), [("train", "keras"), ("export", "tensorflow")])
def test_a_missing_package_is_one_line(part, package):
    without_packages = [sys.executable, "-S", "-m", part, "--help"]
    result = subprocess.run(without_packages, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: The package {package} is missing; `bash tests/run.sh --setup`")
    assert result.stderr.count("\n") == 1


def test_what_is_made_once_has_the_same_files_in_each_place(made_once):
    filled = []

    def make(folder):
        filled.append(folder.name)
        (folder / "file").write_text("content")

    one, other = (made_once("example", make) for _ in range(2))
    assert filled == [one.name] == [other.name] and one != other
    assert (one / "file").samefile(other / "file") and (one / "file").read_text() == "content"


def test_the_files_that_take_longest_are_there():
    assert {f"test_{name}.py" for name in LONGEST} <= {path.name for path in (ROOT / "tests").iterdir()}
