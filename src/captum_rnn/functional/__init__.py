"""The mathematics: states in, scores out; no Captum, no modules, no hooks."""

from captum_rnn.functional.checks import (
    Distance,
    Readout,
    check_distance,
    check_lengths,
    check_readout,
)
from captum_rnn.functional.hidden_state import (
    hidden_state_delta,
    readout_delta,
    readout_total,
)
from captum_rnn.functional.path import StatePath
from captum_rnn.functional.readout import running_pool

__all__ = [
    "Distance",
    "Readout",
    "StatePath",
    "check_distance",
    "check_lengths",
    "check_readout",
    "hidden_state_delta",
    "readout_delta",
    "readout_total",
    "running_pool",
]
