"""Download the Kaggle set "140k Real and Fake Faces" (about 4 GB).

    python -m train fetch --out data

ends with the command that trains on it. Without network or Kaggle's token, one line says what to do.
"""

import argparse
import shutil
from pathlib import Path

import kagglehub
import kagglehub.exceptions
import requests

DATASET = "xhlulu/140k-real-and-fake-faces"


class FetchError(RuntimeError):
    """The download did not happen; the message says what to do."""


def fetch(args: argparse.Namespace) -> None:
    """Download and unpack the set into ``args.out`` with kagglehub.

    Raises:
        FetchError: no network, no credential, or not enough disk.
    """
    out = Path(args.out)
    by_hand = f"or download https://www.kaggle.com/datasets/{DATASET} in a browser and pass the zip as --data."
    try:
        out.mkdir(parents=True, exist_ok=True)
        path = kagglehub.dataset_download(DATASET, output_dir=str(out))
    except (kagglehub.exceptions.KaggleApiHTTPError, kagglehub.exceptions.UnauthenticatedError) as error:
        raise FetchError(
            f"Kaggle refused the download ({str(error).splitlines()[0]}). Put an API token where kagglehub finds it "
            f"(https://www.kaggle.com/settings -> API -> ~/.kaggle/kaggle.json, or KAGGLE_API_TOKEN), {by_hand}"
        ) from error
    except requests.exceptions.RequestException as error:
        reason = type(error).__name__
        raise FetchError(f"Kaggle can't be reached ({reason}). Check the network and retry, {by_hand}") from error
    except OSError as error:
        there = next(parent for parent in (out.absolute(), *out.absolute().parents) if parent.is_dir())
        free = shutil.disk_usage(there).free / 1e9
        raise FetchError(f"{out} can't be written ({error}); the set needs 8 GB, {free:.1f} GB are free.") from error
    print(f"python -m train fit custom --data {path}")
