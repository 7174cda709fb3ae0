import math
from dataclasses import replace

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
from made_up_results import LOSING, failed, made_up_comparison


def test_difference_is_paired():
    """Means of ten texts that differ by exactly 0.1 each, however much the texts differ."""
    comparison = made_up_comparison(texts=10)
    method, other, *_ = comparison.methods.values()
    values = np.linspace(0, 1, 10)
    method.per_text["comprehensiveness"] = (values + 0.1).tolist()
    other.per_text["comprehensiveness"] = values.tolist()
    gain = paired_difference(comparison, method, other)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))


def test_texts_without_a_value_are_left_out():
    comparison = made_up_comparison(texts=4)
    method, other, *_ = comparison.methods.values()
    method.per_text["comprehensiveness"] = [0.5, math.nan, 0.25, 0.25]
    other.per_text["comprehensiveness"] = [0.25, 0.9, 0.0, math.nan]
    gain = paired_difference(comparison, method, other)
    assert (gain.mean, gain.texts, gain.left_out) == (0.25, 2, 2)


def test_each_of_ours_is_compared_with_the_best_other_method():
    pairs = {(d.method, d.other): d for d in differences(made_up_comparison())}
    ours = ["hidden-state delta, projection", "hidden-state delta"]
    assert list(pairs) == [(method, "Integrated Gradients") for method in ours]
    lost = pairs["hidden-state delta, projection", "Integrated Gradients"]
    assert lost.gain.mean == pytest.approx(0.300 - 0.354)
    assert lost.verdict == "worse"


def test_an_interval_over_zero_shows_nothing():
    comparison = made_up_comparison(LOSING | {"hidden-state-delta-projection": 0.354})
    assert differences(comparison)[0].verdict == "no difference shown"


def test_random_and_failed_methods_are_not_ranked():
    comparison = made_up_comparison()
    comparison.methods["deep-lift"] = failed()
    assert [method.name for method in ranked(comparison)] == [
        "integrated-gradients",
        "hidden-state-delta-projection",
        "hidden-state-delta-l2",
        "saliency",
    ]
    assert baseline_of(comparison).name == "random"
    assert len(compared(comparison)) == len(LOSING)
    assert math.isnan(comprehensiveness(failed()))


def test_nothing_to_compare():
    comparison = replace(made_up_comparison(), methods={"deep-lift": failed()})
    assert differences(comparison) == ranked(comparison) == []
    assert baseline_of(comparison) is None
