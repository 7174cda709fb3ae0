"""What a recurrent layer did in one forward pass, as a plain record.

The only place that knows hooks, packed sequences, directions and `batch_first`. Everything above
reads a `Trajectory`, whose axes are the same for every layer and layout.
"""

from captum_rnn.states.baseline import Baselines, at_steps, baseline_inputs
from captum_rnn.states.composing import composed
from captum_rnn.states.following import Entry, Following
from captum_rnn.states.graph import Graph, Weighted
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.joining import Joined, join
from captum_rnn.states.layers import LayerForm, form_of, recurrent_layer, torch_layer
from captum_rnn.states.leftovers import no_graph_left_in
from captum_rnn.states.levels import reads_of
from captum_rnn.states.order import check_reads_in_order
from captum_rnn.states.packing import TokenSequence, pack_tokens
from captum_rnn.states.places import Placement, Steps, place, steps_of
from captum_rnn.states.reads import all_reads
from captum_rnn.states.recording import (
    ReadGradient,
    Recording,
    check_derivable,
    detached,
    read_gradients_of,
    record,
    record_calls,
    record_read_gradients,
)
from captum_rnn.states.recovery import unstack
from captum_rnn.states.rest import read_at_rest
from captum_rnn.states.selection import Direction, StateKind, StateSelection
from captum_rnn.states.trajectory import (
    Trajectory,
    check_nothing_read_beyond,
    read_gradients,
    trajectory,
)
from captum_rnn.states.weights import from_cell

__all__ = [
    "Baselines",
    "Direction",
    "Entry",
    "Following",
    "Graph",
    "Joined",
    "LayerCall",
    "LayerForm",
    "Placement",
    "ReadGradient",
    "Recording",
    "StateKind",
    "StateSelection",
    "Steps",
    "TokenSequence",
    "Trajectory",
    "Weighted",
    "all_reads",
    "at_steps",
    "baseline_inputs",
    "check_derivable",
    "check_nothing_read_beyond",
    "check_reads_in_order",
    "composed",
    "detached",
    "form_of",
    "from_cell",
    "join",
    "no_graph_left_in",
    "pack_tokens",
    "place",
    "read_at_rest",
    "read_gradients",
    "read_gradients_of",
    "reads_of",
    "record",
    "record_calls",
    "record_read_gradients",
    "recurrent_layer",
    "steps_of",
    "torch_layer",
    "trajectory",
    "unstack",
]
