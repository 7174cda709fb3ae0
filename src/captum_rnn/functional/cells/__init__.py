"""Recurrent cells, step by step, from recorded inputs and states, and the scan back through them.

`README.md` in this folder says how a scan is written.
"""

from captum_rnn.functional.cells.nonlinearities import Nonlinearity, Point
from captum_rnn.functional.cells.rules import SECANT, TANGENT, Chord, Rule, Secant, Tangent

__all__ = [
    "SECANT",
    "TANGENT",
    "Chord",
    "Nonlinearity",
    "Point",
    "Rule",
    "Secant",
    "Tangent",
]
