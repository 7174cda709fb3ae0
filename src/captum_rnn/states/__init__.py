"""What a recurrent layer did in one forward pass, as a plain record.

The only place that knows hooks, packed sequences, directions and `batch_first`. Everything above
reads a `Trajectory`, whose axes are the same for every layer and layout.
"""

from captum_rnn.states.packing import TokenSequence, pack_tokens
from captum_rnn.states.weights import from_cell

__all__ = [
    "TokenSequence",
    "from_cell",
    "pack_tokens",
]
