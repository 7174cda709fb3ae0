"""Which rows of the inputs a call of the layer read, and how many of its steps are real tokens."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from captum_rnn.attr.inputs import InputLayout
from captum_rnn.functional.checks import check_lengths
from captum_rnn.states.places import Placement
from captum_rnn.states.steps import Steps


def rows_read(placement: Placement, layouts: list[InputLayout], calls: list[Steps]) -> list[Tensor]:
    """For each call, the row of the inputs that each of its rows read (rows,); 0 if unknown."""
    if placement.straight:
        return known_rows(placement, layouts, calls)
    return [rows.clamp(min=0) for rows in known_rows(placement, layouts, calls)]


def known_rows(
    placement: Placement, layouts: list[InputLayout], calls: Sequence[Steps]
) -> list[Tensor]:
    """The same, and -1 if unknown."""
    if placement.straight:
        return [torch.arange(calls[0].rows, device=placement.steps.device)]
    found = placement.steps.new_full((sum(call.rows * call.time for call in calls),), -1)
    for index, layout in enumerate(layouts):
        _, steps = placement.tokens(index)
        found[steps] = _along(placement, layout, index, batch=True)
    each = []
    for call, of_call in zip(calls, torch.split(found, list(placement.counts)), strict=True):
        rows = of_call.view(call.rows, call.time).amax(1)
        if call.rows == layouts[0].batch and (rows < 0).all():
            rows = torch.arange(call.rows, device=rows.device)
        each.append(rows)
    return each


def without_padding(
    placement: Placement,
    layouts: list[InputLayout],
    calls: list[Steps],
    lengths: tuple[Tensor | None, ...],
) -> tuple[Placement, list[Tensor | None]]:
    """Leaves out the tokens beyond the lengths.

    Args:
        placement: Which tokens the steps read.
        layouts: The layouts of the inputs.
        calls: The steps of each call.
        lengths: Number of real tokens in each row of each input (batch,), or None.

    Returns:
        The placement of the real tokens, and for each call the number of steps of each row before
        its padding (rows,). None: no padding, or padding that is read before the tokens.

    Raises:
        ValueError: Lengths that do not fit the input, or padding in the midst of what is read.
        TypeError: Lengths that are no integers.
    """
    if all(of_input is None for of_input in lengths):
        return placement, [None] * len(calls)
    is_real = torch.ones_like(placement.steps, dtype=torch.bool)
    limited = torch.zeros(sum(placement.counts), dtype=torch.bool, device=is_real.device)
    for index, (layout, given) in enumerate(zip(layouts, lengths, strict=True)):
        if given is None:
            continue
        given = check_lengths(given, layout.batch, layout.time, is_real.device)
        of_input = placement.of_input(index)
        row = _along(placement, layout, index, batch=True)
        is_real[of_input] = _along(placement, layout, index, batch=False) < given[row]
        limited[placement.steps[of_input]] = True
    steps = torch.zeros_like(limited)
    steps[placement.steps[is_real]] = True
    padding = limited & ~steps
    ends = []
    counts = list(placement.counts)
    for call, of_call, real, known in zip(
        calls, *(torch.split(part, counts) for part in (padding, steps, limited)), strict=True
    ):
        grid = (call.rows, call.time)
        of_rows = _ends(of_call.view(grid), real.view(grid)) if known.any() else None
        if of_rows is not None and call.ends is not None:
            of_rows = of_rows.minimum(call.ends)
        ends.append(of_rows)
    kept = replace(placement, places=placement.places[is_real], steps=placement.steps[is_real])
    return kept, ends


def _ends(padding: Tensor, real: Tensor) -> Tensor | None:
    """Number of steps before the padding (rows,); None if the padding comes first."""
    time = padding.shape[1]
    steps = torch.arange(time, device=padding.device)
    ends = torch.where(padding, steps, time).amin(1)
    last = torch.where(real, steps, -1).amax(1)
    behind = last > ends
    if not behind.any():
        return ends
    first = torch.where(real, steps, time).amin(1)
    padding_first = torch.where(padding, steps, -1).amax(1) < first
    if padding_first.all():
        return None
    row = int((behind & ~padding_first).int().argmax())
    raise ValueError(
        f"lengths does not fit what was read: in row {row} of the layer, step {int(ends[row])} "
        f"reads padding and step {int(last[row])} a token again; leave lengths out, or pass the "
        "number of tokens that stand before the padding of each row"
    )


def positions_of_rows(positions: Tensor, rows: Tensor) -> Tensor:
    """Positions that are given for each row of the inputs, for each row of a call.

    Raises:
        ValueError: There are fewer than rows of the inputs that were read.
    """
    if len(positions) <= int(rows.max()):
        raise ValueError(
            f"readout holds {len(positions)} positions for {int(rows.max()) + 1} rows; expected "
            "one a row"
        )
    return positions.to(rows.device)[rows]


def target_of_rows(target: Any, rows: Tensor, batch: int) -> Any:
    """The target of each row of a call, where the user gave one for each row of the inputs."""
    if isinstance(target, list) and len(target) == batch:
        return [target[row] for row in rows.tolist()]
    if isinstance(target, Tensor) and target.numel() == batch > 1:
        return target.to(rows.device)[rows]
    return target


def _along(placement: Placement, layout: InputLayout, index: int, *, batch: bool) -> Tensor:
    """The row, or the time, of each token of an input that is read."""
    axes = placement.axes[index]
    if layout.unbatched:
        found = placement.coordinates(index, axes[0])
        return torch.zeros_like(found) if batch else found
    return placement.coordinates(index, axes[0 if batch == layout.batch_first else 1])
