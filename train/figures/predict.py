"""Judge photos with a trained network.

    python -m train predict runs/custom photo.jpg folder/ --csv verdicts.csv

writes a row for each face: `train.chain.verdict.COLUMNS` says what stands in it. A photo without a face has one row
too, and so has a file that can't be read; then the exit status is 1. Rows are written as photos are judged, and started
again with the same file, `predict` goes on after the last one. Without --csv or --jsonl the table is printed.
"""

import argparse
import codecs
import collections
import contextlib
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from tqdm import tqdm

from train import run
from train.chain.info import Rule
from train.chain.read import PhotoError, read_photo
from train.chain.verdict import COLUMNS, NO_FACE, UNSURE, FaceView, Row, cells, error_row, face_views, rows, to_csv
from train.figures import scoring
from train.photos import layout
from train.spec import DEFAULT_THRESHOLD, WORDS

COUNTED = {"fake": "fake", UNSURE: UNSURE, "real": "real", NO_FACE: "without a face", None: "unreadable"}


def predict(args: argparse.Namespace) -> int:
    """Judge files, and write or print their rows.

    Returns:
        Exit status: 1 if any file could not be read or there is none, else 0.

    Raises:
        run.RunError: the run holds no finished network, the output's folder is missing, or its file is another's or in
            use.
    """
    info = info_of(args.run)
    target, is_csv = args.csv or args.jsonl, not args.jsonl
    if target and not target.parent.is_dir():
        raise run.RunError(f"{target.parent} is no folder; make it first, or name another file.")
    with open(target, "ab") if target else contextlib.nullcontext(sys.stdout.buffer) as output:
        # A pipe or a device, such as /dev/stdout, has no rows of before.
        done = finished_rows(output, is_csv, info["name"]) if target and target.is_file() else []
        known = {row["file"] for row in done}
        files = expand(map(Path, args.paths))
        left = [path for path in files if _name(path, is_csv) not in known]
        verdicts = [row["verdict"] or None for row in done]
        model = run.load_model(args.run)
        if is_csv and not done:
            output.write(to_csv([]).removeprefix(b"" if target else codecs.BOM_UTF8))
        with tqdm(total=len(files), initial=len(files) - len(left), desc="judging", unit="photo", smoothing=0) as bar:
            for (path, views, problem), p_real in scoring.judge(model, left, looker(args.as_is)):
                name = str(path)
                said = [error_row(name, problem, info)] if problem else rows(name, views, p_real.tolist(), info)
                write(output, said, is_csv)
                verdicts += [row["verdict"] for row in said]
                bar.update()
    print(summary(len(files), collections.Counter(verdicts), info), file=sys.stderr)
    return 1 if None in verdicts or not files else 0


def summary(files: int, counts: dict[str | None, int], info: Rule) -> str:
    """What was found in so many files, for people; ``counts`` are rows by verdict."""
    found = ", ".join(f"{counts[key]} {word}" for key, word in COUNTED.items() if key in counts)
    band = info["unsure"]
    return (
        f"{files} files; faces: {found or 'none'}. P(real) >= {info['threshold']:.3f} is called real, "
        f"{band['low']:.3f}..{band['high']:.3f} unsure"
    )


def looker(as_is: bool) -> Callable[[Path], tuple[tuple[Path, list[FaceView], str | None], list[np.ndarray]]]:
    """What reads a file for `scoring.judge`: its path, faces, and why it can't be read; and their pixels."""

    def look(path: Path) -> tuple[tuple[Path, list[FaceView], str | None], list[np.ndarray]]:
        try:
            views = face_views(read_photo(path), as_is)
        except PhotoError as error:
            return (path, [], str(error)), []
        return (path, views, None), [view.pixels for view in views]

    return look


def info_of(folder: Path) -> Rule:
    """What makes verdicts of what a run's network answers.

    It is read from metrics.json, or from the detector.json of an exported network. A run that was never measured calls
    nothing unsure.
    """
    figures = run.read_json(folder, run.METRICS) or run.read_json(folder, run.DETECTOR)
    threshold = figures.get("threshold", DEFAULT_THRESHOLD)
    return {
        "name": run.read_json(folder, run.CONFIG).get("model") or figures.get("name") or Path(folder).name,
        "threshold": threshold,
        "unsure": figures.get("unsure", {"low": threshold, "high": threshold}),
        "words": WORDS,
    }


def expand(paths: Iterable[Path]) -> list[Path]:
    """Files as given, and the image files inside folders, sorted; each once. What folders hold beside these is said."""
    files = []
    for path in paths:
        if path.is_dir():
            found, left_out = layout.images(path)
            files += found
            if left_out:
                print(f"left out of {path}: {layout.listed(left_out)}", file=sys.stderr)
        else:
            files.append(path)
    return list(dict.fromkeys(files))


def write(output: BinaryIO, said: list[Row], is_csv: bool) -> None:
    """Write the rows of one photo at once, and hand them to the system: an interruption leaves them there."""
    if is_csv:
        stream = io.StringIO(newline="")
        csv.writer(stream).writerows(map(cells, said))
        text = stream.getvalue()
    else:
        text = "".join(json.dumps(row) + "\n" for row in said)
    output.write(text.encode("utf-8", "surrogateescape"))
    output.flush()


def finished_rows(output: BinaryIO, is_csv: bool, model: str) -> list[dict]:
    """The rows that an earlier start left in its file, of photos that have all of theirs; the rest is cut off.

    Raises:
        run.RunError: another command writes to it, or it holds something else.
    """
    path = Path(output.name)
    run.claim(output.fileno(), path)
    content = path.read_bytes()
    start = to_csv([]) if is_csv else b'{"file": '
    is_ours = content.startswith(start) or start.startswith(content)
    found, count, end = [], 0, 0
    for row, stop in _csv_records(content) if is_csv else _json_records(content):
        is_ours = is_ours and tuple(row) == COLUMNS and row["model"] == model
        found.append(row)
        if is_ours and int(row["face"] or 1) >= int(row["faces"] or 1):  # The photo's last.
            count, end = len(found), stop
    if not is_ours:
        raise run.RunError(f"{path} holds something other than verdicts of {model}; name another file.")
    os.truncate(path, end)
    return found[:count]


def _json_records(content: bytes) -> Iterator[tuple[dict, int]]:
    """Each whole line as a row, and where it ends."""
    end = 0
    for line in content.splitlines(keepends=True):
        end += len(line)
        if line.endswith(b"\n"):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            yield row if isinstance(row, dict) else {}, end


def _csv_records(content: bytes) -> Iterator[tuple[dict, int]]:
    """Each whole record behind the header as a row of texts, and where it ends."""
    end, record = len(to_csv([])), ""
    for line in content[end:].decode("utf-8", "surrogateescape").splitlines(keepends=True):
        record += line
        if not record.endswith("\r\n") or record.count('"') % 2:
            continue  # A name may hold line ends.
        end += len(record.encode("utf-8", "surrogateescape"))
        [found] = csv.reader([record])
        yield dict(zip(COLUMNS, found)) if len(found) == len(COLUMNS) else {}, end
        record = ""


def _name(path: Path, is_csv: bool) -> str:
    """A file's name as it stands in the table."""
    return cells(dict.fromkeys(COLUMNS) | {"file": str(path)})[0] if is_csv else str(path)
