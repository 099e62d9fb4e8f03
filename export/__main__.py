"""Turn a trained run into what the Space and the page load.

    python -m export quantize runs/custom --out runs/custom-uint8
    python -m export convert runs/custom-uint8 --out web/model --precision uint8
    python -m export convert runs/custom-uint8 --out space/model --precision uint8 --format keras
    python -m export vendor
    python -m export icons
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TFDF_DISABLE_WELCOME_MESSAGE", "1")  # An advertisement that fails where output is captured.

from export import convert, icons, quantize, vendor  # noqa: E402
from train import run  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """The command line of ``python -m export``."""
    top = argparse.ArgumentParser(
        prog="python -m export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    p = commands.add_parser("convert", help="write the files that the page or the Space loads")
    p.add_argument("run", type=Path)
    p.add_argument("--out", type=Path, required=True, help="folder to fill; what it holds is replaced")
    p.add_argument("--format", choices=("tfjs", "keras"), default="tfjs")
    p.add_argument("--precision", choices=("float32", "float16", "uint8"), default="float32", help="of stored weights")
    p.set_defaults(command=convert.convert)

    p = commands.add_parser("quantize", help="round the weights to what uint8 can hold, as a new run")
    p.add_argument("run", type=Path)
    p.add_argument("--out", type=Path, required=True, help="run folder to write")
    p.set_defaults(command=quantize.quantize)

    p = commands.add_parser("vendor", help="refresh space/vendor, web/vendor and the page's list of files")
    p.set_defaults(command=vendor.vendor)

    p = commands.add_parser("icons", help="draw web/icons from web/icon.svg")
    p.set_defaults(command=icons.icons)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the process's exit status."""
    args = parser().parse_args(argv)
    try:
        args.command(args)
    except run.RunError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
