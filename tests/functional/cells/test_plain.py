"""The plain cell against torch's, unrolled under autograd."""

import pytest
import torch
from torch import nn

from captum_rnn.functional.cells import SECANT, Chord
from captum_rnn.functional.cells.plain import PlainCell
from captum_rnn.functional.cells.weights import CellWeights
from unrolled import UnrolledCell

TIME, BATCH, FEATURES, HIDDEN = 6, 3, 4, 5


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize(("precision", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_states_and_adjoint(nonlinearity, bias, precision, tolerance):
    layer = nn.RNN(FEATURES, HIDDEN, nonlinearity=nonlinearity, bias=bias).to(precision)
    inputs = torch.randn(TIME, BATCH, FEATURES, dtype=precision)
    start = torch.randn(BATCH, HIDDEN, dtype=precision)
    read = torch.randn(TIME, BATCH, HIDDEN, dtype=precision)
    expected = UnrolledCell(layer, inputs, start, start, read)
    cell = PlainCell(CellWeights(*(weight.detach() for weight in layer.parameters())), nonlinearity)
    states = expected.states.to(precision)

    def close(found, wanted):
        torch.testing.assert_close(found, wanted.to(precision), rtol=0, atol=tolerance)

    steps = cell.steps(inputs, states, None)
    after, no_cells = cell.after(inputs, states[:-1], None)
    close(after, expected.states[1:])
    assert no_cells is None
    adjoint = cell.multipliers(steps, read, None)
    close(adjoint.states[1:] - read, expected.adjoint_states)
    close(adjoint.inputs, expected.adjoint_inputs)
    assert adjoint.cells is None
    assert torch.equal(adjoint.states[-1], read[-1])  # no later step sees the last state


def test_a_silent_unit_passes_nothing_on():
    """The derivative of relu at 0 is 0, as torch has it."""
    weights = CellWeights(torch.zeros(1, 1), torch.eye(1))
    states = torch.zeros(3, 1, 1)
    cell = PlainCell(weights, "relu")
    adjoint = cell.multipliers(
        cell.steps(torch.zeros(2, 1, 1), states, None), torch.ones(2, 1, 1), None
    )
    assert adjoint.states.flatten().tolist() == [0.0, 1.0, 1.0]  # what is read of them alone


@pytest.mark.parametrize("rule", [SECANT, Chord(1e-9)])
@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_roundings_of_recorded_states_make_no_slopes(nonlinearity, rule):
    """Where sums nearly cancel, or nearly meet those of the baseline."""
    weights = CellWeights(torch.eye(2).double(), torch.zeros(2, 2).double())
    cell = PlainCell(weights, nonlinearity)
    sums = torch.tensor([[[3e-9, 0.5 + 3e-9]]]).double()
    recorded = torch.cat([torch.zeros(1, 1, 2).double(), sums + torch.tensor([-4e-8, 2e-8])])
    base = cell.steps(
        torch.tensor([[[0.0, 0.5]]]).double(), torch.zeros(2, 1, 2).double(), None, rule
    )
    found = cell.multipliers(
        cell.steps(sums, recorded, None, rule),
        torch.ones(1, 1, 2).double(),
        None,
        rule=rule,
        base=base if rule is SECANT else None,
    )
    of_one = 1 - torch.tensor(0.5).tanh().square() if nonlinearity == "tanh" else torch.tensor(1.0)
    expected = [1.0, float(of_one)]
    if rule is not SECANT:
        value = torch.tensor(0.5).tanh() if nonlinearity == "tanh" else torch.tensor(0.5)
        expected = [3e-9 / 4e-9, float(value / 0.5)]
    assert found.inputs.flatten().tolist() == pytest.approx(expected, rel=1e-6)
