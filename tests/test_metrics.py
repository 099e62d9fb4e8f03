"""Figures against values worked out by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from train.figures import metrics
from train.fitting import calibration

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


def test_of_thresholds_that_are_as_good_the_nearest_to_a_half_is_taken():
    """Half-way from the one score to 0 or to 1, either of which is wrong on one class."""
    assert metrics.equal_error(np.array([0, 1]), np.array([0.3, 0.3])) == (0.5, 0.65)
    assert metrics.equal_error(np.array([0, 1]), np.array([0.8, 0.8])) == (0.5, 0.4)


def test_a_class_that_is_never_called_has_no_precision():
    figures = metrics.at_threshold(LABELS, P_REAL, 0.05)
    assert figures["classes"]["fake"] == {"precision": 0, "recall": 0, "f1": 0, "support": 4}


def test_certain_answers_stay_finite():
    np.testing.assert_allclose(metrics.rescale(np.array([0.0, 0.5, 1.0]), 1, 0), [1e-7, 0.5, 1 - 1e-7], rtol=1e-6)
    low, high = metrics.unsure_band(np.array([0, 1, 0, 1]), np.array([0.0, 1.0, 0.0, 1.0]), 0.5)
    assert (low, high) == (0.5, 0.5)


def test_calibration_of_a_small_example():
    figures = metrics.calibration(np.array([0, 1, 1, 1]), np.array([0.05, 0.095, 0.95, 1.0]))
    assert figures["bins"] == [
        {"confidence": pytest.approx(0.0725), "accuracy": 0.5, "count": 2},
        {"confidence": pytest.approx(0.975), "accuracy": 1, "count": 2},
    ]
    assert figures["ece"] == pytest.approx((2 * 0.4275 + 2 * 0.025) / 4)
    assert figures["brier"] == pytest.approx((0.05**2 + 0.905**2 + 0.05**2) / 4)


def test_perfect_scores():
    p_real = LABELS * 0.8 + 0.1
    assert metrics.equal_error(LABELS, p_real) == (0, pytest.approx(0.5))
    figures = metrics.summarize(LABELS, p_real, 0.5, {})
    assert figures["roc_auc"] == figures["average_precision"] == 1
    assert figures["images"] == {"fake": 4, "real": 4}


def test_summary_of_the_small_example():
    figures = metrics.summarize(LABELS, P_REAL, 0.65, {})
    assert figures["roc_auc"] == 14 / 16  # Two of sixteen pairs stand the wrong way round.
    # Fakes ranked by 1 - p_real: 0.1 0.2 0.3 (0.4) (0.6) 0.7.
    assert figures["average_precision"] == pytest.approx((1 + 1 + 1 + 4 / 6) / 4)
    assert figures["at_default"]["threshold"] == 0.5
    assert figures["at_threshold"]["threshold"] == 0.65


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_calibration_undoes_overconfidence_and_a_leaning_to_one_class(shift):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, 4000)
    labels = (random.random(4000) < 1 / (1 + np.exp(-logits))).astype(int)
    overconfident = 1 / (1 + np.exp(-3 * (logits + shift)))
    temperature, offset = calibration.fit_platt(labels, overconfident)
    assert temperature == pytest.approx(3, rel=0.1)
    assert offset == pytest.approx(-shift, abs=0.15)
    calibrated = metrics.rescale(overconfident, 1 / temperature, offset)
    assert metrics.equal_error(labels, calibrated)[1] == pytest.approx(0.5, abs=0.03)
    back = metrics.rescale(calibrated, temperature, -temperature * offset)
    np.testing.assert_allclose(back, overconfident, atol=1e-5)
    before, after = metrics.calibration(labels, overconfident), metrics.calibration(labels, calibrated)
    assert after["ece"] < 0.03 < before["ece"] and after["brier"] < before["brier"]


@pytest.mark.parametrize("count", [4, 250])
def test_perfect_separation_calls_for_no_more_certainty_than_its_images_give(count):
    labels = np.repeat([0, 1], count)
    p_real = np.where(labels == 1, 0.55, 0.45)
    temperature, offset = calibration.fit_platt(labels, p_real)
    scaled = metrics.rescale(p_real, 1 / temperature, offset)
    # Each answer becomes Laplace's rule of succession, unless that takes more than the lowest temperature.
    limit = metrics.rescale(np.array([0.55]), 1 / calibration.TEMPERATURES[0], 0)[0]
    assert scaled[-1] == pytest.approx(min((count + 1) / (count + 2), limit), abs=1e-3)
    assert scaled[0] == pytest.approx(1 - scaled[-1])


def test_the_targets_of_each_class_follow_from_its_own_count():
    labels = np.repeat([0, 1], [40, 10])
    p_real = np.where(labels == 1, 0.55, 0.45)
    temperature, offset = calibration.fit_platt(labels, p_real)
    scaled = metrics.rescale(np.array([0.45, 0.55]), 1 / temperature, offset)
    assert scaled == pytest.approx([1 / 42, 11 / 12], abs=1e-4)  # Platt's targets; two numbers reach both.


def test_certain_answers_get_a_temperature_too():
    # The logit of 1 - 1e-7, against that of Laplace's 5/6.
    expected = np.log(1e7 - 1) / np.log(5)
    assert calibration.fit_platt(LABELS, LABELS.astype(float))[0] == pytest.approx(expected, rel=1e-3)


def test_the_temperature_stays_within_its_limits():
    timid = np.where(LABELS == 1, 0.501, 0.499)
    assert calibration.fit_platt(LABELS, timid)[0] == pytest.approx(0.05, rel=1e-3)
    assert calibration.fit_platt(LABELS, 0.9 - 0.8 * LABELS)[0] == pytest.approx(20, rel=1e-3)  # Few images.


def test_answers_that_are_wrong_are_refused_only_where_they_cost_more_than_two_guesses():
    labels = np.tile(LABELS, 5)
    assert calibration.fit_platt(labels, 0.7 - 0.4 * labels)[0] == pytest.approx(20, rel=1e-3)  # Loss 1.20 at first.
    with pytest.raises(ValueError, match="certain$"):
        calibration.fit_platt(labels, 0.77 - 0.54 * labels)  # 1.47; two guesses cost 1.39.
    assert calibration.fit_platt(labels[1:], 0.77 - 0.54 * labels[1:])[0] == pytest.approx(20, rel=1e-3)  # Of 39.


def test_answers_that_are_far_too_certain_but_mostly_right_are_not_refused():
    labels = np.repeat([0, 1], 20)
    p_real = labels.astype(float)
    p_real[16:24] = 1 - p_real[16:24]
    # Loss 3.22 at first. Of a class' 20 answers 16 are right, and Platt's targets are 21/22 and 1/22: a mean of 17/22.
    expected = np.log(1e7 - 1) / np.log(17 / 5)
    assert calibration.fit_platt(labels, p_real)[0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("p_real", "why"),
    [
        (np.full(8, np.nan), "some answers are no numbers"),
        (np.full(8, 0.7), "every answer is 0.700"),
        (
            [0.999, 0.999, 0.999, 0.001, 0.001, 0.001, 0.001, 0.999],
            "the answers are wrong as often as they are certain",
        ),
    ],
)
def test_answers_that_tell_nothing_have_no_temperature(p_real, why):
    with pytest.raises(ValueError, match=f"^{why}$"):
        calibration.fit_platt(np.tile(LABELS, 5), np.tile(p_real, 5))


def test_calibration_error_by_hand():
    figures = metrics.calibration(LABELS, np.array([0.05, 0.05, 0.05, 0.05, 0.75, 0.75, 0.75, 0.75]))
    assert figures["ece"] == pytest.approx(0.5 * 0.05 + 0.5 * 0.25)
    assert figures["brier"] == pytest.approx((0.05**2 + 0.25**2) / 2)
    assert [bin_["count"] for bin_ in figures["bins"]] == [4, 4]


def test_no_band_is_needed_where_verdicts_are_right():
    p_real = LABELS * 0.8 + 0.1
    assert metrics.unsure_band(LABELS, p_real, 0.5) == (0.5, 0.5)
    assert metrics.outside_band(LABELS, p_real, 0.5, 0.5) == {"coverage": 1, "accuracy": 1}


def test_the_band_takes_in_the_wrong_verdicts_and_no_more():
    p_real = np.array([0.01, 0.02, 0.03, 0.55, 0.45, 0.97, 0.98, 0.99])
    low, high = metrics.unsure_band(LABELS, p_real, 0.5)
    assert low == pytest.approx(0.45, abs=1e-5) and high == pytest.approx(0.55, abs=1e-5)
    assert low <= 0.45 and high > 0.55
    assert metrics.outside_band(LABELS, p_real, low, high) == {"coverage": 0.75, "accuracy": 1}


def test_a_hopeless_model_keeps_half_of_its_verdicts():
    labels, p_real = np.tile([0, 1], 50), np.linspace(0.1, 0.9, 100)
    low, high = metrics.unsure_band(labels, p_real, 0.5)
    assert metrics.outside_band(labels, p_real, low, high)["coverage"] == pytest.approx(0.5, abs=0.03)


def test_a_band_begins_with_its_lower_limit_and_ends_before_its_upper_one():
    labels, p_real = np.array([0, 1, 1, 0]), np.array([0.4, 0.6, 0.39, 0.61])
    assert metrics.outside_band(labels, p_real, 0.4, 0.6) == {"coverage": 0.75, "accuracy": 1 / 3}


def test_a_band_lies_around_its_threshold_in_logits():
    """Threshold 0.8, a wrong answer at odds of 8 and one at odds of 2: a factor of 2 from the threshold's 4."""
    labels = np.array([0, 1, *[0] * 10, *[1] * 10])
    p_real = np.array([8 / 9, 2 / 3, *[0.01] * 10, *[0.999] * 10])
    assert metrics.unsure_band(labels, p_real, 0.8) == pytest.approx((2 / 3, 8 / 9), abs=1e-5)


