"""The states of one direction, against the plain list of them in its order of reading."""

import pytest
import torch

from captum_rnn.functional import StatePath

ENDS = torch.tensor([4, 2, 1])


def walked(backward):
    """Initial states (3, 1, 2), outputs (3, 4, 2), and each row's states in order of reading."""
    initial, outputs = torch.randn(3, 1, 2), torch.randn(3, 4, 2)
    rows = []
    for row, end in enumerate(ENDS.tolist()):
        steps = outputs[row, :end]
        rows.append(torch.cat([initial[row], steps.flip(0) if backward else steps]))
    return initial, outputs, rows


@pytest.mark.parametrize("backward", [False, True])
def test_states_lie_between_the_tokens_in_the_order_of_the_text(backward):
    initial, outputs, rows = walked(backward)
    path = StatePath(initial, outputs, backward, ENDS)
    for row, end in enumerate(ENDS.tolist()):
        read = rows[row].flip(0) if backward else rows[row]
        assert torch.equal(path.states()[row, : end + 1], read)


@pytest.mark.parametrize("backward", [False, True])
def test_before_each_token_the_direction_was_in_the_state_it_read_last(backward):
    initial, outputs, rows = walked(backward)
    before = StatePath(initial, outputs, backward, ENDS).before(outputs, initial)
    for row, end in enumerate(ENDS.tolist()):
        states = rows[row][:-1]
        assert torch.equal(before[row, :end], states.flip(0) if backward else states)


@pytest.mark.parametrize("backward", [False, True])
def test_a_path_of_boundaries_has_them_as_its_states(backward):
    states = torch.randn(2, 5, 3)
    path = StatePath.of_states(states, backward=backward)
    assert torch.equal(path.states(), states)
    assert torch.equal(path.first(), states[:, -1:] if backward else states[:, :1])


def test_beside_puts_zeros_where_only_one_has_an_initial_state():
    initial, outputs, _ = walked(False)
    both = StatePath(None, outputs).beside(StatePath(initial, 2 * outputs))
    assert torch.equal(both.outputs, torch.cat([outputs, 2 * outputs], 2))
    assert torch.equal(both.first(), torch.cat([torch.zeros(3, 1, 2), initial], 2))
    assert StatePath(None, outputs).beside(StatePath(None, outputs)).initial is None
