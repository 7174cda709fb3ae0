"""Recurrent cells, step by step, from recorded inputs and states, and the scan back through them.

`README.md` in this folder says how a scan is written.
"""

from captum_rnn.functional.cells.cell import Cell, first_order
from captum_rnn.functional.cells.gru import GruCell, GruSteps
from captum_rnn.functional.cells.lstm import LstmCell, LstmSteps
from captum_rnn.functional.cells.nonlinearities import Nonlinearity, Point
from captum_rnn.functional.cells.plain import PlainCell
from captum_rnn.functional.cells.rules import SECANT, TANGENT, Chord, Rule, Secant, Tangent
from captum_rnn.functional.cells.scan import Multipliers, Slopes
from captum_rnn.functional.cells.weights import CellWeights

__all__ = [
    "SECANT",
    "TANGENT",
    "Cell",
    "CellWeights",
    "Chord",
    "GruCell",
    "GruSteps",
    "LstmCell",
    "LstmSteps",
    "Multipliers",
    "Nonlinearity",
    "PlainCell",
    "Point",
    "Rule",
    "Secant",
    "Slopes",
    "Tangent",
    "first_order",
]
