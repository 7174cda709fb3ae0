"""Whether what a model answers for a row of the batch comes of that row alone.

The derivative of the sum of all answers is each row's own one only then. With a power of two for
each row as its weight, the derivative of the weighted sum is the same times that power, exactly, as
long as the rows are apart: scaling by it rounds nothing. A model is asked once in each mode of its
modules, since it takes a second pass through its head.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from captum_rnn.states.following import Entry
from captum_rnn.states.graph import Graph, Weighted
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.places import Placement
from captum_rnn.states.recording import ReadGradient, data_of
from captum_rnn.states.steps import Steps


def check_rows_apart(
    graph: Graph,
    found: tuple[Sequence[ReadGradient], Sequence[Tensor | None]],
    steps: Sequence[Steps],
    rows: Sequence[Tensor],
    placement: Placement,
    batch_axes: Sequence[int],
) -> None:
    """Raises ValueError if the answer for a row depends on what other rows hold.

    Args:
        graph: The graph of the run.
        found: The derivatives of the explained values with respect to calls and entries.
        steps: The steps of each call.
        rows: The row of the batch that each row of the calls read (rows,); -1: unknown.
        placement: Which tokens the steps read.
        batch_axes: The axis of each input along which the rows of the batch lie.
    """
    if len(graph.values) < 2:
        return
    weights = _weights(graph.values)
    weighted = graph.gradients(Weighted([graph.values], [weights]))
    of_calls = zip(graph.recording.calls, steps, rows, found[0], weighted[0], strict=True)
    for call, of_call, of_rows, own, other in of_calls:
        at = _rows_of(call, of_call, of_rows)
        for where, part, again in zip(at, _parts(own), _parts(other), strict=True):
            _check(where, part, again, weights)
    for entry, part, again in zip(graph.entries, found[1], weighted[1], strict=True):
        _check(_rows_at(placement, entry, batch_axes), part, again, weights)
    for number, call in enumerate(graph.recording.calls):
        if number in placement.mixed and len(rows[number]) == len(graph.values):
            _check_before(graph, call, steps[number], rows[number], placement, batch_axes)


def _check_before(
    graph: Graph,
    call: LayerCall,
    steps: Steps,
    rows: Tensor,
    placement: Placement,
    batch_axes: Sequence[int],
) -> None:
    """The same of what stands before a call whose steps read several tokens."""
    read = data_of(call.input)
    at = rows[steps.numbers // steps.time].view(*read.shape[:-1], 1)
    weights = _weights(graph.values)
    draw = torch.Generator(read.device).manual_seed(1)
    vectors = torch.randn(read.shape, generator=draw, device=read.device).to(read.dtype)
    _, own = graph.gradients(Weighted([read], [vectors]))
    _, other = graph.gradients(Weighted([read], [vectors * weights[at].to(vectors)]))
    for entry, part, again in zip(graph.entries, own, other, strict=True):
        _check(_rows_at(placement, entry, batch_axes), part, again, weights)


def _weights(values: Tensor) -> Tensor:
    """A power of two for each row."""
    draw = torch.Generator(values.device).manual_seed(0)
    powers = torch.randint(8, values.shape, generator=draw, device=values.device)
    return (2.0**powers).to(values.dtype)


def _parts(gradient: ReadGradient) -> list[Tensor | None]:
    return [None if gradient.output is None else data_of(gradient.output), *gradient.final]


def _rows_of(call: LayerCall, steps: Steps, rows: Tensor) -> list[Tensor | None]:
    """The row of the batch of all that a call answered, with one element for the features."""
    of_steps = rows[steps.numbers // steps.time]
    output = of_steps.view(*data_of(call.output).shape[:-1], 1)
    final = [rows.view(1, -1, 1) if state.dim() == 3 else None for state in call.final]
    return [output, *final]


def _rows_at(placement: Placement, entry: Entry, batch_axes: Sequence[int]) -> Tensor:
    """The row of the batch at the places of an entry; -1: of none."""
    places, first = entry.places, 0
    found = torch.full_like(places, -1)
    for shape, axis in zip(placement.shapes, batch_axes, strict=True):
        own = (places >= first) & (places < first + shape.numel())
        row = (places - first) // math.prod(shape[axis + 1 :]) % shape[axis]
        found, first = torch.where(own, row, found), first + shape.numel()
    return found


def _check(rows: Tensor | None, own: Tensor | None, other: Tensor | None, weights: Tensor) -> None:
    if rows is None or own is None or other is None:
        return
    expected = own * weights[rows].to(own)
    tolerance = 1e3 * torch.finfo(own.dtype).eps * expected.abs().amax()
    differs = ((other - expected).abs() > tolerance) & (rows >= 0)
    if differs.any():
        where = differs.nonzero()[0].tolist()
        raise ValueError(
            "the answer for a row depends on other rows of the batch, such as row "
            f"{int(rows.expand(own.shape)[tuple(where)])}, as behind batch normalisation in "
            "training mode or attention over the batch, so that scores of one would be a part of "
            "another's; call model.eval(), or explain one row at a time"
        )
