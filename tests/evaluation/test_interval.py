import math

import pytest
import torch

from captum_rnn.evaluation.interval import mean_interval, mean_intervals


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


def test_many_means_have_the_intervals_that_each_has_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(300, 2, 130, generator=generator, dtype=torch.float64)
    values[::3, 1, 7] = math.nan
    low, high = mean_intervals(values, seed=0)
    assert low.shape == high.shape == (2, 130)
    for place in ((0, 0), (1, 7), (1, 129)):
        alone = mean_interval(values[(slice(None), *place)], seed=1)
        # Two bootstraps of 9,999 resamples differ by about 2 % of the interval.
        tolerance = 0.05 * (alone.high - alone.low)
        assert low[place].item() == pytest.approx(alone.low, abs=tolerance)
        assert high[place].item() == pytest.approx(alone.high, abs=tolerance)


def test_a_mean_of_less_than_two_texts_has_no_interval() -> None:
    low, high = mean_intervals(
        torch.tensor([[1.0, math.nan, 0.0], [math.nan, math.nan, 1.0]]), seed=0
    )
    assert low.isnan().tolist() == high.isnan().tolist() == [True, True, False]
    assert (low[2], high[2]) == (0, 1)
