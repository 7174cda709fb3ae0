"""Which token of which row each step of a layer read, established for each run.

Nothing is assumed of what stands between the inputs and the layer. Where tokens are only moved,
`captum_rnn.states.following` has kept their places. Else a few backward passes through what stands
before the layer say it exactly; see `captum_rnn.states.tracing`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from captum_rnn.states.following import Following
from captum_rnn.states.operations import NOWHERE
from captum_rnn.states.steps import Steps
from captum_rnn.states.tracing import Found, traced


@dataclass(frozen=True)
class Placement:
    """Which tokens of the inputs each step of a layer read.

    Attributes:
        shapes: The shape of each input.
        axes: For each input, the axes of its tokens; the others are features.
        places: The tokens that are read (pairs,), each by the number of its first element, counted
            through all inputs.
        steps: The steps that read them (pairs,), counted through all calls.
        counts: Number of steps of each call.
        mixed: The calls whose steps read several tokens that other steps read too.
        straight: Whether there is one input and one call, and step t of a row is its token t.
        by_derivatives: The calls of which derivatives told what they read.
    """

    shapes: tuple[torch.Size, ...]
    axes: tuple[tuple[int, ...], ...]
    places: Tensor
    steps: Tensor
    counts: tuple[int, ...]
    mixed: tuple[int, ...] = ()
    straight: bool = False
    by_derivatives: tuple[int, ...] = ()

    def of_input(self, index: int) -> Tensor:
        """Which of the pairs are of an input (pairs,)."""
        first = self._first(index)
        return (self.places >= first) & (self.places < first + self.shapes[index].numel())

    def grid(self, index: int) -> torch.Size:
        """The sizes of the axes of an input's tokens."""
        return torch.Size(self.shapes[index][axis] for axis in self.axes[index])

    def shares_steps(self, index: int) -> bool:
        """Whether steps that read an input read another input too."""
        if self.straight or len(self.shapes) == 1:
            return False
        of_input = self.of_input(index)
        return bool(torch.isin(self.steps[of_input], self.steps[~of_input]).any())

    def joins_tokens(self, index: int) -> bool:
        """Whether steps that read an input read several of its tokens."""
        if self.straight:
            return False
        _, steps = self._pairs(index)
        return bool((torch.bincount(steps, minlength=1) > 1).any())

    def tokens(self, index: int) -> tuple[Tensor, Tensor]:
        """The tokens of an input that are read, and the steps that read them (pairs of it,) each.

        Tokens are numbered row by row through the input's axes of tokens.
        """
        shape, axes = self.shapes[index], self.axes[index]
        places, steps = self._pairs(index)
        if axes == tuple(range(len(axes))):
            return _divided(places, math.prod(shape[len(axes) :])), steps
        tokens = torch.zeros_like(places)
        for axis in axes:
            tokens = tokens * shape[axis] + _along(places, shape, axis)
        return tokens, steps

    def coordinates(self, index: int, axis: int) -> Tensor:
        """Where the tokens of `tokens(index)` stand along an axis of the input (pairs of it,)."""
        return _along(self._pairs(index)[0], self.shapes[index], axis)

    def _pairs(self, index: int) -> tuple[Tensor, Tensor]:
        """The pairs of an input, its places counted from its own first element."""
        if len(self.shapes) == 1:
            return self.places, self.steps
        of_input = self.of_input(index)
        return self.places[of_input] - self._first(index), self.steps[of_input]

    def renumbered(self, numbers: Sequence[Tensor]) -> "Placement":
        """The same, with the steps of the calls counted through other runs.

        Args:
            numbers: For each of these runs, which step each of its steps is now (rows, time); -1:
                none.
        """
        if self.straight:
            return self
        counts = tuple(of_run.numel() for of_run in numbers)
        before = torch.cat([of_run.flatten() for of_run in numbers])
        found = torch.arange(sum(self.counts), device=self.steps.device)
        if torch.equal(before, found):
            return replace(self, counts=counts)
        (now,) = (before >= 0).nonzero(as_tuple=True)
        found.fill_(NOWHERE)[before[now]] = now
        return replace(self, steps=found[self.steps], counts=counts)

    def of_steps(self, chosen: Tensor) -> "Placement":
        """The same, of the steps alone that a mask (steps,) chooses."""
        kept = chosen[self.steps]
        return replace(self, places=self.places[kept], steps=self.steps[kept], straight=False)

    def at_tokens(self, scores: Tensor) -> list[Tensor]:
        """Hands the scores of all steps (steps,) to the tokens: for each input, over its axes.

        The score of a step that read several tokens is shared equally by them, a token that
        several steps read gets the sum of its shares, and one that none read gets 0.
        """
        if self.straight:
            return [scores.view(self.shapes[0][:2])]
        readers = torch.bincount(self.steps, minlength=len(scores))
        shares = scores / readers.clamp(min=1)
        handed = []
        for index in range(len(self.shapes)):
            tokens, steps = self.tokens(index)
            grid = self.grid(index)
            of_input = scores.new_zeros(math.prod(grid))
            handed.append(of_input.index_add(0, tokens, shares[steps]).view(grid))
        return handed

    def at_features(
        self, scores: Tensor, inputs: Sequence[Tensor], is_read: Sequence[bool]
    ) -> list[Tensor]:
        """Hands scores of the features of all steps to the inputs' own features, in their shape.

        Args:
            scores: (steps, features).
            inputs: The inputs.
            is_read: Whether the very features of each input are read. Else its tokens get the sums,
                as by `at_tokens`.
        """
        of_tokens = None if all(is_read) else self.at_tokens(scores.sum(1))
        handed, shares = [], scores
        if not self.straight:
            readers = torch.bincount(self.steps, minlength=len(scores)).clamp(min=1)
            shares = scores / readers.unsqueeze(1)
        for index, (tensor, own) in enumerate(zip(inputs, is_read, strict=True)):
            if own and self.straight:
                handed.append(scores.view(tensor.shape))
            elif own:
                order = self.tokens_first(index)
                placed = tensor.permute(order)
                tokens, steps = self.tokens(index)
                of_input = scores.new_zeros(tensor.numel() // scores.shape[1], scores.shape[1])
                of_input.index_add_(0, tokens, shares[steps])
                inverse = [order.index(axis) for axis in range(tensor.dim())]
                handed.append(of_input.view(placed.shape).permute(inverse))
            else:
                assert of_tokens is not None
                handed.append(of_tokens[index])
        return handed

    def at_places(self, places: Tensor, values: Tensor) -> list[Tensor]:
        """Adds values (places,) up at the tokens of numbered places, for each input, over its axes.

        Args:
            places: The numbers of the places (places,); `NOWHERE` is left out.
            values: What stands at each.
        """
        (numbers,) = (places >= 0).nonzero(as_tuple=True)
        pairs = replace(self, places=places[numbers], steps=numbers)
        handed = []
        for index in range(len(self.shapes)):
            tokens, numbers = pairs.tokens(index)
            grid = self.grid(index)
            of_input = values.new_zeros(math.prod(grid))
            handed.append(of_input.index_add(0, tokens, values[numbers]).view(grid))
        return handed

    def tokens_first(self, index: int) -> tuple[int, ...]:
        """The axes of an input, those of its tokens before those of the features."""
        axes = self.axes[index]
        others = (axis for axis in range(len(self.shapes[index])) if axis not in axes)
        return (*axes, *others)

    def at_steps(self, scores: list[Tensor]) -> Tensor:
        """For each step (steps,), the sum of the scores of the tokens that it read.

        Args:
            scores: Scores of the tokens of each input, over its axes.
        """
        gathered = scores[0].new_zeros(sum(self.counts))
        for index, of_input in enumerate(scores):
            tokens, steps = self.tokens(index)
            gathered.index_add_(0, steps, of_input.flatten()[tokens])
        return gathered

    @property
    def is_read(self) -> Tensor:
        """Which steps (steps,) read a token."""
        return torch.bincount(self.steps, minlength=sum(self.counts)) > 0

    def _first(self, index: int) -> int:
        return sum(shape.numel() for shape in self.shapes[:index])


def place(
    inputs: Sequence[Tensor], following: Following, calls: Sequence[Steps], axes: int = 2
) -> Placement:
    """Which tokens of the inputs the steps of the calls read.

    Args:
        inputs: The inputs of the model.
        following: What followed them while it ran.
        calls: The steps of each call.
        axes: Number of axes before the features of a float input.
    """
    shapes = tuple(tensor.shape for tensor in inputs)
    if (straight := _straight(inputs, following, calls, axes)) is not None:
        return Placement(shapes, ((0, 1),), *straight, (len(straight[1]),), straight=True)
    token_axes = [
        tuple(range(axes if tensor.is_floating_point() else tensor.dim())) for tensor in inputs
    ]
    counts = tuple(call.rows * call.time for call in calls)
    steps = [call.numbers + sum(counts[:index]) for index, call in enumerate(calls)]
    found, unknown = [], []
    for index, call in enumerate(calls):
        places = following.places(call.source)
        if places is None or places.numel() != len(call.numbers):
            unknown.append(index)
        else:
            found.append(Found(places.flatten(), steps[index], {}))
    reads = {index: (calls[index].data, steps[index]) for index in unknown}
    by_autograd, mixed = traced(following.entries, shapes, reads)
    if following.waypoints and not mixed and _leaves_out(by_autograd, reads):
        again, mixes = traced([*following.entries, *following.waypoints], shapes, reads)
        by_autograd = by_autograd if mixes else again
    found += by_autograd
    if not found and not mixed:
        found = [
            part for index in unknown for part in _equal(following, calls[index], steps[index])
        ]
    for part in found:
        for index, of_tokens in part.axes.items():
            token_axes[index] = of_tokens
    places, read_by = _pairs_of(found, inputs[0].device)
    told = tuple(unknown)
    axes_of = tuple(token_axes)
    return Placement(shapes, axes_of, places, read_by, counts, tuple(mixed), by_derivatives=told)


def _pairs_of(found: Sequence[Found], device: torch.device) -> tuple[Tensor, Tensor]:
    """The places that are read and the steps that read them (pairs,) each, every pair once."""
    parts = []
    for places, steps, _ in found:
        is_read = places >= 0
        parts.append((places, steps) if is_read.all() else (places[is_read], steps[is_read]))
    if len(parts) == 1:
        return parts[0]
    if not parts:
        nothing = torch.zeros(0, dtype=torch.int64, device=device)
        return nothing, nothing
    pairs = torch.cat([torch.stack(part) for part in parts], 1)
    pairs = torch.unique(pairs, dim=1)  # a step may read a token twice, e.g. by two embeddings
    return pairs[0], pairs[1]


def _straight(
    inputs: Sequence[Tensor], following: Following, calls: Sequence[Steps], axes: int
) -> tuple[Tensor, Tensor] | None:
    """The places and the steps, if step t of each row read its token t; else None."""
    if len(inputs) != 1 or len(calls) != 1 or axes != 2:
        return None
    (given,), (call,) = inputs, calls
    has_tokens = given.is_floating_point() or given.dim() == 2
    if not has_tokens or given.shape[:2] != (call.rows, call.time) or not call.in_order:
        return None
    places, numbers = following.places(call.source), call.numbers
    if places is None or places.numel() != len(numbers):
        return None
    features = given.numel() // len(numbers)
    expected = numbers if features == 1 else numbers * features
    return (expected, numbers) if torch.equal(places.flatten(), expected) else None


def _leaves_out(found: Sequence[Found], reads: dict[int, tuple[Tensor, Tensor]]) -> bool:
    """Whether no token was found for some of the steps that were read."""
    known = sum(len(torch.unique(part.steps[part.places >= 0])) for part in found)
    return known < sum(len(numbers) for _, numbers in reads.values())


def _equal(following: Following, call: Steps, steps: Tensor) -> list[Found]:
    """Where no graph could be built: a call that read an entry just as it is."""
    in_order = call.data[call.numbers.argsort()]
    return [
        Found(entry.places.flatten(), steps.sort().values, {})
        for entry in following.entries
        if entry.places.numel() == len(steps)
        and torch.equal(in_order, entry.vectors.flatten(0, -2))
    ]


def _along(places: Tensor, shape: torch.Size, axis: int) -> Tensor:
    along = _divided(places, math.prod(shape[axis + 1 :]))
    return along if axis == 0 else along % shape[axis]


def _divided(numbers: Tensor, divisor: int) -> Tensor:
    return numbers if divisor == 1 else numbers // divisor
