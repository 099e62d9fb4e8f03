"""Calibration: the two numbers that make probabilities of a network's logits, and 0.5 of what it can't tell apart."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

from train.spec import CLASS_NAMES

REAL = CLASS_NAMES.index("real")

TEMPERATURES = (0.05, 20.0)  # Lowest and highest that are looked at.
FEW = 40  # Images; fewer may be misjudged with certainty by chance, after a training that went well.


def fit_platt(labels: np.ndarray, p_real: np.ndarray) -> tuple[float, float]:
    """The temperature, within TEMPERATURES, and the offset with which ``logit / temperature + offset`` has the least
    log loss (Platt, 1999; a temperature alone is that of Guo et al., 2017, arXiv:1706.04599).

    The labels are moved off 0 and 1 by as much as so few images leave open (Platt, too): images that are told apart
    without a mistake would otherwise call for all the certainty there is.

    Args:
        labels: int (n,), 0 fake and 1 real.
        p_real: float (n,), 0..1.

    Raises:
        ValueError: the answers tell nothing, so that nothing makes them probabilities: not numbers, all alike, or
            best taken as noise, at more than twice the loss of a guess, on at least FEW images.
    """
    if not np.isfinite(p_real).all():
        raise ValueError("some answers are no numbers")
    if np.ptp(p_real) < 1e-6:
        raise ValueError(f"every answer is {p_real[0]:.3f}")
    reals = (labels == REAL).sum()
    fakes = len(labels) - reals
    targets = np.where(labels == REAL, (reals + 1) / (reals + 2), 1 / (fakes + 2))
    logits = logit(np.clip(p_real, 1e-7, 1 - 1e-7))

    def loss(log_t: float, offset: float) -> tuple[float, list[float]]:
        """And its gradient."""
        cooled = logits / np.exp(log_t)
        wrong = expit(cooled + offset) - targets
        total = np.logaddexp(0, cooled + offset) - targets * (cooled + offset)
        return float(total.mean()), [float(-(wrong * cooled).mean()), float(wrong.mean())]

    bounds = [tuple(np.log(TEMPERATURES)), (None, None)]
    fitted = minimize(lambda x: loss(*x), (0.0, 0.0), jac=True, bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    temperature, offset = float(np.exp(fitted.x[0])), float(fitted.x[1])
    if temperature > 0.99 * TEMPERATURES[1] and loss(0.0, 0.0)[0] > 2 * np.log(2) and len(labels) >= FEW:
        raise ValueError("the answers are wrong as often as they are certain")
    return temperature, offset
