"""Figures of a binary detector from labels and scores; arrays in, plain numbers out."""

import numpy as np
from scipy.special import expit, logit
from scipy.stats import binomtest
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    precision_recall_fscore_support,
    roc_auc_score,
    roc_curve,
)

from train.spec import CLASS_NAMES, DEFAULT_THRESHOLD

FAKE, REAL = range(len(CLASS_NAMES))

# Accuracy that verdicts outside the "unsure" band should reach, as long as this share of photos gets one.
SURE_ACCURACY = 0.98
SURE_COVERAGE = 0.5

RESAMPLES = 2000  # Of the images, for an interval of a difference.
FALSE_ACCUSATIONS = (0.01, 0.05)  # Shares of real photos called fake, at which the fakes found are counted.


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


def interval_95(right: int, total: int) -> list[float]:
    """Wilson's 95% interval of a share (Wilson, 1927): [low, high], 0..1."""
    interval = binomtest(int(right), int(total)).proportion_ci(0.95, method="wilson")
    return [float(interval.low), float(interval.high)]


def at_threshold(labels: np.ndarray, p_real: np.ndarray, threshold: float) -> dict:
    """Figures of the verdicts ``real if p_real >= threshold else fake``.

    Returns:
        threshold; accuracy with its 95% Wilson interval; confusion_matrix (rows truth, columns verdict, in
        CLASS_NAMES' order); precision, recall, f1 and support of each class.
    """
    verdicts = (p_real >= threshold).astype(int)
    of_classes = precision_recall_fscore_support(labels, verdicts, labels=[FAKE, REAL], zero_division=0)
    return {
        "threshold": float(threshold),
        "accuracy": float(accuracy_score(labels, verdicts)),
        "accuracy_interval_95": interval_95((verdicts == labels).sum(), len(labels)),
        "confusion_matrix": confusion_matrix(labels, verdicts, labels=[FAKE, REAL]).tolist(),
        "classes": {
            name: dict(zip(("precision", "recall", "f1", "support"), (float(values[i]) for values in of_classes)))
            for i, name in enumerate(CLASS_NAMES)
        },
    }


def rescale(p_real: np.ndarray, factor: float, offset: float) -> np.ndarray:
    """Probabilities whose logits are ``factor * logit + offset``: 1 / T and an offset calibrate, T and -T * offset
    take that away."""
    return expit(factor * logit(np.clip(p_real, 1e-7, 1 - 1e-7)) + offset)


def calibration(labels: np.ndarray, p_real: np.ndarray, bins: int = 10) -> dict:
    """How far probabilities can be taken at their word.

    Returns:
        ece, the expected calibration error over equal-width bins of P(real); brier, the mean squared error;
        bins: [{confidence: mean P(real), accuracy: share of real photos, count}] of those that hold any.
    """
    index = np.minimum((p_real * bins).astype(int), bins - 1)
    filled = [
        {"confidence": float(p_real[of].mean()), "accuracy": float(labels[of].mean()), "count": int(of.sum())}
        for of in (index == bin_ for bin_ in range(bins))
        if of.any()
    ]
    gaps = (bin_["count"] * abs(bin_["confidence"] - bin_["accuracy"]) for bin_ in filled)
    return {"ece": float(sum(gaps) / len(labels)), "brier": float(brier_score_loss(labels, p_real)), "bins": filled}


def outside_band(labels: np.ndarray, p_real: np.ndarray, low: float, high: float) -> dict:
    """Coverage and accuracy of the verdicts on photos outside low <= P(real) < high."""
    fake, real = p_real < low, p_real >= high
    right = (fake & (labels == FAKE)) | (real & (labels == REAL))
    sure = int((fake | real).sum())
    return {"coverage": sure / len(labels), "accuracy": float(right.sum() / sure) if sure else None}


def unsure_band(labels: np.ndarray, p_real: np.ndarray, threshold: float) -> tuple[float, float]:
    """The narrowest band around the threshold that leaves SURE_ACCURACY outside (selective classification,
    Geifman & El-Yaniv, 2017), or, where no band does, the one that leaves SURE_COVERAGE of the photos.

    Returns:
        (low, high), 0..1, equally far from the threshold in logits; the threshold twice if none is needed.
    """
    distance = np.abs(logit(np.clip(p_real, 1e-7, 1 - 1e-7)) - logit(threshold))
    widest = np.quantile(distance, 1 - SURE_COVERAGE)
    for half in [0.0, *np.sort(distance[distance < widest]), widest]:
        half *= 1 + 1e-6  # So that the photo at this distance lies inside, whatever the rounding.
        low, high = expit(logit(threshold) - half), expit(logit(threshold) + half)
        accuracy = outside_band(labels, p_real, low, high)["accuracy"]
        if accuracy is not None and accuracy >= SURE_ACCURACY:
            break
    return float(low), float(high)


def choose_points(labels: np.ndarray, p_real: np.ndarray) -> dict[float, float]:
    """The highest thresholds that accuse at most each of FALSE_ACCUSATIONS of the real photos: {rate: threshold}.

    A photo is called fake where P(real) is below the threshold, as everywhere.
    """
    reals = np.sort(p_real[labels == REAL])
    return {rate: float(reals[int(rate * len(reals) + 1e-9)]) for rate in FALSE_ACCUSATIONS}


