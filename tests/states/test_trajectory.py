"""Paths of the states against cells stepped by hand."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import reference
from captum_rnn import pack_tokens
from captum_rnn.states.recording import record_calls
from captum_rnn.states.trajectory import trajectory


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", reference.KINDS)
def test_boundaries_of_both_directions(kind, packed):
    layer = reference.make_layer(kind, bidirectional=True, batch_first=True, num_layers=2).double()
    inputs, lengths = torch.randn(3, 6, 5, dtype=torch.float64), torch.tensor([2, 6, 4])
    initial = reference.make_initial_state(layer, 3)
    fed = inputs
    if packed:
        fed = pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    (call,) = record_calls(layer, lambda: layer(fed, initial))
    path = trajectory(layer, call)
    assert path.is_packed == packed
    assert path.time == 6
    for row in range(3):
        length = int(lengths[row]) if packed else 6
        start = (
            tuple(state[:, row] for state in initial)
            if isinstance(initial, tuple)
            else initial[:, row]
        )
        forward, backward = reference.top_states(layer, inputs[row, :length], start)
        torch.testing.assert_close(path.paths[0][row, : length + 1], forward)
        torch.testing.assert_close(path.paths[1][row, : length + 1], backward.flip(0))


def test_scores_are_placed_at_the_tokens_that_were_read():
    layer = nn.GRU(3, 4, batch_first=True)
    read = torch.tensor([[False, True, True, False], [False, False, False, True]])
    (call,) = record_calls(layer, lambda: layer(pack_tokens(torch.randn(2, 4, 3), read)))
    path = trajectory(layer, call)
    assert path.lengths.tolist() == [2, 1]
    placed = path.at_inputs(torch.tensor([[1.0, 2.0], [3.0, 9.0]]), time=4)
    assert placed.tolist() == [[0.0, 1.0, 2.0, 0.0], [0.0, 0.0, 0.0, 3.0]]
