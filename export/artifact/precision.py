"""Choose how an exported model's weights are stored: the smallest form that answers as the original does."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np

from export.artifact import verify
from train import run
from train.chain.info import Form
from train.networks import inference
from train.photos import data

PRECISIONS = ("float32", "float16", "uint16", "uint8")
ACCURACY_LOSS = 0.001  # Largest accepted change of accuracy on validation: a tenth of a point.
DIFFERENCE = 0.01  # Largest accepted |difference in P(real)| on any validation image.


def choose(model: keras.Model, threshold: float, root: Path, make: Callable[[str], Path]) -> tuple[str, list[Form]]:
    """Score each precision on the validation split, through the exported graph in Chromium.

    Args:
        model: the original, from pixels to P(real).
        threshold: P(real) from which it calls a photo real.
        root: dataset, as in `data.find_splits`.
        make: exports the run in a precision and returns the folder.

    Returns:
        The smallest accepted precision, and what was measured of each.

    Raises:
        data.DataError: the dataset can't be used.
        verify.VerifyError: no Chromium starts, or no precision is accepted.
    """
    photos = data.load_checked(root, ("valid",))
    labels = data.labels_of(photos)[:, 0]
    original = inference.p_real(model, photos)
    before = float(((original >= threshold) == labels).mean())
    rows: list[Form] = []
    for precision in PRECISIONS:
        folder = make(precision)
        p_real = np.array(list(verify.judge(folder, [Path(photo.path) for photo in photos])))
        accuracy = float(((p_real >= threshold) == labels).mean())
        differences = np.abs(p_real - original)
        rows.append(
            {
                "precision": precision,
                "bytes": sum(path.stat().st_size for path in folder.iterdir()),
                "accuracy": accuracy,
                "largest_difference": float(differences.max()),
                "mean_difference": float(differences.mean()),
                "accepted": bool(abs(accuracy - before) <= ACCURACY_LOSS and differences.max() <= DIFFERENCE),
            }
        )
    print(markdown(rows))
    accepted = [row for row in rows if row["accepted"]]
    if not accepted:
        raise verify.VerifyError(f"No form of {model.name} answers as it does; see the table above.")
    return min(accepted, key=lambda row: row["bytes"])["precision"], rows


def markdown(rows: list[Form]) -> str:
    """The table of `choose`, for a README."""
    shown = [
        {
            "weights": row["precision"],
            "": "accepted" if row["accepted"] else "refused",
            "bytes": f"{row['bytes']:,}",
            "accuracy on validation": f"{row['accuracy']:.3f}",
            "largest difference in P(real)": f"{row['largest_difference']:.1e}",
            "mean": f"{row['mean_difference']:.1e}",
        }
        for row in rows
    ]
    return run.markdown(shown, numbers=4)
