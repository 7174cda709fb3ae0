import math

import pytest
import torch

from benchmarks.word_information.layers import late_gap, neighbour_correlation, smoothness

NAN = math.nan


def test_smoothness_of_made_up_stages():
    """All words rise by two spreads from stage to stage, in the same order."""
    words = torch.tensor([[-1.0, 0.0, 1.0, NAN], [1.0, -1.0, 0.0, 5.0]])
    spreads = torch.tensor([(2 / 3) ** 0.5, words[1].std(correction=0)]).unsqueeze(1)
    found = smoothness([words, words + 2 * spreads, words + 4 * spreads])
    assert found["jump"]["mean"] == pytest.approx(2.0, abs=1e-3)
    assert found["agreement"]["mean"] == pytest.approx(1.0)


def test_neighbours_and_halves():
    rising = torch.tensor([[1.0, 2.0, 3.0, 4.0, NAN]])
    assert neighbour_correlation(rising).item() == pytest.approx(1.0)
    assert late_gap(rising).item() == pytest.approx(2.0 / rising[0, :4].std().item())
    swinging = torch.tensor([[1.0, -1.0, 1.0, -1.0, 1.0]])
    assert neighbour_correlation(swinging).item() == pytest.approx(-1.0)
