"""Turn a trained run into what the Space and the page load.

    python -m export quantize runs/custom --out runs/custom-uint8
    python -m export convert runs/custom-uint8 --out web/models/custom --precision uint8
    python -m export convert runs/custom-uint8 --out space/models/custom --precision uint8 --format tflite
    python -m export verify web/models/custom runs/custom-uint8 --data folder/
    python -m export push runs/custom-uint8 --repo OWNER/NAME
    python -m export pull --repo OWNER/NAME --revision COMMIT --out runs/pulled
    python -m export vendor
    python -m export icons

`python -m export COMMAND --help` lists each command's options.
"""

import argparse
import os
import sys
from pathlib import Path

from train.quiet import import_quietly

import_quietly("tensorflow")
os.environ.setdefault("TFDF_DISABLE_WELCOME_MESSAGE", "1")  # An advertisement that fails where output is captured.
os.environ["HF_HUB_DISABLE_XET"] = "1"  # With Xet the client may split a push into several commits.

from export.artifact import convert, hub, precision, quantize, verify  # noqa: E402
from export.upkeep import icons, vendor  # noqa: E402
from train import run  # noqa: E402
from train.arguments import status_of  # noqa: E402
from train.photos import data  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """The command line of ``python -m export``."""
    top = argparse.ArgumentParser(
        prog="python -m export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    p = commands.add_parser("convert", help="write the files that the page or the Space loads")
    p.add_argument("run", type=Path, help="run folder")
    p.add_argument("--out", type=Path, required=True, help="folder to fill; an earlier conversion there is replaced")
    p.add_argument(
        "--format",
        nargs="+",
        choices=convert.FORMATS,
        default=["tfjs"],
        help="tfjs for the page, tflite for the Space, keras for Python (default: tfjs)",
    )
    p.add_argument(
        "--precision",
        choices=(*precision.PRECISIONS, convert.AUTO),
        default="float32",
        help="how the weights are stored (default: %(default)s)",
    )
    p.add_argument("--data", type=Path, help="dataset on whose validation split --precision auto decides")
    p.set_defaults(command=convert.convert)

    p = commands.add_parser("quantize", help="round the weights to what uint8 can hold, as a new run")
    p.add_argument("run", type=Path, help="run folder")
    p.add_argument("--out", type=Path, required=True, help="run folder to write")
    p.set_defaults(command=quantize.quantize)

    p = commands.add_parser("verify", help="compare an exported model with its run, in Chromium")
    p.add_argument("model", type=Path, help="folder that `convert` filled with a TensorFlow.js model")
    p.add_argument("run", type=Path, help="run folder")
    p.add_argument(
        "--data", type=Path, default=verify.EXAMPLES, help="folder of photos (default: the Space's examples)"
    )
    p.add_argument(
        "--bound",
        type=float,
        default=verify.BOUND,
        help="largest difference in P(real) to accept (default: %(default)s)",
    )
    p.set_defaults(command=verify.verify)

    p = commands.add_parser("push", help="upload runs to the Hugging Face Hub as one commit")
    p.add_argument(
        "run", type=Path, nargs="+", help="runs; the first becomes the repository's model, each other a folder"
    )
    p.add_argument(
        "--repo",
        required=True,
        metavar="OWNER/NAME",
        help="repository, made if it is missing; what it holds is replaced",
    )
    p.add_argument("--private", action="store_true", help="make the repository private")
    p.add_argument("--replace", action="store_true", help="also replace what another program put there")
    p.add_argument("--revision", metavar="BRANCH", help="branch to push to, made if it is missing (default: main)")
    p.add_argument("--create-pr", action="store_true", help="open a pull request instead of changing the branch")
    p.add_argument("--dry-run", action="store_true", help="only list the files, without using the network")
    p.add_argument(
        "--space", metavar="OWNER/NAME", help="also push space/ to this Space, pinned to the commit just made"
    )
    p.set_defaults(command=hub.push)

    p = commands.add_parser("pull", help="fetch a model from the Hugging Face Hub and check every file")
    p.add_argument("--repo", required=True, metavar="OWNER/NAME", help="repository to fetch")
    p.add_argument(
        "--revision",
        default="main",
        help="branch, tag or commit, of which only a commit never changes (default: %(default)s)",
    )
    p.add_argument("--out", type=Path, required=True, help="run folder to write")
    p.set_defaults(command=hub.pull)

    p = commands.add_parser("vendor", help="refresh space/chain, web/vendor and the page's list of files")
    p.set_defaults(command=vendor.vendor)

    p = commands.add_parser("icons", help="draw web/icons from web/icon.svg")
    p.set_defaults(command=icons.icons)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the process's exit status."""
    top = parser()
    args = top.parse_args(argv)
    if args.command is convert.convert:
        if args.precision == convert.AUTO and (args.format != ["tfjs"] or not args.data):
            top.error("--precision auto needs --data DIR, and the format tfjs")
        if args.data and args.precision != convert.AUTO:
            top.error("--data is for --precision auto")
    refusals = (data.DataError, run.RunError, hub.HubError, verify.VerifyError)
    return status_of(lambda: args.command(args), refusals, "interrupted")


if __name__ == "__main__":
    sys.exit(main())
