"""Which step of a layer each token feeds, as autograd tells it.

With X_n what the layer read in its step n, E what the model reads at the places of its inputs, and
random vectors u_n,

    G = d/dE Σ_n ⟨u_n, X_n⟩,    G' = d/dE Σ_n n ⟨u_n, X_n⟩,

a place that feeds one step alone has G' = n G. Where G is zero, it is not read; where G' is no
multiple of G, it feeds several steps. To stay exact in low precision, each digit of n takes a pass.

Windows that overlap, or a text that is read twice, are told from the other side. With J the
derivative of what the steps read, and random vectors u_p at the places,

    F = J Σ_p u_p,    F' = J Σ_p p u_p,

a step that reads one place alone has F' = p F, however many steps read that place.
"""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from captum_rnn.states.following import Entry
from captum_rnn.states.operations import NOWHERE

_BASE = {torch.float64: 4096, torch.float32: 256}
"""The base of the digits, by precision: 2 for any other."""
_TOLERANCE = {4096: 1e-4, 256: 2e-3}
"""How far a derivative may be from a multiple of another one, by base of the digits."""
_OF_BITS = {torch.float64: 1e-7, torch.float32: 1e-4}
"""The same of digits of base 2, by precision, others 0.01: steps left out or not round alike."""
_SMALL = 1e-5
"""What is so much smaller than the largest derivative may be rounding."""
_NUMBERS_IN_CACHE = 1 << 16
"""Numbers of which a core's cache holds a few copies."""


class Found(NamedTuple):
    """Places that are read (pairs,), or `NOWHERE`, and the steps that read them."""

    places: Tensor
    steps: Tensor
    axes: dict[int, tuple[int, ...]]


def traced(
    entries: list[Entry], shapes: tuple[torch.Size, ...], reads: dict[int, tuple[Tensor, Tensor]]
) -> tuple[list[Found], list[int]]:
    """What autograd says of calls: the places that feed each step, and the calls that mix them.

    Args:
        entries: What the model reads at the places of its inputs.
        shapes: The shapes of the inputs.
        reads: For some calls what they read at each step (steps, features), as part of the graph,
            and the numbers of the steps (steps,), counted through all calls.
    """
    tracing = _Tracing([e for e in entries if e.vectors.requires_grad], shapes)
    reads = {index: read for index, read in reads.items() if read[0].requires_grad}
    if not reads or not tracing.entries:
        return [], []
    together = tracing.trace(list(reads.values()))
    if together is not None:
        return together, []
    found, mixed = [], []
    for index, read in reads.items():  # a token may feed one step of several calls
        single = tracing.trace([read]) if len(reads) > 1 else None
        single = tracing.trace_back(*read) if single is None else single
        found += single or []
        mixed += [index] if single is None else []
    return found, mixed