def operating_points(labels: np.ndarray, p_real: np.ndarray, thresholds: dict[float, float]) -> list[dict]:
    """What thresholds do to these photos: shares of the fakes found and of the real photos accused.

    Args:
        labels: int (n,), 0 fake and 1 real, both present.
        p_real: float (n,), 0..1.
        thresholds: from `choose_points`, on other photos.

    Returns:
        For each: false_accusation, the rate aimed at; threshold; fakes_found and accused, 0..1, each with its 95%
        Wilson interval.
    """
    points = []
    for rate, threshold in thresholds.items():
        point: dict[str, float | list[float]] = {"false_accusation": rate, "threshold": threshold}
        for name, label in (("fakes_found", FAKE), ("accused", REAL)):
            called_fake = p_real[labels == label] < threshold
            point[name] = float(called_fake.mean())
            point[f"{name}_interval_95"] = interval_95(called_fake.sum(), len(called_fake))
        points.append(point)
    return points


def paired_bootstrap(
    labels: np.ndarray, a: np.ndarray, b: np.ndarray, threshold_a: float, threshold_b: float, samples: int = RESAMPLES
) -> dict:
    """Differences a - b of two detectors on the same images, with 95% percentile intervals (Efron, 1979).

    Each resample draws images within the classes, the same ones for both detectors.

    Args:
        labels: int (n,), 0 fake and 1 real.
        a, b: float (n,), each detector's P(real), 0..1.
        threshold_a, threshold_b: P(real) from which on each calls a photo real.
        samples: how many resamples are drawn.

    Returns:
        {"accuracy": {"difference", "interval_95"}, "roc_auc": {...}}; without "roc_auc" where one class is missing.
    """
    random = np.random.default_rng(0)
    times = np.zeros((samples + 1, len(labels)), np.int32)  # How often each image is drawn; last: each image once.
    times[-1] = 1
    for label in np.unique(labels):
        of_class = np.flatnonzero(labels == label)
        times[:-1, of_class] = random.multinomial(len(of_class), np.full(len(of_class), 1 / len(of_class)), samples)
    right_a, right_b = (a >= threshold_a) == labels, (b >= threshold_b) == labels
    differences = {"accuracy": times @ (right_a.astype(int) - right_b) / len(labels)}
    if len(np.unique(labels)) == len(CLASS_NAMES):
        differences["roc_auc"] = _resampled_auc(labels, a, times) - _resampled_auc(labels, b, times)
    return {
        name: {
            "difference": float(drawn[-1]),
            "interval_95": [float(bound) for bound in np.percentile(drawn[:-1], [2.5, 97.5])],
        }
        for name, drawn in differences.items()
    }


def _resampled_auc(labels: np.ndarray, p_real: np.ndarray, times: np.ndarray) -> np.ndarray:
    """ROC AUC (samples,) of each row of ``times``: one sort for all, where a library's function sorts for each.

    It is the share of (real, fake) pairs in which the real photo has the higher score, ties counting half.
    """
    reals, fakes = np.flatnonzero(labels == REAL), np.flatnonzero(labels == FAKE)
    fakes = fakes[np.argsort(p_real[fakes])]
    # For each real photo, the fakes below it and those not above it.
    below, not_above = (np.searchsorted(p_real[fakes], p_real[reals], side) for side in ("left", "right"))
    areas = []
    for row in times:
        drawn = np.concatenate([[0], np.cumsum(row[fakes])])
        areas.append(row[reals] @ (drawn[below] + drawn[not_above]) / (2 * len(reals) * len(fakes)))
    return np.array(areas)


def summarize(
    labels: np.ndarray,
    p_real: np.ndarray,
    threshold: float,
    points: dict[float, float],
    temperature: float = 1.0,
    offset: float = 0.0,
) -> dict:
    """All figures of one split: threshold-free ones, then those at 0.5, at the given threshold and operating points.

    ``average_precision`` takes fake as the positive class, since fakes are what a detector looks for.
    ``points`` is from `choose_points`; ``temperature`` and ``offset`` are those that ``p_real`` has been through, for
    the calibration before them.
    """
    accused, found, _ = roc_curve(labels == FAKE, 1 - p_real)
    return {
        "images": {name: int((labels == label).sum()) for label, name in enumerate(CLASS_NAMES)},
        "roc_auc": float(roc_auc_score(labels, p_real)),
        "average_precision": float(average_precision_score(labels == FAKE, 1 - p_real)),
        "equal_error_rate": equal_error(labels, p_real)[0],
        "at_default": at_threshold(labels, p_real, DEFAULT_THRESHOLD),
        "at_threshold": at_threshold(labels, p_real, threshold),
        "operating_points": operating_points(labels, p_real, points),
        "calibration": {
            "before": calibration(labels, rescale(p_real, temperature, -temperature * offset)),
            "after": calibration(labels, p_real),
        },
        "roc": {"false_accusation": accused.tolist(), "fakes_found": found.tolist()},
    }
