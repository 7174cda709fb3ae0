"""What the classifier reads, and the way that leads there."""

from functools import partial

import pytest
import torch

import reference
from captum_rnn.functional import (
    StatePath,
    readout_delta,
    readout_total,
    running_pool,
)

_double = partial(torch.tensor, dtype=torch.float64)

DISTANCES = ["l2", "l1", "linf", "cosine", "projection"]


def test_a_position_reads_both_directions_at_that_token():
    states = torch.randn(2, 1, 6, 4, dtype=torch.float64).unbind()
    paths = [StatePath.of_states(states[0]), StatePath.of_states(states[1], backward=True)]
    scores = readout_delta(paths, torch.tensor([5]), readout=3)
    forward, backward = states[0][0, :5], states[1][0, 3:].flip(0)
    scale = forward[-1].norm() + backward[-1].norm()
    expected = torch.zeros(5, dtype=torch.float64)
    expected[:4] += _double(reference.scores([forward], normalize=False))
    expected[3:] += _double(reference.scores([backward], normalize=False)).flip(0)
    torch.testing.assert_close(scores[0], expected / scale)
    torch.testing.assert_close(scores.sum(1), readout_total(paths, readout=3))
    same = readout_delta(paths, torch.tensor([5]), readout=torch.tensor([-2]))
    torch.testing.assert_close(same, scores)


def test_running_pools_by_hand():
    outputs = torch.tensor([[[1.0], [3.0], [2.0]]])
    assert running_pool(outputs, "mean").flatten().tolist() == [1, 2, 2]
    assert running_pool(outputs, "max").flatten().tolist() == [1, 3, 3]
    lengths = torch.tensor([2])
    back = running_pool(outputs, "mean", lengths, backward=True)
    assert back.flatten().tolist()[:2] == [2, 3]
    back = running_pool(outputs, "max", lengths, backward=True)
    assert back.flatten().tolist()[:2] == [3, 3]
    back = running_pool(outputs, "mean", backward=True)
    assert back.flatten().tolist() == [2, 2.5, 2]


@pytest.mark.parametrize("readout", ["mean", "max"])
def test_pooled_readout_of_two_directions(readout):
    ahead, back = torch.randn(2, 1, 5, 3, dtype=torch.float64).unbind()
    ahead[0, 0] = back[0, 4] = 0
    pool = {"mean": lambda x: x.mean(0), "max": lambda x: x.amax(0)}[readout]
    forward = torch.stack([ahead[0, 0], *(pool(ahead[0, 1 : t + 1]) for t in (1, 2, 3, 4))])
    backward = torch.stack([back[0, 4], *(pool(back[0, t:4]) for t in (3, 2, 1, 0))])
    paths = [StatePath.of_states(ahead), StatePath.of_states(back, backward=True)]
    scores = readout_delta(paths, torch.tensor([4]), readout=readout)
    torch.testing.assert_close(scores, _double([reference.scores([forward, backward])]))


@pytest.mark.parametrize("position", [2, -3])
def test_a_position_out_of_range_names_the_row(position):
    states = [StatePath.of_states(torch.randn(2, 4, 3))]
    with pytest.raises(ValueError, match=rf"position {position} of row 1 .* 2 token.* -2 to 1"):
        readout_delta(states, torch.tensor([3, 2]), readout=position)


def test_one_position_a_row():
    with pytest.raises(ValueError, match="3 positions for 2 rows"):
        readout_delta([StatePath.of_states(torch.randn(2, 4, 3))], readout=torch.tensor([0, 1, 2]))
