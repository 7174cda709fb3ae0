"""The GRU cell against torch's, unrolled under autograd."""

import pytest
import torch
from torch import nn

from captum_rnn.functional.cells.gru import GruCell
from captum_rnn.functional.cells.weights import CellWeights
from unrolled import UnrolledCell

TIME, BATCH, FEATURES, HIDDEN = 6, 3, 4, 5


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_states_and_adjoint(bias, precision, tolerance):
    layer = nn.GRU(FEATURES, HIDDEN, bias=bias).to(precision)
    inputs = torch.randn(TIME, BATCH, FEATURES, dtype=precision)
    start = torch.randn(BATCH, HIDDEN, dtype=precision)
    read = torch.randn(TIME, BATCH, HIDDEN, dtype=precision)
    expected = UnrolledCell(layer, inputs, start, start, read)
    cell = GruCell(CellWeights(*(weight.detach() for weight in layer.parameters())))
    states = expected.states.to(precision)

    def close(found, wanted):
        torch.testing.assert_close(found, wanted.to(precision), rtol=0, atol=tolerance)

    steps = cell.steps(inputs, states, None)
    mixed = torch.lerp(steps.candidate.value, states[:-1], steps.update.value)
    close(mixed, expected.states[1:])
    after, no_cells = cell.after(inputs, states[:-1], None)
    close(after, expected.states[1:])
    assert no_cells is None
    adjoint = cell.multipliers(steps, read, None)
    close(adjoint.states[1:] - read, expected.adjoint_states)
    close(adjoint.inputs, expected.adjoint_inputs)
    assert adjoint.cells is None
    assert torch.equal(adjoint.states[-1], read[-1])  # no later step sees the last state


def test_a_shut_update_gate_carries_the_state_through():
    """z = σ(100) = 1: the state stays, and so does its derivative, whatever is read."""
    biases = torch.tensor([0.0, 100.0, 0.0])
    weights = CellWeights(torch.ones(3, 1), torch.ones(3, 1), biases, torch.zeros(3))
    cell = GruCell(weights)
    inputs, states = torch.zeros(3, 1, 1), torch.full((4, 1, 1), 0.5)
    assert cell.after(inputs, states[:-1], None)[0].flatten().tolist() == [0.5, 0.5, 0.5]
    read = torch.tensor([1.0, 2.0, 4.0]).reshape(3, 1, 1)
    adjoint = cell.multipliers(cell.steps(inputs, states, None), read, None)
    assert adjoint.states.flatten().tolist() == [7.0, 7.0, 6.0, 4.0]
    assert adjoint.inputs.abs().max() < 1e-6


def test_a_token_is_held_against_many_previous_states():
    """One input broadcast over states, as with a reference token."""
    layer = nn.GRU(FEATURES, HIDDEN).double()
    cell = GruCell(CellWeights(*(weight.detach() for weight in layer.parameters())))
    token, previous = torch.randn(FEATURES).double(), torch.randn(4, HIDDEN).double()
    with torch.no_grad():
        expected = layer(token.expand(1, 4, -1), previous[None])[0][0]
    found, _ = cell.after(token.expand(4, -1), previous, None)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
