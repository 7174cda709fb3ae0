"""Steps that read tokens though no derivative tells it, as where what stands before them saturates.

Behind tanh of large numbers, a softmax that is all but one, or the norm of a single feature,
numbers have no derivative left, and the step that reads them seems to read none.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn._captum import run_forward
from captum_rnn.states.baseline import Baselines, steps_read
from captum_rnn.states.following import Entry
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.modes import tensors_kept
from captum_rnn.states.places import Placement
from captum_rnn.states.rest import read_instead
from captum_rnn.states.same_start import SameStart

_FACTOR = -1.375
"""What the tokens are multiplied by: other signs and sizes, and zeros stay zeros."""


def check_none_unfollowed(
    forward_func: Callable[..., Any],
    inputs: tuple[Tensor, ...],
    additional_forward_args: Any,
    entries: Sequence[Entry],
    placement: Placement,
    modules: Sequence[nn.Module],
    owners: Sequence[nn.Module],
    calls: Sequence[LayerCall],
    name: Callable[[], str],
    start: SameStart,
) -> None:
    """Raises ValueError if a step changes with the inputs, and no token was found that it reads.

    Only where derivatives told which tokens the steps read, and found none for some that read
    numbers, such as a start token; zeros are masked padding, or those of relu, which
    `captum_rnn.states.flatness` looks after. The model is then run once more on its inputs and once
    on other vectors, its layers answering as they did. What cannot be compared so says nothing: a
    model that changes from run to run, refuses other numbers, or reads other steps.

    Args:
        forward_func: The model.
        inputs: Its inputs.
        additional_forward_args: Its further arguments.
        entries: What it reads at the places of the inputs.
        placement: Which tokens the steps read.
        modules: The layers as they are called.
        owners: The layer that each call is of.
        calls: The calls of the layers.
        name: Says which layer.
        start: What the model began with.
    """
    if placement.mixed or not placement.by_derivatives:
        return
    of_calls = torch.split(placement.is_read, list(placement.counts))
    unread = {index: ~of_calls[index] for index in placement.by_derivatives}
    if not any(of_call.any() for of_call in unread.values()):
        return
    for index, of_call in unread.items():
        of_call &= (steps_read(owners[index], calls[index], calls[index].input) != 0).any(1)
    if not any(of_call.any() for of_call in unread.values()):
        return

    def changes(forward: Callable[[], Any]) -> list[Tensor]:
        """Which steps of each call read something else than on the inputs."""
        found: list[Tensor] = []

        def answer(number: int, module: nn.Module, call: LayerCall) -> list[Any]:
            own = calls[number]
            was, is_now = (steps_read(module, own, read) for read in (own.input, call.input))
            found.append((was.nan_to_num() != is_now.nan_to_num()).any(1))
            return [own.output, *(state.clone() for state in own.final)]

        with tensors_kept(forward_func), start.again():
            read_instead(modules, forward, answer)
        return found

    def run_on(given: tuple[Tensor, ...]) -> Any:
        return run_forward(forward_func, given, None, additional_forward_args)

    try:
        if any(change.any() for change in changes(lambda: run_on(inputs))):
            return
        others = Baselines(inputs, tuple(_others(inputs, entries)))
        with others:
            changed = changes(lambda: run_on(others.inputs))
    except Exception:
        return
    if any(bool((changed[index] & of_call).any()) for index, of_call in unread.items()):
        raise ValueError(
            f"{name()} reads steps that no token was followed to, and that change with the inputs: "
            "what stands before it has no derivative there, as where tanh or softmax saturates; "
            "pass attribute_to_layer_input=True for scores of the steps themselves"
        )


def _others(inputs: tuple[Tensor, ...], entries: Sequence[Entry]) -> list[Tensor]:
    """Other vectors in the place of the inputs' tokens; those that may be padding stay."""
    found, first = [], 0
    for tensor in inputs:
        if tensor.is_floating_point():
            found.append(torch.where(_is_padding(tensor), tensor, _FACTOR * tensor).detach())
        else:
            vectors = torch.zeros(0, 1, device=tensor.device)
            for entry in entries:
                of_input = (entry.places >= first) & (entry.places < first + tensor.numel())
                if entry.of_input is None and int(of_input.sum()) > len(vectors):
                    places = entry.places.flatten()
                    is_own = of_input.flatten()
                    of_entry = entry.vectors.detach().flatten(0, -2)[is_own]
                    vectors = of_entry.new_zeros(tensor.numel(), of_entry.shape[1])
                    vectors[places[is_own] - first] = _FACTOR * of_entry
            found.append(vectors.view(*tensor.shape, -1))
        first += tensor.numel()
    return found


def _is_padding(tensor: Tensor) -> Tensor:
    """Which tokens of a float input are such as a row ends in twice."""
    tokens = tensor.flatten(2) if tensor.dim() > 2 else tensor.unsqueeze(2)
    is_padding = torch.zeros(tokens.shape[:2], dtype=torch.bool, device=tensor.device)
    ends = tokens[:, -2:]
    if ends.shape[1] > 1:
        for end in torch.unique(ends[(ends[:, 0] == ends[:, 1]).all(1), 0], dim=0):
            is_padding |= (tokens == end).all(2)
    return is_padding.reshape(*is_padding.shape, *[1] * (tensor.dim() - 2))
