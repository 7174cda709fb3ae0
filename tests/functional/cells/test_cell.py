"""What the kinds of cell have in common."""

import pytest
import torch

from captum_rnn.functional.cells.cell import Cell, first_order
from captum_rnn.functional.cells.weights import CellWeights


def test_first_order_adds_up_over_the_state():
    states, others = (
        torch.tensor([[[1.0, 5.0], [2.0, 1.0]]]),
        torch.tensor([[[0.0, 3.0], [2.0, 0]]]),
    )
    derivative = torch.tensor([[[3.0, -1.0], [5.0, 7.0]]])
    assert first_order(states, others, derivative).tolist() == [[1.0, 7.0]]


def test_a_cell_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Cell(CellWeights(torch.eye(2), torch.eye(2)))