def test_no_band_is_needed_where_98_of_100_are_right():
    labels, p_real = np.repeat([0, 1], 50), np.repeat([0.1, 0.9], 50)
    p_real[:2] = 0.6
    assert metrics.unsure_band(labels, p_real, 0.5) == (0.5, 0.5)
    p_real[2] = 0.6
    low, high = metrics.unsure_band(labels, p_real, 0.5)
    assert (low, high) == pytest.approx((0.4, 0.6), abs=1e-5)


def test_operating_points_are_chosen_on_some_photos_and_measured_on_others():
    fakes, reals = np.linspace(0, 0.5, 100), np.linspace(0.3, 1, 100)
    labels = np.repeat([0, 1], 100)
    points = metrics.choose_points(labels, np.concatenate([fakes, reals]))
    assert points == {0.01: reals[1], 0.05: reals[5]}  # One real photo lies below the first, five below the second.
    one, five = metrics.operating_points(labels, np.concatenate([fakes, reals]), points)
    assert (one["false_accusation"], one["threshold"]) == (0.01, reals[1])
    assert one["fakes_found"] == (fakes < reals[1]).mean() and one["accused"] == 0.01
    assert five["fakes_found"] == (fakes < reals[5]).mean() and five["accused"] == 0.05

    one, _ = metrics.operating_points(labels, np.concatenate([fakes + 0.1, reals - 0.1]), points)
    assert one["accused"] == (reals - 0.1 < reals[1]).mean() == 0.16
    assert one["fakes_found"] == (fakes + 0.1 < reals[1]).mean() == 0.41
    assert one["accused_interval_95"] == pytest.approx([0.100953, 0.244203], abs=1e-6)
    assert one["fakes_found_interval_95"] == pytest.approx([0.318673, 0.507986], abs=1e-6)


