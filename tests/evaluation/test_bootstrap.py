import math

import numpy as np
import pytest
import torch
from scipy import stats

from captum_rnn.evaluation import bootstrap
from captum_rnn.evaluation.bootstrap import (
    MeanInterval,
    mean_interval,
    mean_intervals,
    paired_difference,
    tied_with_best,
)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def ends(found: list[MeanInterval]) -> list[tuple[float, float, float]]:
    return [(interval.mean, interval.low, interval.high) for interval in found]


@pytest.mark.parametrize("confidence", [0.95, 0.6])
def test_the_interval_is_the_percentile_bootstrap_of_scipy(confidence: float) -> None:
    values = normal(40) ** 3
    expected = stats.bootstrap(
        (values.numpy(),),
        np.mean,
        n_resamples=9_999,
        batch=1_000,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(7),
    ).confidence_interval
    found = mean_interval(values, seed=7, confidence=confidence)
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=1e-12)


def test_agrees_with_the_normal_interval_on_many_texts() -> None:
    """Of 2,000 normal numbers the bootstrap must find mean ± 1.96 standard errors."""
    values = torch.randn(2000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    standard_error = float(values.std()) / math.sqrt(2000)
    interval = mean_interval(values, seed=0)
    assert interval.mean == pytest.approx(float(values.mean()))
    assert interval.low == pytest.approx(interval.mean - 1.96 * standard_error, abs=0.002)
    assert interval.high == pytest.approx(interval.mean + 1.96 * standard_error, abs=0.002)


def test_two_values_have_an_exact_interval() -> None:
    """A resample of {0, 1} has mean 0, 1/2 or 1 with chances 1/4, 1/2, 1/4."""
    assert mean_interval(torch.tensor([0.0, 1.0]), seed=0).low == 0
    half = mean_interval(torch.tensor([0.0, 1.0]), seed=0, confidence=0.4)
    assert (half.low, half.mean, half.high) == (0.5, 0.5, 0.5)


def test_the_seed_decides() -> None:
    values = torch.linspace(0, 1, 30) ** 3
    assert mean_interval(values, seed=5) == mean_interval(values, seed=5)
    assert mean_interval(values, seed=5) != mean_interval(values, seed=6)


def test_nan_is_left_out_and_counted() -> None:
    with_nan = mean_interval(torch.tensor([0.1, torch.nan, 0.4, 0.7, torch.nan]), seed=0)
    without = mean_interval(torch.tensor([0.1, 0.4, 0.7]), seed=0)
    assert (with_nan.mean, with_nan.low, with_nan.high) == (without.mean, without.low, without.high)
    assert (with_nan.texts, with_nan.left_out) == (3, 2)


def test_fewer_than_two_texts_have_no_interval() -> None:
    one = mean_interval(torch.tensor([0.25]), seed=0)
    assert (one.mean, one.texts) == (0.25, 1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert math.isnan(mean_interval(torch.tensor([torch.nan]), seed=0).mean)


def test_many_means_have_the_intervals_that_each_has_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_COLUMNS_AT_ONCE", 2)
    values = normal(50, 7)
    values[::3, 1], values[::3, 4], values[:, 5], values[1:, 6] = [math.nan] * 4
    alone = [mean_interval(column, seed=1) for column in values.T]
    np.testing.assert_allclose(ends(mean_intervals(values, seed=1)), ends(alone), atol=1e-12)


def test_equal_numbers_have_no_spread() -> None:
    equal = mean_interval(torch.tensor([0.1, 0.1, 0.1], dtype=torch.float64), seed=0)
    assert equal.low == equal.high == pytest.approx(equal.mean, abs=1e-15)


def test_the_paired_difference_is_the_interval_of_the_differences() -> None:
    first, second = normal(2, 30)
    first[3], second[7] = math.nan, math.nan
    both = ~(first - second).isnan()
    found = paired_difference(first, second, seed=4)
    expected = mean_interval((first - second)[both], seed=4)
    assert (found.mean, found.low, found.high) == (expected.mean, expected.low, expected.high)
    assert (found.texts, found.left_out) == (28, 2)


def test_pairing_sees_what_separate_intervals_hide() -> None:
    """A constant gain of .1 between texts that differ by much more."""
    first = normal(50)
    found = paired_difference(first + 0.1, first, seed=0)
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)


def test_values_of_other_texts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shapes \(3,\) and \(2,\)"):
        paired_difference(torch.ones(3), torch.ones(2), seed=0)
    with pytest.raises(ValueError, match=r"shapes \[\(2,\), \(3,\)\]"):
        tied_with_best({"a": torch.ones(3), "b": torch.ones(2)}, seed=0)
    with pytest.raises(ValueError, match="one or more methods"):
        tied_with_best({}, seed=0)


def test_the_best_and_its_equals() -> None:
    noise = normal(3, 200)
    values = {"low": noise[0] - 2, "high": 0.01 * noise[1], "even": 0.01 * noise[2]}
    assert set(tied_with_best(values, seed=0)) == {"high", "even"}
    assert tied_with_best(values, seed=0, higher_is_better=False) == ("low",)


def test_a_method_is_tied_where_its_paired_interval_holds_zero() -> None:
    values = {
        str(k): row for k, row in enumerate(normal(9, 60, seed=2) + torch.arange(9)[:, None] / 30)
    }
    values["3"][:20] = math.nan
    best = max(values, key=lambda name: float(values[name].nanmean()))
    intervals = {n: paired_difference(values[n], values[best], seed=5) for n in values}
    expected = {name for name, found in intervals.items() if found.low <= 0 <= found.high}
    assert set(tied_with_best(values, seed=5)) == expected
    assert 1 < len(expected) < 9


def test_equal_methods_are_told_apart_as_often_as_the_level_says() -> None:
    """Of 300 pairs of equal methods about 5 % are: 15, binomial standard deviation 3.8."""
    rows = normal(25, 200, seed=3)
    pairs = torch.stack([rows[i] - rows[j] for i in range(25) for j in range(i)], dim=1)
    apart = sum(found.low > 0 or found.high < 0 for found in mean_intervals(pairs, seed=0))
    assert 3 <= apart <= 40  # pairs share methods, so the spread is wider than binomial


def test_a_method_without_values_leaves_the_others_alone() -> None:
    first, second = normal(2, 30)
    broken = torch.full((30,), math.nan)
    with_broken = tied_with_best({"a": first, "broken": broken, "b": second}, seed=0)
    assert with_broken == tied_with_best({"a": first, "b": second}, seed=0)
    assert tied_with_best({"broken": broken}, seed=0) == ()


def test_methods_without_common_texts_are_not_significantly_different() -> None:
    values = {
        "a": torch.tensor([5.0, 5.0, math.nan, math.nan]),
        "b": torch.tensor([math.nan, math.nan, 1.0, 1.0]),
    }
    assert tied_with_best(values, seed=0) == ("a", "b")