class _Tracing(NamedTuple):
    entries: list[Entry]
    shapes: tuple[torch.Size, ...]

    def trace(self, reads: list[tuple[Tensor, Tensor]]) -> list[Found] | None:
        """The places that feed each step; None: some feed several.

        Args:
            reads: What was read at each step (steps, features), and the numbers of the steps.
        """
        base = _BASE.get(reads[0][0].dtype, 2)
        found = self._traced_in(base, reads)
        return self._traced_in(2, reads) if found is None and base != 2 else found

    def _traced_in(self, base: int, reads: list[tuple[Tensor, Tensor]]) -> list[Found] | None:
        """The same with the steps' numbers in digits of a base."""
        draw = torch.Generator(reads[0][0].device).manual_seed(0)
        vectors = [
            torch.randn(data.shape, generator=draw, device=data.device).to(data.dtype)
            for data, _ in reads
        ]
        last = max(int(numbers.max()) for _, numbers in reads)
        passes = [self._pass(reads, vectors)]
        if base != 2 and _may_be_rounding(passes[0]):
            return None
        for place in range(_digits(last, base)):
            weighted = [
                vector * (numbers // base**place % base).unsqueeze(1)
                for vector, (_, numbers) in zip(vectors, reads, strict=True)
            ]
            passes.append(self._pass(reads, weighted))
            if place == 0 and self._all_decoded([passes[0], passes[1]], base, base - 1) is None:
                return None
        return self._all_decoded(passes, base, last)

    def _all_decoded(self, passes: list[Any], base: int, last: int) -> list[Found] | None:
        """The steps that the tokens of all entries feed; None: some feed several."""
        found = []
        for entry, gradients in zip(self.entries, zip(*passes, strict=True), strict=True):
            if any(gradient is None for gradient in gradients):
                continue  # the calls read nothing of it
            of_entry = self._decoded(entry, gradients, base, last)
            if of_entry is None:
                return None
            found.append(of_entry)
        return found

    def trace_back(self, data: Tensor, numbers: Tensor) -> list[Found] | None:
        """The one place that each step reads, which other steps may read too; None: several.

        Args:
            data: What was read at each step (steps, features).
            numbers: The numbers of the steps.
        """
        base, draw = _BASE.get(data.dtype, 2), torch.Generator(data.device).manual_seed(0)
        weights = torch.zeros_like(data, requires_grad=True)
        try:
            back = torch.autograd.grad(
                data,
                [entry.vectors for entry in self.entries],
                weights,
                create_graph=True,
                allow_unused=True,
            )
        except RuntimeError:  # an operation that cannot be differentiated twice
            return None
        read = [
            (entry, gradient)
            for entry, gradient in zip(self.entries, back, strict=True)
            if gradient is not None and gradient.requires_grad
        ]
        drawn = [
            torch.randn(gradient.shape, generator=draw, device=data.device).to(gradient.dtype)
            for _, gradient in read
        ]
        for axes in itertools.product(*(_candidates(entry) for entry, _ in read)):
            numbered = [  # from 1 on, those of no place being 0
                self._places_along(entry, of_entry) + 1
                for (entry, _), of_entry in zip(read, axes, strict=True)
            ]
            found = self._read_at(numbered, [g for _, g in read], drawn, weights, base)
            if found is not None:
                found = (found - 1).clamp(min=NOWHERE)
                named = {
                    entry.of_input: of_entry
                    for (entry, _), of_entry in zip(read, axes, strict=True)
                    if entry.of_input is not None
                }
                return [Found(found, numbers, named)]
        return None

    def _read_at(
        self,
        places: list[Tensor],
        back: list[Tensor],
        drawn: list[Tensor],
        weights: Tensor,
        base: int,
    ) -> Tensor | None:
        """The number of the place that each step reads (steps,); None: some read several.

        Args:
            places: The number of the place of each vector of the entries, like them with one
                element for the features.
            back: Derivatives with respect to the entries, as functions of `weights`.
            drawn: Random vectors at the entries.
            weights: What they are linear in (steps, features).
            base: The base of the digits.
        """
        last = max((int(of_entry.max()) for of_entry in places), default=0)
        passes = []
        for digit in (None, *range(_digits(last, base))):
            factors = [
                torch.ones_like(of_entry) if digit is None else of_entry // base**digit % base
                for of_entry in places
            ]
            vectors = [
                vector * of_entry.to(vector)
                for vector, of_entry in zip(drawn, factors, strict=True)
            ]
            try:
                (moved,) = torch.autograd.grad(
                    back, weights, vectors, retain_graph=True, allow_unused=True
                )
            except RuntimeError:
                return None
            passes.append(torch.zeros_like(weights) if moved is None else moved)
            if base != 2 and digit is None and _may_be_rounding(passes):
                return self._read_at(places, back, drawn, weights, 2)
        return _feeds(passes, base, last)

    def _places_along(self, entry: Entry, axes: tuple[int, ...]) -> Tensor:
        """The number of the place of each vector of an entry, if its tokens are along some axes."""
        if entry.of_input is None:
            return entry.places
        first = sum(shape.numel() for shape in self.shapes[: entry.of_input])
        shape = self.shapes[entry.of_input]
        numbers = torch.arange(first, first + shape.numel(), device=entry.vectors.device)
        for axis in range(len(shape)):
            if axis not in axes:
                numbers = numbers.view(shape).narrow(axis, 0, 1)
                shape = numbers.shape
        return numbers.view(shape)

    def _pass(self, reads: list[tuple[Tensor, Tensor]], vectors: list[Tensor]) -> Any:
        return torch.autograd.grad(
            [data for data, _ in reads],
            [entry.vectors for entry in self.entries],
            vectors,
            retain_graph=True,
            allow_unused=True,
        )

    def _decoded(
        self, entry: Entry, gradients: Sequence[Tensor], base: int, last: int
    ) -> Found | None:
        """The step that each token of an entry feeds.

        Args:
            entry: What is read.
            gradients: G, and G' for each digit, like the vectors of the entry.
            base: The base of the digits.
            last: The largest number of a step.
        """
        if entry.of_input is None:
            steps = _feeds([gradient.flatten(0, -2) for gradient in gradients], base, last)
            return None if steps is None else _of_read(entry.places.flatten(), steps, {})
        first = sum(shape.numel() for shape in self.shapes[: entry.of_input])
        shape = self.shapes[entry.of_input]
        numbers = torch.arange(first, first + shape.numel(), device=entry.places.device).view(shape)
        for axes in _candidates(entry):
            others = [axis for axis in range(len(shape)) if axis not in axes]
            order, tokens = (*axes, *others), math.prod(shape[axis] for axis in axes)
            in_rows = [gradient.permute(order).reshape(tokens, -1) for gradient in gradients]
            if (steps := _feeds(in_rows, base, last)) is not None:
                places = numbers.permute(order)
                return _of_read(places.reshape(tokens, -1)[:, 0], steps, {entry.of_input: axes})
        return None


def _may_be_rounding(gradients: Sequence[Tensor | None]) -> bool:
    """Whether some derivatives are so small beside others that they may be rounding alone.

    As of the norm of a token with one number that is not 0. They are multiples of each other only
    if steps are left out, by digits of base 2: a few last units over others are whole by chance.
    """
    known = [part for part in gradients if part is not None and part.numel()]
    sizes = [part.abs().reshape(-1, part.shape[-1]).amax(1) for part in known]
    every = torch.cat([of_part[of_part > 0] for of_part in sizes]) if sizes else torch.zeros(0)
    return every.numel() > 0 and bool(every.min() < _SMALL * every.max())


def _digits(last: int, base: int) -> int:
    """How many digits the numbers up to the last have."""
    return next(digits for digits in itertools.count(1) if base**digits > last)


def _candidates(entry: Entry) -> list[tuple[int, ...]]:
    """Axes that may be those of a float input's tokens: as said, after the channels, or more."""
    axes = entry.vectors.dim()
    channels_first = [(0, 2)] if entry.axes == 2 < axes else []
    more = [tuple(range(number)) for number in range(entry.axes + 1, axes + 1)]
    return [tuple(range(entry.axes)), *channels_first, *more]


def _feeds(gradients: Sequence[Tensor], base: int, last: int) -> Tensor | None:
    """The one step that each token feeds (tokens,), `NOWHERE` for none; None: some feed several.

    Args:
        gradients: (tokens, features) each: G, and G' for each digit of the steps' numbers.
        base: The base of the digits.
        last: The largest number of a step; others are made of rounding alone.
    """
    tolerance = _TOLERANCE.get(base) or _OF_BITS.get(gradients[0].dtype, 0.01)
    together = _NUMBERS_IN_CACHE if gradients[0].device.type == "cpu" else gradients[0].numel()
    tokens, found = max(1, together // max(1, gradients[0].shape[1])), []
    for parts in zip(*(torch.split(gradient, tokens) for gradient in gradients), strict=True):
        steps = _fed([part.double() for part in parts], base, tolerance)
        if steps is None or bool((steps > last).any()):
            return None
        found.append(steps)
    return torch.cat(found)


def _fed(gradients: Sequence[Tensor], base: int, tolerance: float) -> Tensor | None:
    """The same of some of the tokens, in float64."""
    ones, *of_digits = gradients
    norms = ones.square().sum(1)
    is_read = norms > 0
    divisors = norms.masked_fill(~is_read, 1.0)
    steps = torch.zeros_like(is_read, dtype=torch.int64)
    for place, of_digit in enumerate(of_digits):
        digits = ((of_digit * ones).sum(1) / divisors).round()
        residuals = (of_digit - digits.unsqueeze(1) * ones).square().sum(1)
        if (residuals > tolerance**2 * norms).any() or (digits < 0).any():
            return None
        steps += digits.long() * base**place
    return steps.masked_fill(~is_read, NOWHERE)


def _of_read(places: Tensor, steps: Tensor, axes: dict[int, tuple[int, ...]]) -> Found:
    return Found(places.masked_fill(steps == NOWHERE, NOWHERE), steps, axes)
