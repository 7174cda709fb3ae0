"""What the kinds of cell have in common."""

import pytest
import torch
from torch import nn

from captum_rnn.functional.cells import Cell, CellWeights, first_order


@pytest.mark.parametrize("bias", [False, True])
def test_preactivations_are_those_of_the_layer(bias):
    layer = nn.RNN(3, 4, bias=bias, nonlinearity="relu").double()
    names = ("bias_ih_l0", "bias_hh_l0") if bias else ()
    weights = CellWeights(
        layer.weight_ih_l0.detach(),
        layer.weight_hh_l0.detach(),
        *(getattr(layer, name).detach() for name in names),
    )
    inputs, previous = torch.randn(2, 3).double(), torch.randn(2, 4).double()
    with torch.no_grad():
        expected = layer(inputs[None], previous[None])[0][0]
    found = weights.preactivations(inputs, previous)
    torch.testing.assert_close(found.relu(), expected, rtol=0, atol=1e-12)
    assert (found < 0).any()


def test_preactivations_change_neither_argument():
    weights = CellWeights(torch.eye(2), torch.eye(2), torch.ones(2), torch.ones(2))
    inputs, previous = torch.zeros(1, 2), torch.zeros(1, 2)
    assert weights.preactivations(inputs, previous).tolist() == [[2.0, 2.0]]
    assert inputs.tolist() == previous.tolist() == [[0.0, 0.0]]


def test_first_order_adds_up_over_the_state():
    change = torch.tensor([[[1.0, 2.0], [0.0, 1.0]]])
    derivative = torch.tensor([[[3.0, -1.0], [5.0, 7.0]]])
    assert first_order(change, derivative).tolist() == [[1.0, 7.0]]


def test_a_cell_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Cell(CellWeights(torch.eye(2), torch.eye(2)))
