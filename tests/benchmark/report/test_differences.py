import math

import numpy as np
import pytest

from captum_rnn.benchmark.report.differences import (
    baseline_of,
    compared,
    comprehensiveness,
    differences,
    paired_difference,
    ranked,
)
from made_up_results import FAILED, LOSING, made_up_results


def test_difference_is_paired():
    """Means of ten texts that differ by exactly 0.1 each, however much the texts differ."""
    results = made_up_results(texts=10)
    method, other = results["methods"][:2]
    values = np.linspace(0, 1, 10)
    method["per_text"]["comprehensiveness"] = (values + 0.1).tolist()
    other["per_text"]["comprehensiveness"] = values.tolist()
    gain = paired_difference(results, method, other)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))


def test_texts_without_a_value_are_left_out():
    results = made_up_results(texts=4)
    method, other = results["methods"][:2]
    method["per_text"]["comprehensiveness"] = [0.5, None, 0.25, 0.25]
    other["per_text"]["comprehensiveness"] = [0.25, 0.9, 0.0, None]
    gain = paired_difference(results, method, other)
    assert (gain.mean, gain.texts, gain.left_out) == (0.25, 2, 2)


def test_each_of_ours_is_held_against_the_best_other_method():
    pairs = {(d.method, d.other): d for d in differences(made_up_results())}
    ours = ["hidden-state delta, projection", "hidden-state delta"]
    assert list(pairs) == [(method, "Integrated Gradients") for method in ours]
    lost = pairs["hidden-state delta, projection", "Integrated Gradients"]
    assert lost.gain.mean == pytest.approx(0.300 - 0.354)
    assert lost.verdict == "worse"


def test_an_interval_over_zero_shows_nothing():
    results = made_up_results(LOSING | {"hidden-state-delta-projection": 0.354})
    assert differences(results)[0].verdict == "no difference shown"


def test_random_and_failed_methods_are_not_ranked():
    results = made_up_results()
    results["methods"].append(FAILED)
    assert [method["name"] for method in ranked(results)] == [
        "integrated-gradients",
        "hidden-state-delta-projection",
        "hidden-state-delta-l2",
        "saliency",
    ]
    assert baseline_of(results)["name"] == "random"
    assert len(compared(results)) == len(LOSING)
    assert math.isnan(comprehensiveness(FAILED))


def test_nothing_to_compare():
    results = made_up_results() | {"methods": [FAILED]}
    assert differences(results) == ranked(results) == []
    assert baseline_of(results) is None
