"""Judge photos with a trained network.

    python -m train predict runs/custom photo.jpg folder/ --csv verdicts.csv

writes a row for each file: path, verdict ("fake" or "real"), P(real), or why it can't be read. Exit status 1 if one
can't. Without --csv the rows are printed.
"""

import argparse
import sys
from pathlib import Path

from train import data, run
from train.chain.read import PhotoError, read_photo
from train.spec import CLASS_NAMES, DEFAULT_THRESHOLD


def predict(args: argparse.Namespace) -> int:
    """Print or write one row a photo: path, verdict, P(real), error.

    Returns:
        Exit status: 1 if any file could not be read, else 0.

    Raises:
        run.RunError: the run holds no finished network.
    """
    model = run.load_model(args.run)
    threshold = run.read_json(args.run, run.METRICS).get("threshold", DEFAULT_THRESHOLD)
    rows = []
    for path in expand(args.paths):
        row = {"path": str(path), "verdict": "", "p_real": "", "error": ""}
        try:
            p_real = float(model.predict_on_batch(read_photo(path)[None].astype("float32"))[0, 0])
            row |= {"verdict": CLASS_NAMES[p_real >= threshold], "p_real": f"{p_real:.6f}"}
        except PhotoError as error:
            row["error"] = str(error)
        rows.append(row)
        if not args.csv:
            print(f"{row['verdict'] or 'ERROR':6} {row['p_real'] or '-':9} {path} {row['error']}".rstrip())
    if args.csv and rows:
        run.write_csv(args.csv, rows)
    failed = sum(bool(row["error"]) for row in rows)
    print(f"{len(rows)} files, {failed} unreadable; P(real) >= {threshold:.3f} is called real", file=sys.stderr)
    return 1 if failed or not rows else 0


def expand(paths: list[Path]) -> list[Path]:
    """Files as given, and the image files inside folders, sorted."""
    files = []
    for path in paths:
        if path.is_dir():
            files += sorted(file for file in path.rglob("*") if file.suffix.lower() in data.SUFFIXES)
        else:
            files.append(path)
    return files
