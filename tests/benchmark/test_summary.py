import math

import pytest
import torch

from captum_rnn.benchmark.measures import DIRECTIONS
from captum_rnn.benchmark.summary import summarise
from captum_rnn.evaluation import mean_interval


def test_means_ties_and_gaps():
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(50, generator=generator)
    per_text = {
        "best": {"comprehensiveness": (0.5 + noise).tolist(), "last_fifth": [0.2] * 50},
        "as good": {"comprehensiveness": (0.5 + noise.flip(0)).tolist()},
        "worse by little, always": {"comprehensiveness": (0.48 + noise).tolist()},
        "without": {"comprehensiveness": [math.nan] * 50},
    }
    found = summarise(per_text, DIRECTIONS, seed=3)
    tied = {
        name: means["comprehensiveness"].tied_with_best for name, means in found.items() if means
    }
    assert tied == {"best": True, "as good": True, "worse by little, always": False}
    interval = mean_interval(torch.tensor(per_text["best"]["comprehensiveness"]), seed=3)
    assert found["best"]["comprehensiveness"].mean == pytest.approx(interval.mean, abs=1e-6)
    assert found["best"]["comprehensiveness"].low == pytest.approx(interval.low, abs=1e-6)
    assert found["best"]["last_fifth"].tied_with_best is None
    assert found["without"] == {}


def test_lower_is_better_where_it_is():
    per_text = {"low": {"sufficiency": [0.1, 0.2]}, "high": {"sufficiency": [0.8, 0.9]}}
    found = summarise(per_text, DIRECTIONS, seed=0)
    assert found["low"]["sufficiency"].tied_with_best
    assert not found["high"]["sufficiency"].tied_with_best


def test_a_single_text_has_no_interval():
    (means,) = summarise({"one": {"f1": [0.5, math.nan]}}, {"f1": "higher"}, seed=0).values()
    assert math.isnan(means["f1"].low)
    assert (means["f1"].texts, means["f1"].left_out) == (1, 1)
