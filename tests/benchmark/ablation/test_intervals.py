import math

import numpy as np
import pytest
import torch

from captum_rnn.benchmark.ablation import intervals
from captum_rnn.benchmark.ablation.intervals import mean_intervals
from captum_rnn.evaluation import mean_interval


def test_an_interval_is_that_of_the_bootstrap_of_one_column():
    values = torch.randn(60, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    values[:5, 2] = math.nan
    for column, found in enumerate(mean_intervals(values, seed=1)):
        expected = mean_interval(values[:, column], seed=2)
        assert found.mean == pytest.approx(expected.mean)
        # Both draw 9,999 resamples: their ends differ by a few thousandths.
        assert found.low == pytest.approx(expected.low, abs=0.02)
        assert found.high == pytest.approx(expected.high, abs=0.02)
        assert (found.texts, found.left_out) == (expected.texts, expected.left_out)


def test_all_columns_share_their_resamples():
    first = torch.rand(30, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    one, double = mean_intervals(torch.stack([first, 2 * first + 1], 1), seed=0)
    assert double.low == pytest.approx(2 * one.low + 1)
    assert double.high == pytest.approx(2 * one.high + 1)


def test_blocks_of_columns_make_no_difference(monkeypatch):
    values = torch.rand(9, 7, generator=torch.Generator().manual_seed(4))
    whole = mean_intervals(values, seed=0)
    monkeypatch.setattr(intervals, "_COLUMNS_AT_ONCE", 2)
    parts = mean_intervals(values, seed=0)
    ends = [[(i.mean, i.low, i.high) for i in found] for found in (whole, parts)]
    np.testing.assert_allclose(*ends)


def test_equal_numbers_have_no_spread_and_no_numbers_no_interval():
    values = torch.tensor([[0.1, math.nan], [0.1, math.nan], [0.1, math.nan]])
    equal, none = mean_intervals(values.double(), seed=0)
    assert equal.low == equal.mean == equal.high
    assert math.isnan(none.mean)
    assert (none.texts, none.left_out) == (0, 3)
