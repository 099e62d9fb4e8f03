"""The run's pictures, as PNG."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from sklearn.metrics import ConfusionMatrixDisplay, RocCurveDisplay  # noqa: E402

from train.spec import CLASS_NAMES  # noqa: E402


def _save(figure, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=120)
    plt.close(figure)


def training_curves(history: list[dict], folder: Path) -> None:
    """Loss and accuracy of training and validation over the epochs."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axis, name in zip(axes, ("loss", "accuracy")):
        axis.plot(epochs, [row[name] for row in history], marker=".", label="training")
        axis.plot(epochs, [row[f"val_{name}"] for row in history], marker=".", label="validation")
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    _save(figure, folder, "training")


def roc(labels: dict[str, np.ndarray], p_real: dict[str, np.ndarray], folder: Path) -> None:
    """ROC curve of each split, fake as the positive class."""
    figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
    for split in labels:
        RocCurveDisplay.from_predictions(labels[split] == 0, 1 - p_real[split], name=split, ax=axis)
    axis.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axis.set(xlabel="real photos called fake", ylabel="fakes found")
    _save(figure, folder, "roc")


def confusion(figures: dict, split: str, folder: Path) -> None:
    """Confusion matrix at one threshold, from `metrics.at_threshold`."""
    figure, axis = plt.subplots(figsize=(4.5, 4), layout="constrained")
    ConfusionMatrixDisplay(np.array(figures["confusion_matrix"]), display_labels=CLASS_NAMES).plot(
        ax=axis, cmap="Blues", colorbar=False
    )
    axis.set(title=f"{split}, threshold {figures['threshold']:.3f}", xlabel="verdict", ylabel="truth")
    _save(figure, folder, f"confusion-{split}")
