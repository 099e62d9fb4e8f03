"""Figures against values worked out by hand."""

import numpy as np
import pytest

from train import metrics

LABELS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
P_REAL = np.array([0.1, 0.2, 0.3, 0.7, 0.4, 0.6, 0.8, 0.9])


def test_figures_at_a_threshold():
    figures = metrics.at_threshold(LABELS, P_REAL, 0.65)
    assert figures["confusion_matrix"] == [[3, 1], [2, 2]]
    assert figures["accuracy"] == 5 / 8
    assert figures["classes"]["fake"] == pytest.approx({"precision": 3 / 5, "recall": 3 / 4, "f1": 2 / 3, "support": 4})
    assert figures["classes"]["real"] == pytest.approx({"precision": 2 / 3, "recall": 1 / 2, "f1": 4 / 7, "support": 4})


def test_a_score_on_the_threshold_is_called_real():
    assert metrics.at_threshold(np.array([1, 0]), np.array([0.5, 0.4999]), 0.5)["accuracy"] == 1


def test_the_interval_is_wilsons():
    labels = np.repeat([0, 1], 100)
    p_real = np.where(np.arange(200) % 100 < 90, labels, 1 - labels).astype(float)
    low, high = metrics.at_threshold(labels, p_real, 0.5)["accuracy_interval_95"]
    assert (low, high) == (pytest.approx(0.850594, abs=1e-6), pytest.approx(0.934330, abs=1e-6))


def test_the_equal_error_rate_and_its_threshold():
    # Between 0.4 and 0.6, one fake of four (0.7) is called real and one real photo of four (0.4) fake.
    assert metrics.equal_error(LABELS, P_REAL) == (0.25, 0.5)


def test_perfect_scores():
    p_real = LABELS * 0.8 + 0.1
    assert metrics.equal_error(LABELS, p_real) == (0, pytest.approx(0.5))
    figures = metrics.summarize(LABELS, p_real, 0.5)
    assert figures["roc_auc"] == figures["average_precision"] == 1
    assert figures["images"] == {"fake": 4, "real": 4}


def test_summary_of_the_small_example():
    figures = metrics.summarize(LABELS, P_REAL, 0.65)
    assert figures["roc_auc"] == 14 / 16  # Two of sixteen pairs stand the wrong way round.
    # Fakes ranked by 1 - p_real: 0.1 0.2 0.3 (0.4) (0.6) 0.7.
    assert figures["average_precision"] == pytest.approx((1 + 1 + 1 + 4 / 6) / 4)
    assert figures["at_default"]["threshold"] == 0.5
    assert figures["at_threshold"]["threshold"] == 0.65