def test_a_photo_on_the_operating_point_is_not_accused():
    """Ties: the verdict is fake below the threshold, not at it."""
    labels, p_real = np.repeat([0, 1], 100), np.repeat([0.2, 0.2, 0.9], (100, 50, 50))
    points = metrics.choose_points(labels, p_real)
    assert points == {0.01: 0.2, 0.05: 0.2}
    one, _ = metrics.operating_points(labels, p_real, points)
    assert (one["accused"], one["fakes_found"]) == (0, 0)


def test_the_paired_bootstrap_sees_a_difference_and_none():
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1], 100)
    good, bad = labels * 0.6 + random.random(200) * 0.5, random.random(200)
    better = metrics.paired_bootstrap(labels, good, bad, 0.55, 0.5, samples=200)
    assert better["roc_auc"]["interval_95"][0] > 0.3 and better["accuracy"]["interval_95"][0] > 0.2
    assert better["roc_auc"]["difference"] == pytest.approx(roc_auc_score(labels, good) - roc_auc_score(labels, bad))
    same = metrics.paired_bootstrap(labels, good, good, 0.55, 0.55, samples=50)
    assert same["accuracy"] == {"difference": 0, "interval_95": [0, 0]}


def test_the_bootstraps_auc_is_that_of_the_drawn_images():
    random = np.random.default_rng(2)
    labels = np.repeat([0, 1], (30, 50))
    p_real = np.round(labels * 0.2 + random.random(80) * 0.8, 1)  # Many ties.
    drawn = np.concatenate([random.integers(0, 30, 30), random.integers(30, 80, 50)])
    times = np.stack([np.bincount(drawn, minlength=80), np.ones(80, int)])
    expected = [roc_auc_score(labels[drawn], p_real[drawn]), roc_auc_score(labels, p_real)]
    np.testing.assert_allclose(metrics._resampled_auc(labels, p_real, times), expected, atol=1e-12)


