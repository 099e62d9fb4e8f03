"""Figures of a binary detector from labels and scores; arrays in, plain numbers out."""

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
)

from train.spec import CLASS_NAMES, DEFAULT_THRESHOLD

FAKE, REAL = range(len(CLASS_NAMES))


def equal_error(labels: np.ndarray, p_real: np.ndarray) -> tuple[float, float]:
    """Equal error rate, and the threshold where it is reached.

    Args:
        labels: int (n,), 0 fake and 1 real, both present.
        p_real: float (n,), 0..1.

    Returns:
        (rate 0..1, threshold 0..1): of the thresholds half-way between neighbouring scores, the one where
        the share of fakes called real and the share of real photos called fake are closest, the nearest to
        0.5 of several; the rate is the mean of the two shares there.
    """
    scores = np.unique(np.concatenate([[0.0], p_real, [1.0]]))
    thresholds = (scores[1:] + scores[:-1]) / 2
    fakes, reals = np.sort(p_real[labels == FAKE]), np.sort(p_real[labels == REAL])
    fake_called_real = 1 - np.searchsorted(fakes, thresholds) / len(fakes)
    real_called_fake = np.searchsorted(reals, thresholds) / len(reals)
    gap = np.abs(fake_called_real - real_called_fake)
    best = np.lexsort([np.abs(thresholds - DEFAULT_THRESHOLD), gap])[0]
    return float((fake_called_real[best] + real_called_fake[best]) / 2), float(thresholds[best])


def at_threshold(labels: np.ndarray, p_real: np.ndarray, threshold: float) -> dict:
    """Figures of the verdicts ``real if p_real >= threshold else fake``.

    Returns:
        threshold; accuracy with its 95% Wilson interval; confusion_matrix (rows truth, columns verdict, in
        CLASS_NAMES' order); precision, recall, f1 and support of each class.
    """
    verdicts = (p_real >= threshold).astype(int)
    interval = binomtest(int((verdicts == labels).sum()), len(labels)).proportion_ci(0.95, method="wilson")
    of_classes = precision_recall_fscore_support(labels, verdicts, labels=[FAKE, REAL], zero_division=0)
    return {
        "threshold": float(threshold),
        "accuracy": float(accuracy_score(labels, verdicts)),
        "accuracy_interval_95": [float(interval.low), float(interval.high)],
        "confusion_matrix": confusion_matrix(labels, verdicts, labels=[FAKE, REAL]).tolist(),
        "classes": {
            name: dict(zip(("precision", "recall", "f1", "support"), (float(values[i]) for values in of_classes)))
            for i, name in enumerate(CLASS_NAMES)
        },
    }


def summarize(labels: np.ndarray, p_real: np.ndarray, threshold: float) -> dict:
    """All figures of one split: threshold-free ones, then those at 0.5 and at the given threshold.

    ``average_precision`` takes fake as the positive class, since fakes are what a detector looks for.
    """
    return {
        "images": {name: int((labels == label).sum()) for label, name in enumerate(CLASS_NAMES)},
        "roc_auc": float(roc_auc_score(labels, p_real)),
        "average_precision": float(average_precision_score(labels == FAKE, 1 - p_real)),
        "equal_error_rate": equal_error(labels, p_real)[0],
        "at_default": at_threshold(labels, p_real, DEFAULT_THRESHOLD),
        "at_threshold": at_threshold(labels, p_real, threshold),
    }
