"""The LSTM cell, with and without a projection, against torch's, unrolled under autograd."""

import pytest
import torch
from torch import nn

from captum_rnn.functional.cells.lstm import LstmCell
from captum_rnn.functional.cells.weights import CellWeights
from unrolled import UnrolledCell

TIME, BATCH, FEATURES, HIDDEN = 6, 3, 4, 5


def cell_of(layer):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    found = [getattr(layer, f"{name}_l0", None) for name in names]
    return LstmCell(CellWeights(*(w if w is None else w.detach() for w in found)))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("proj_size", [0, 2])
@pytest.mark.parametrize("cells_are_read", [False, True])
@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_states_and_adjoint(bias, proj_size, cells_are_read, precision, tolerance):
    layer = nn.LSTM(FEATURES, HIDDEN, bias=bias, proj_size=proj_size).to(precision)
    width = proj_size or HIDDEN
    inputs = torch.randn(TIME, BATCH, FEATURES, dtype=precision)
    start = torch.randn(BATCH, width, dtype=precision)
    start_cell = torch.randn(BATCH, HIDDEN, dtype=precision)
    read = torch.randn(TIME, BATCH, width, dtype=precision)
    read_cells = torch.randn(TIME, BATCH, HIDDEN, dtype=precision) if cells_are_read else None
    expected = UnrolledCell(layer, inputs, start, start_cell, read, read_cells)
    cell = cell_of(layer)
    states = expected.states.to(precision)

    def close(found, wanted):
        torch.testing.assert_close(found, wanted.to(precision), rtol=0, atol=tolerance)

    steps = cell.steps(inputs, states, start_cell)
    close(steps.cells, expected.cells)
    after, cells = cell.after(inputs, states[:-1], steps.cells[:-1])
    close(after, expected.states[1:])
    close(cells, expected.cells[1:])
    adjoint = cell.multipliers(steps, read, read_cells)
    close(adjoint.states[1:] - read, expected.adjoint_states)
    close(adjoint.cells[1:], expected.adjoint_cells)
    close(adjoint.inputs, expected.adjoint_inputs)
    assert torch.equal(adjoint.states[-1], read[-1])  # no later step sees the last state


@pytest.mark.parametrize("saturated", [False, True])
def test_cell_states_where_the_gates_are_saturated(saturated):
    """Open gates count up |c| to the number of steps, where atanh(h/o) would be lost."""
    layer = nn.LSTM(FEATURES, HIDDEN)
    if saturated:
        nn.init.constant_(layer.bias_ih_l0, 20.0)
    inputs = torch.randn(40, BATCH, FEATURES)
    module = nn.LSTMCell(FEATURES, HIDDEN)
    module.load_state_dict(
        {name.removesuffix("_l0"): weight for name, weight in layer.state_dict().items()}
    )
    hidden, cell = torch.zeros(BATCH, HIDDEN), torch.zeros(BATCH, HIDDEN)
    states, cells = [hidden], [cell]
    with torch.no_grad():
        for token in inputs:
            hidden, cell = module(token, (hidden, cell))
            states.append(hidden)
            cells.append(cell)
    found = cell_of(layer).steps(inputs, torch.stack(states), None).cells
    torch.testing.assert_close(found, torch.stack(cells), rtol=1e-5, atol=1e-5)
    if saturated:
        assert found[-1].min() > 39.9


def test_without_previous_cells_they_are_zero():
    cell = cell_of(nn.LSTM(FEATURES, HIDDEN))
    inputs, previous = torch.randn(2, FEATURES), torch.randn(2, HIDDEN)
    state, cells = cell.after(inputs, previous, None)
    expected = cell.after(inputs, previous, torch.zeros(2, HIDDEN))
    torch.testing.assert_close((state, cells), expected, rtol=0, atol=0)
