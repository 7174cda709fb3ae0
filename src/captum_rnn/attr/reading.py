"""Whether a layer read what is to be explained, and by which other ways it reaches the output."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from captum_rnn.attr.inputs import InputLayout
from captum_rnn.states.flatness import lost_by
from captum_rnn.states.following import Entry, Following
from captum_rnn.states.places import Placement


def check_ran(placement: Placement, name: Callable[[], str]) -> None:
    """Raises ValueError unless the layer of a name ran."""
    if not placement.counts:
        raise ValueError(
            f"{name()} did not run in the forward pass; pass the layer that forward_func uses"
        )


def check_followed(
    placement: Placement, left: Sequence[tuple[str, Tensor]], name: Callable[[], str]
) -> None:
    """Raises ValueError if steps read no token, and tokens that none reads have left torch.

    Args:
        placement: Which tokens the steps read.
        left: Functions that made numbers of ids which are no tensors, and the places of these ids.
        name: Says which layer.
    """
    if not left or placement.straight or placement.mixed or bool(placement.is_read.all()):
        return
    for function, places in left:
        if not torch.isin(places, placement.places).all():
            raise ValueError(
                f"{name()} reads steps that no token was followed to, and the model makes numbers "
                f"of ids by {function}, behind which they cannot be followed; look vectors up by "
                "the tensor itself, as in embedding(ids) or table[ids[row, time]]"
            )


def check_not_flat(following: Following, placement: Placement, name: Callable[[], str]) -> None:
    """Raises ValueError if steps read tokens that no derivative tells, where a function is flat."""
    if (function := lost_by(following, placement)) is not None:
        raise ValueError(
            f"{name()} reads steps that no token was followed to, as {function}() makes the same "
            "of tokens whatever they are, behind what can be followed by derivatives alone; pass "
            "attribute_to_layer_input=True for scores of the steps themselves"
        )


def check_read(
    placement: Placement, layouts: Sequence[InputLayout], name: Callable[[], str], *, added_up: bool
) -> None:
    """Raises ValueError unless each step read a token of its own.

    Unless scores may be `added_up`, it has to read each token once.
    """
    if placement.mixed and not added_up:
        raise ValueError(
            f"the steps of {name()} read several tokens each, and other steps read "
            "them too, as behind a convolution, attention or another recurrent layer, so that "
            "its steps have no token of their own; pass attribute_to_layer_input=True for "
            "scores of the steps themselves, or use AdjointDeltaAttribution"
        )
    once = placement.straight or placement.mixed or added_up
    often = 1 if once else int(placement.places.bincount(minlength=1).amax())
    if often > 1:
        raise ValueError(
            f"{name()} ran {len(placement.counts)} times in the forward pass for "
            f"{len(layouts)} input tensor(s) and read a token {often} times, but scores "
            "that do not look at the class cannot be added up; pass a tensor in inputs for "
            "each run of the layer, one layer alone if they are several, or use a method that "
            "looks at the class"
        )


def check_all_read(
    placement: Placement,
    layouts: Sequence[InputLayout],
    name: Callable[[], str],
    entries: Sequence[Entry] = (),
    ways: Sequence[Sequence[Tensor | None]] = (),
) -> None:
    """Raises ValueError unless the layer read tokens of each input.

    Args:
        placement: Which tokens the steps read.
        layouts: The layout of each input.
        name: Says which layer.
        entries: What the model reads at the places of its inputs.
        ways: Derivatives with respect to them, by which an input counts that no step reads.
    """
    if placement.straight:
        return
    reached = {
        entry.of_input
        for way in ways
        for entry, part in zip(entries, way, strict=True)
        if part is not None and part.any()
    }
    for index, layout in enumerate(layouts):
        if placement.mixed or index in reached or placement.of_input(index).any():
            continue
        named = "inputs" if len(layouts) == 1 else f"inputs[{index}]"
        raise ValueError(
            f"{name()} read no token of {named}, whose shape is "
            f"{tuple(layout.shape)}, as far as can be followed; pass the tensors whose "
            "tokens the layer reads, everything else in additional_forward_args, and a "
            "forward_func that does not detach them or leave torch on the way"
        )


def of_time_first(
    placement: Placement, layouts: list[InputLayout], steps: Sequence[int]
) -> list[InputLayout]:
    """The layouts of inputs of which the series are time-first, static ones with their rows first.

    What no step reads by itself is (batch, static), unless it is a series behind what mixes steps.

    Args:
        placement: Which tokens the steps read.
        layouts: The layout of each input, the time first.
        steps: How many steps each call took.
    """
    batch = layouts[0].batch

    def is_static(index: int, shape: Sequence[int]) -> bool:
        if index == 0 or shape[0] != batch or bool(placement.of_input(index).any()):
            return False
        mixed = bool(placement.mixed) and shape[0] in steps
        return shape[1] != batch if mixed or len(shape) > 2 else True

    return [
        replace(layout, batch_first=True) if is_static(index, layout.shape) else layout
        for index, layout in enumerate(layouts)
    ]


def with_rows(
    placement: Placement,
    layouts: Sequence[InputLayout],
    entries: Sequence[Entry],
    of_first_rows: Sequence[Sequence[Tensor | None]],
) -> list[InputLayout]:
    """The layouts, those of states (number, rows, state) with the axis of their rows.

    Args:
        placement: Which tokens the steps read.
        layouts: The layout of each input.
        entries: What the model reads at the places of its inputs.
        of_first_rows: Derivatives with respect to them of the states that a first row begins with.
    """
    of_states = {
        entry.of_input
        for gradients in of_first_rows
        for entry, part in zip(entries, gradients, strict=True)
        if part is not None and _has_rows_second(part, layouts[0].batch)
    }
    return [
        replace(layout, batch_first=False)
        if index in of_states and not placement.of_input(index).any()
        else layout
        for index, layout in enumerate(layouts)
    ]


def _has_rows_second(of_first_row: Tensor, rows: int) -> bool:
    """Whether what one row depends on lies at one place of the second axis, not of the first."""
    if of_first_row.dim() < 3 or of_first_row.shape[1] != rows:
        return False
    where = of_first_row.nonzero()
    first, second = (len(torch.unique(where[:, axis])) for axis in (0, 1))
    return second == 1 and (first > 1 or of_first_row.shape[0] != rows)
