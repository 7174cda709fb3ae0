"""What a recurrent layer did in one forward pass, as a plain record.

The only place that knows hooks, packed sequences, directions and `batch_first`. Everything above
reads a `Trajectory`, whose axes are the same for every layer and layout.
"""

from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.packing import TokenSequence, pack_tokens
from captum_rnn.states.recording import (
    ReadGradient,
    read_at_rest,
    record,
    record_calls,
    record_read_gradients,
    recurrent_layer,
)
from captum_rnn.states.recovery import unstack
from captum_rnn.states.selection import Direction, StateKind, StateSelection
from captum_rnn.states.trajectory import Trajectory, read_gradients, trajectory

__all__ = [
    "Direction",
    "LayerCall",
    "ReadGradient",
    "StateKind",
    "StateSelection",
    "TokenSequence",
    "Trajectory",
    "pack_tokens",
    "read_at_rest",
    "read_gradients",
    "record",
    "record_calls",
    "record_read_gradients",
    "recurrent_layer",
    "trajectory",
    "unstack",
]
