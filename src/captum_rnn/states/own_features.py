"""Whether layers read the very features of a model's inputs, or what was made of them."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from captum_rnn.states.graph import Graph, Weighted
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.joining import Joined
from captum_rnn.states.layers import form_of
from captum_rnn.states.places import Placement
from captum_rnn.states.recording import data_of
from captum_rnn.states.stacked_layers import time_first


def own_features(
    layers: Sequence[nn.Module],
    calls: Sequence[LayerCall],
    grids: Sequence[tuple[int, int]],
    is_low: Sequence[bool],
    placement: Placement,
    inputs: Sequence[Tensor],
) -> list[bool]:
    """For each input, whether the lowest layers read its very features, several of them.

    Args:
        layers: The layer of each trajectory.
        calls: The call of it.
        grids: Its rows and steps.
        is_low: Whether it reads no other trajectory.
        placement: Which tokens the steps of the trajectories read.
        inputs: The inputs.
    """
    widths = {call.features for call, low in zip(calls, is_low, strict=True) if low}
    if len(widths) != 1:
        return [False] * len(inputs)
    width = widths.pop()
    read = [
        time_first(call.input, form_of(layer).batch_first)[0].transpose(0, 1)
        if low
        else data_of(call.input).new_zeros(*grid, width)
        for layer, call, grid, low in zip(layers, calls, grids, is_low, strict=True)
    ]
    if not all(is_low):
        sizes = torch.tensor([rows * time for rows, time in grids], device=placement.steps.device)
        chosen = torch.tensor(is_low, device=sizes.device).repeat_interleave(sizes)
        placement = placement.of_steps(chosen)
    return _same_numbers(torch.cat([part.flatten(0, 1) for part in read]), placement, inputs)


def _same_numbers(read: Tensor, placement: Placement, inputs: Sequence[Tensor]) -> list[bool]:
    """Whether the steps read (steps, features) the numbers of each input, NaN being one."""
    found, fits = [], _may_be_read(read.shape[1], placement, inputs)
    for index, (tensor, axes) in enumerate(zip(inputs, placement.axes, strict=True)):
        placed = tensor.permute(placement.tokens_first(index))
        vectors = placed.reshape(placed.shape[: len(axes)].numel(), -1).to(read.dtype)
        everything = slice(None), slice(None)
        tokens, steps = everything if placement.straight else placement.tokens(index)
        one, other = vectors[tokens], read[steps]
        same = fits[index] and torch.equal(one, other)
        same = same or (fits[index] and torch.equal(one.nan_to_num(), other.nan_to_num()))
        found.append(same)
    return found


def _may_be_read(width: int, placement: Placement, inputs: Sequence[Tensor]) -> list[bool]:
    """Whether the tokens of each input have as many features as are read, several of them.

    And whether no step reads another input beside it.
    """
    return [
        width > 1
        and tensor.numel() == placement.grid(index).numel() * width
        and not placement.shares_steps(index)
        for index, tensor in enumerate(inputs)
    ]


def each_by_itself(
    same: Sequence[bool],
    graph: Graph,
    joined: Sequence[Joined],
    is_low: Sequence[bool],
    placement: Placement,
    inputs: Sequence[Tensor],
) -> list[bool]:
    """For each input, whether layers read each feature in its place, by a function of it alone.

    Told by derivatives of random mixtures: those of another order of the features, which may hold
    the same numbers, have the weights of other features, and those of several features of several.

    Args:
        same: Of which inputs the very numbers are read.
        graph: What stands before the layers.
        joined: The trajectories.
        is_low: Whether each reads no other one.
        placement: Which tokens their steps read.
        inputs: The inputs.
    """
    if placement.straight and all(same) and _is_entry(graph):
        return list(same)
    widths = {one.call.features for one, low in zip(joined, is_low, strict=True) if low}
    fits = _may_be_read(widths.pop(), placement, inputs) if len(widths) == 1 else [False]
    if not any(fits):
        return [False] * len(inputs)
    mixture = _Mixture(graph, joined, is_low, placement, inputs, fits)
    first = mixture.of(torch.ones(mixture.width))
    found = [
        fit and known and bool(((got == weight) | (got == 0)).all())  # 0: a filled in NaN
        for fit, known, (weight, got) in zip(fits, same, first, strict=True)
    ]
    if found == fits:
        return found
    alone = list(fits)
    for factors in _factors(mixture.width):
        for index, ((_, one), (_, other)) in enumerate(
            zip(first, mixture.of(factors), strict=True)
        ):
            if alone[index]:
                order = placement.tokens_first(index)
                shape = one.permute(order).shape[len(placement.axes[index]) :]
                own = factors.to(one).view(shape)
                one, other = one.permute(order), other.permute(order)
                alone[index] = _are_alike(one * own, other, len(placement.axes[index]))
    return [
        known or (is_alone and not (placement.joins_tokens(index) and _leaves_some(one)))
        for index, (known, is_alone, one) in enumerate(zip(found, alone, first, strict=True))
    ]


def _leaves_some(mixture: tuple[Tensor, Tensor]) -> bool:
    """Whether some feature of a token that is read is not, as by a maximum of several tokens."""
    weight, got = mixture
    return bool(((got == 0) & (weight != 0)).any())


def _factors(width: int) -> Iterator[Tensor]:
    """Powers of two for each feature (width,), no two features having the same in all of them."""
    digit = 1
    while digit < width:
        yield 2.0 ** ((torch.arange(width) // digit) % 9 - 4)
        digit *= 9


def _is_entry(graph: Graph) -> bool:
    """Whether the first call reads what the model was given, untouched."""
    step = data_of(graph.recording.calls[0].input).grad_fn
    while step is not None and step.name() == "CloneBackward0":
        step = step.next_functions[0][0]
    return getattr(step, "variable", None) is graph.entries[0].vectors


class _Mixture(NamedTuple):
    """A random mixture of the features that are read, by whose derivatives they are told apart."""

    graph: Graph
    joined: Sequence[Joined]
    is_low: Sequence[bool]
    placement: Placement
    inputs: Sequence[Tensor]
    fits: list[bool]

    @property
    def width(self) -> int:
        """How many features are read."""
        lows = zip(self.joined, self.is_low, strict=True)
        return next(one.call.features for one, low in lows if low)

    def of(self, factors: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The weight of each feature of each input, and the derivative of the mixture.

        Args:
            factors: By which the weights of each feature are multiplied (width,).
        """
        weights, mixed = [], Weighted([], [])
        draw = torch.Generator().manual_seed(0)
        for one, low in zip(self.joined, self.is_low, strict=True):
            shape = (one.steps.rows, one.steps.time, self.width)
            drawn = torch.randint(1, 9, shape, generator=draw) * factors * low
            drawn = drawn.to(data_of(one.call.input))
            weights.append(drawn.flatten(0, 1))
            if low:
                handed = self.graph.handed_on(one, drawn, None)
                mixed.tensors.extend(handed.tensors)
                mixed.weights.extend(handed.weights)
        expected = self.placement.at_features(torch.cat(weights), self.inputs, self.fits)
        found = [torch.zeros_like(of_input) for of_input in expected]
        _, gradients = self.graph.gradients(mixed)
        for entry, gradient in zip(self.graph.entries, gradients, strict=True):
            if entry.of_input is not None and gradient is not None and self.fits[entry.of_input]:
                found[entry.of_input] = found[entry.of_input] + gradient
        return list(zip(expected, found, strict=True))


def _are_alike(one: Tensor, other: Tensor, axes: int) -> bool:
    """Whether derivatives are the same; each feature has to have one at some of the tokens.

    Args:
        one: Derivatives (tokens, features), each over one axis or more.
        other: Others.
        axes: How many axes the tokens have.
    """
    is_known = (one != 0).sum(tuple(range(axes))) > 0
    rtol = 8 * torch.finfo(one.dtype).eps
    return bool(is_known.all()) and torch.allclose(one, other, rtol=rtol, atol=0.0, equal_nan=True)
