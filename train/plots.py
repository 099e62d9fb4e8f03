"""The run's pictures, as PNG."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from sklearn.metrics import ConfusionMatrixDisplay  # noqa: E402

from train.chain.info import Shares  # noqa: E402
from train.spec import CLASS_NAMES  # noqa: E402


def _save(figure, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=120)
    plt.close(figure)


def training_curves(history: list[dict], folder: Path) -> None:
    """Loss and accuracy of training and validation over the epochs."""
    figure, axes = plt.subplots(2, 1, figsize=(5, 6), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axis, name in zip(axes, ("loss", "accuracy")):
        axis.plot(epochs, [row[name] for row in history], marker=".", label="training")
        axis.plot(epochs, [row[f"val_{name}"] for row in history], marker=".", label="validation")
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    _save(figure, folder, "training")


def roc_curves(figures: dict[str, dict]) -> Figure:
    """ROC curve of each named `metrics.summarize`, fake as the positive class."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axis = figure.subplots()
    for name, of_name in figures.items():
        curve = of_name["roc"]
        axis.plot(curve["false_accusation"], curve["fakes_found"], label=f"{name} (AUC {of_name['roc_auc']:.3f})")
    axis.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axis.set(xlabel="real photos called fake", ylabel="fakes found")
    axis.legend(loc="lower right", fontsize="small")
    return figure


def roc(figures: dict[str, dict], folder: Path) -> None:
    """Write `roc_curves`."""
    _save(roc_curves(figures), folder, "roc")


def confusion(figures: dict, split: str, folder: Path) -> None:
    """Confusion matrix at one threshold, from `metrics.at_threshold`."""
    figure, axis = plt.subplots(figsize=(4.5, 4), layout="constrained")
    ConfusionMatrixDisplay(np.array(figures["confusion_matrix"]), display_labels=CLASS_NAMES).plot(
        ax=axis, cmap="Blues", colorbar=False
    )
    axis.set(title=f"{split}, threshold {figures['threshold']:.3f}", xlabel="verdict", ylabel="truth")
    _save(figure, folder, f"confusion-{split}")


def reliability(calibration: dict, split: str, folder: Path) -> None:
    """Share of real photos over P(real), before and after calibration."""
    figure, axis = plt.subplots(figsize=(5, 5), layout="constrained")
    axis.plot([0, 1], [0, 1], color="grey", linestyle=":")
    for key in ("before", "after"):
        bins = calibration[key]["bins"]
        label = f"{key} calibration (ECE {calibration[key]['ece']:.3f})"
        axis.plot([b["confidence"] for b in bins], [b["accuracy"] for b in bins], marker="o", label=label)
    axis.set(title=split, xlabel="P(real)", ylabel="share of real photos", xlim=(0, 1), ylim=(0, 1))
    axis.legend()
    _save(figure, folder, f"reliability-{split}")


def robustness(figures: Shares, folder: Path) -> None:
    """Share of verdicts that are right: for each class a heat map over size and file, and bars for the conditions."""
    classes = list(figures["grid"])
    figure, axes = plt.subplots(1, len(classes) + 1, figsize=(4.5 * (len(classes) + 1), 5), layout="constrained")
    for axis, name in zip(axes, classes):
        values = np.array(figures["grid"][name])
        axis.imshow(values, vmin=0.5, vmax=1, cmap="viridis", aspect="auto")
        axis.set_xticks(range(len(figures["files"])), figures["files"], rotation=45, ha="right")
        axis.set_yticks(range(len(figures["sizes"])), figures["sizes"])
        for row, column in np.ndindex(values.shape):
            color = "black" if values[row, column] > 0.8 else "white"
            axis.text(column, row, f"{values[row, column]:.2f}", ha="center", va="center", color=color)
        axis.set(title=f"{name}: share judged right", ylabel="size, pixels")
    places = np.arange(len(figures["conditions"]))
    for index, name in enumerate(classes):
        shares = [condition["accuracy"][name] for condition in figures["conditions"].values()]
        axes[-1].barh(places + 0.4 * index, shares, 0.4, label=name)
    axes[-1].set_yticks(places + 0.2 * (len(classes) - 1), list(figures["conditions"]))
    axes[-1].invert_yaxis()
    axes[-1].set(title="share judged right", xlim=(0, 1))
    axes[-1].legend(loc="lower left")
    _save(figure, folder, "robustness")


def learning_curve(rows: list[dict], folder: Path) -> None:
    """Accuracy with its interval over the number of training images, a line for each model."""
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for model in dict.fromkeys(row["model"] for row in rows):
        of_model = [row for row in rows if row["model"] == model]
        images, accuracy = ([row[key] for row in of_model] for key in ("images", "accuracy"))
        bars = [[row["accuracy"] - row["low"] for row in of_model], [row["high"] - row["accuracy"] for row in of_model]]
        axis.errorbar(images, accuracy, bars, marker="o", capsize=4, label=model)
    axis.set(xlabel="training images", ylabel="test accuracy", xscale="log")
    axis.set_xticks(sorted({row["images"] for row in rows}), sorted({row["images"] for row in rows}))
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.legend()
    _save(figure, folder, "learning-curve")
