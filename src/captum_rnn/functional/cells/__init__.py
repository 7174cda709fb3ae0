"""Recurrent cells, step by step, from recorded inputs and states."""

from captum_rnn.functional.cells.cell import Adjoint, Cell, CellWeights, first_order
from captum_rnn.functional.cells.gru import GruCell, GruSteps
from captum_rnn.functional.cells.lstm import LstmCell, LstmSteps
from captum_rnn.functional.cells.plain import PlainCell

__all__ = [
    "Adjoint",
    "Cell",
    "CellWeights",
    "GruCell",
    "GruSteps",
    "LstmCell",
    "LstmSteps",
    "PlainCell",
    "first_order",
]
