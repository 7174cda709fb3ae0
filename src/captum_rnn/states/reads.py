"""All that a classifier reads of a layer: outputs, and last states and cell states of its stack."""

from torch import Tensor, nn

from captum_rnn.functional import StatePath
from captum_rnn.functional.logit import Reads
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import form_of
from captum_rnn.states.recording import ReadGradient
from captum_rnn.states.recovery import unstack
from captum_rnn.states.trajectory import Trajectory, read_gradients


def all_reads(
    layer: nn.Module, call: LayerCall, top: Trajectory, gradient: ReadGradient
) -> tuple[list[StatePath], list[Reads]]:
    """The states that a classifier reads something of, and what it reads of them.

    The states below the top, and cell states, are recovered where they are read.

    Args:
        layer: The layer that was called.
        call: The call.
        top: The trajectory of its top layer.
        gradient: Derivatives with respect to what is read of the call.

    Raises:
        ValueError: What is read cannot be recovered, or is of another kind than states.
    """
    paths, reads = list(top.directions), read_gradients(layer, call, gradient)
    form = form_of(layer)
    if not form.has_gates:
        return paths, reads
    hidden, *cells = gradient.final
    lower = None if hidden is None else hidden[: -form.directions]
    parts = [(lower, False), *((of_cells, True) for of_cells in cells)]
    read = [(part, of_cells) for part, of_cells in parts if part is not None and bool(part.any())]
    if not read:
        return paths, reads
    stack = unstack(layer, call)
    for part, of_cells in read:
        for number, of_final in enumerate(part):
            layer_index, direction = divmod(number, form.directions)
            paths.append(stack.path(layer_index, direction, cells=of_cells))
            reads.append(Reads(None, _batched(of_final)))
    return paths, reads


def _batched(states: Tensor) -> Tensor:
    """(batch, width), also of an unbatched call."""
    return states.reshape(-1, states.shape[-1])