def test_one_class_alone_has_a_difference_of_accuracy_alone():
    labels, a, b = np.zeros(20, int), np.full(20, 0.3), np.repeat([0.3, 0.7], 10)
    difference = metrics.paired_bootstrap(labels, a, b, 0.5, 0.5, samples=500)
    assert difference.keys() == {"accuracy"}
    assert difference["accuracy"]["difference"] == 0.5
    low, high = difference["accuracy"]["interval_95"]
    assert 0.2 < low < 0.4 and 0.6 < high < 0.8  # Binomial: half of 20, standard deviation 0.11.


def test_a_bootstrap_calls_a_score_on_the_threshold_real():
    labels, on, below = np.array([1, 1]), np.array([0.5, 0.5]), np.array([0.4, 0.4])
    for a, b, expected in ((on, below, 1), (below, on, -1)):
        assert metrics.paired_bootstrap(labels, a, b, 0.5, 0.5, samples=2)["accuracy"]["difference"] == expected


def test_the_bootstraps_interval_holds_95_of_100():
    labels, a, b = np.zeros(1000, int), np.full(1000, 0.3), np.repeat([0.3, 0.7], 500)
    interval = metrics.paired_bootstrap(labels, a, b, 0.5, 0.5)["accuracy"]["interval_95"]
    half = 1.96 * (0.25 / 1000) ** 0.5  # Binomial, as a normal; 92.5 of 100 would take 9 % less.
    assert interval == pytest.approx([0.5 - half, 0.5 + half], abs=0.04 * half)


def test_all_figures_of_a_split():
    figures = metrics.summarize(LABELS, P_REAL, 0.65, {0.01: 0.4}, temperature=2.0, offset=-0.5)
    assert figures["equal_error_rate"] == 0.25
    assert figures["calibration"]["after"] == metrics.calibration(LABELS, P_REAL)
    odds = np.exp(0.5) * P_REAL / (1 - P_REAL)
    assert figures["calibration"]["before"]["brier"] == pytest.approx(np.mean((odds**2 / (1 + odds**2) - LABELS) ** 2))
    assert metrics.summarize(LABELS[1:], P_REAL[1:], 0.65, {})["images"] == {"fake": 3, "real": 4}
    assert figures["roc"]["false_accusation"][-1] == figures["roc"]["fakes_found"][-1] == 1
    assert max(f for f, a in zip(figures["roc"]["fakes_found"], figures["roc"]["false_accusation"]) if a == 0) == 0.75
    [point] = figures["operating_points"]
    assert (point["false_accusation"], point["fakes_found"], point["accused"]) == (0.01, 0.75, 0)
