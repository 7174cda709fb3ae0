"""Logit delta through any head, against a loop over the prefixes."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from captum_rnn.functional import StatePath
from captum_rnn.functional.head import head_delta


def make_path(backward=False, ends=None):
    outputs, initial = torch.randn(3, 5, 4).double(), torch.randn(3, 1, 4).double()
    return StatePath(initial, outputs, backward, ends if backward else None)


def make_head(width):
    head = nn.Sequential(nn.Linear(width, 7), nn.Tanh(), nn.Linear(7, 1)).double()
    return lambda states: head(states).squeeze(-1).detach()


def walk(path, row, length):
    """The states of one row (length + 1, hidden), in the order of reading."""
    states = path.states()[row, : length + 1]
    return states.flip(0) if path.backward else states


@pytest.mark.parametrize("ragged", [False, True])
def test_one_direction(ragged):
    path, head = make_path(), make_head(4)
    lengths = torch.tensor([5, 2, 3]) if ragged else None
    scores = head_delta([path], head, lengths)
    for row, length in enumerate([5, 2, 3] if ragged else [5] * 3):
        said = [head(state) for state in walk(path, row, length)]
        expected = torch.stack([after - before for before, after in itertools.pairwise(said)])
        torch.testing.assert_close(scores[row, :length], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("position", [1, -1, torch.tensor([4, 0, 2])])
def test_a_position_of_two_directions(position):
    paths, head = [make_path(), make_path(backward=True)], make_head(8)
    scores = head_delta(paths, head, readout=position)
    for row, at in enumerate((torch.as_tensor(position).expand(3) % 5).tolist()):
        up, down = walk(paths[0], row, 5)[: at + 2], walk(paths[1], row, 5)[: 6 - at]
        expected = shapley(head, up, down, 5, at)
        torch.testing.assert_close(scores[row], expected, rtol=0, atol=1e-12)


def shapley(head, up, down, tokens, at):
    """Both orders in which the directions may go from start to end, one after the other."""

    def both(first, second):
        return head(torch.cat([first, second]))

    scores = torch.zeros(tokens, dtype=torch.float64)
    for order in ("up first", "down first"):
        beside_up = down[0] if order == "up first" else down[-1]
        beside_down = up[-1] if order == "up first" else up[0]
        for step in range(1, len(up)):
            change = both(up[step], beside_up) - both(up[step - 1], beside_up)
            scores[step - 1] += change / 2
        for step in range(1, len(down)):
            change = both(beside_down, down[step]) - both(beside_down, down[step - 1])
            scores[at + len(down) - 1 - step] += change / 2
    return scores


@given(seed=st.integers(0, 10_000), ragged=st.booleans())
@settings(max_examples=30)
def test_two_directions_sum_to_the_change_from_both_starts_to_both_ends(seed, ragged):
    torch.manual_seed(seed)
    ends = torch.tensor([5, 2, 3]) if ragged else None
    paths, head = [make_path(), make_path(backward=True, ends=ends)], make_head(8)
    scores = head_delta(paths, head, ends)
    for row, length in enumerate([5, 2, 3] if ragged else [5] * 3):
        up, down = (walk(path, row, length) for path in paths)
        total = head(torch.cat([up[-1], down[-1]])) - head(torch.cat([up[0], down[0]]))
        torch.testing.assert_close(scores[row, :length].sum(), total, rtol=0, atol=1e-12)
        expected = shapley(head, up, down, length, 0)
        torch.testing.assert_close(scores[row, :length], expected, rtol=0, atol=1e-12)


def test_the_head_is_called_once():
    calls = []

    def head(states):
        calls.append(tuple(states.shape))
        return states.sum(-1)

    head_delta([make_path()], head)
    head_delta([make_path(), make_path(backward=True)], head)
    assert calls == [(3, 6, 4), (3, 24, 8)]
