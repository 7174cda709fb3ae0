"""How what happened inside a layer is recovered: by its gates, else by calling it step by step."""

from torch import nn

from captum_rnn.functional.proof import StepsDifferError
from captum_rnn.functional.stack import Stack
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.layers import as_list, parts_of, runs_torchs_own_code
from captum_rnn.states.recording import ReadGradient
from captum_rnn.states.replay import replayed
from captum_rnn.states.stacked_layers import unstack_gates
from captum_rnn.states.stepping import NotSteppedError


def unstack(layer: nn.Module, call: LayerCall, gradient: ReadGradient | None = None) -> Stack:
    """Recovers what every stacked layer and direction of a module read and became, and proves it.

    Args:
        layer: The layer that was called.
        call: The recorded call.
        gradient: What the classifier reads of it; None: nothing.

    Raises:
        ValueError: The layer drops out between its layers, which cannot be repeated, or neither its
            gates nor calling it one step at a time give the recorded states.
    """
    name, differs = type(layer).__name__, ""
    if isinstance(layer, nn.RNNBase):
        try:
            return unstack_gates(layer, call, gradient)
        except StepsDifferError as error:
            if call.of_kernel or runs_torchs_own_code(layer):
                raise
            differs = (
                f"{name} computes something else than the torch layer it extends, as {error}; "
            )
    try:
        return replayed(layer, call, gradient)
    except (NotSteppedError, StepsDifferError) as error:
        remedy = "apply what it adds before or after the layer" if differs else _remedy(layer)
        raise ValueError(
            f"{differs}the steps of {name} cannot be followed by calling it one step at a time: "
            f"{error}; {remedy}"
        ) from error


def _remedy(layer: nn.Module) -> str:
    """What to do about a layer that is not torch's and cannot be called one step at a time."""
    one_way = (
        "let it answer with its state and take it back, or use a method that reads its outputs "
        "alone, such as LogitDeltaAttribution"
    )
    parts = parts_of(layer)
    if len(parts) < 2:
        apart = "make each of them a module and pass both: layer=[rnn.forwards, rnn.backwards]"
    else:
        apart = f"pass what it is made of: {as_list(parts)}"
    return f"{one_way}; if it reads in both directions, {apart}"
