"""The weights of a cell: the sums that its gates are made of."""

import pytest
import torch
from torch import nn

from captum_rnn.functional.cells.weights import CellWeights


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


@pytest.mark.parametrize("bias", [False, True])
def test_the_weights_of_some_gates_make_those_gates(bias):
    weights = CellWeights(
        torch.randn(12, 2), torch.randn(12, 3), *(torch.randn(2, 12) if bias else ())
    )
    inputs, previous = torch.randn(4, 5, 2), torch.randn(4, 5, 3)
    part = weights.part(1, 3, of=4).preactivations(inputs, previous)
    torch.testing.assert_close(part, weights.preactivations(inputs, previous)[..., 3:9])
