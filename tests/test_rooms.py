"""Imports go one way: each room of train/ takes from those before it, and train/ from nothing else of the project."""

import ast

import pytest
from conftest import ROOT

ROOMS = ("photos", "networks", "fitting", "figures")  # In the order of what flows.
BOTTOM = (
    "chain",
    "spec",
    "run",
    "arguments",
    "html",
    "plots",
    "quiet",
)  # Taken by all; they take from one another alone.
PARTS = ("train", "export", "space", "web", "tests")


def imported(path):
    """Modules of the project that a file imports, as dotted names."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PARTS:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in PARTS)


@pytest.mark.parametrize("path", sorted((ROOT / "train").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_reaches_back(path):
    room = path.relative_to(ROOT / "train").with_suffix("").parts[0]
    if room == "__main__":
        return  # The edge, where the rooms are put together.
    allowed = {*BOTTOM, *(ROOMS[: ROOMS.index(room) + 1] if room in ROOMS else ())}
    taken = {name.split(".")[1] for name in imported(path) if name.startswith("train.")}
    assert taken <= allowed
    assert not [name for name in imported(path) if not name.startswith("train.")]


@pytest.mark.parametrize("path", sorted((ROOT / "export/artifact").glob("*.py")), ids=lambda path: path.name)
def test_what_makes_the_files_needs_nothing_of_what_keeps_copies(path):
    assert not [name for name in imported(path) if name.startswith("export.upkeep")]
