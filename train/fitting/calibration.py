"""Calibration: the one number that a network's logits are divided by, so that its answers are probabilities."""

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import logit

from train.spec import CLASS_NAMES

REAL = CLASS_NAMES.index("real")

TEMPERATURES = (0.05, 20.0)  # Lowest and highest that are looked at.
FEW = 40  # Images; fewer may be misjudged with certainty by chance, after a training that went well.


def fit_temperature(labels: np.ndarray, p_real: np.ndarray) -> float:
    """The temperature, within TEMPERATURES, that minimises the log loss (Guo et al., 2017, arXiv:1706.04599).

    The labels are moved off 0 and 1 by as much as so few images leave open (Platt, 1999): images that are told apart
    without a mistake would otherwise call for all the certainty there is.

    Args:
        labels: int (n,), 0 fake and 1 real.
        p_real: float (n,), 0..1.

    Raises:
        ValueError: the answers tell nothing, so that no temperature makes them probabilities: not numbers, all alike,
            or best taken as noise, at more than twice the loss of a guess, on at least FEW images.
    """
    if not np.isfinite(p_real).all():
        raise ValueError("some answers are no numbers")
    if np.ptp(p_real) < 1e-6:
        raise ValueError(f"every answer is {p_real[0]:.3f}")
    reals = (labels == REAL).sum()
    fakes = len(labels) - reals
    targets = np.where(labels == REAL, (reals + 1) / (reals + 2), 1 / (fakes + 2))
    logits = logit(np.clip(p_real, 1e-7, 1 - 1e-7))

    def loss(log_t: float) -> float:
        scaled = logits / np.exp(log_t)
        return float(np.mean(np.logaddexp(0, scaled) - targets * scaled))

    fitted = minimize_scalar(loss, bounds=np.log(TEMPERATURES))
    temperature = float(np.exp(fitted.x))
    if temperature > 0.99 * TEMPERATURES[1] and loss(0.0) > 2 * np.log(2) and len(labels) >= FEW:
        raise ValueError("the answers are wrong as often as they are certain")
    return temperature
