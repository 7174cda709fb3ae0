"""What Shapley values are drawn of: rows with players, and what the model says of some of them."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

from captum_rnn._captum import run_forward
from captum_rnn.attr.adjoint_delta import AdjointDeltaAttribution
from captum_rnn.attr.inputs import explained
from captum_rnn.attr.marginals import Changes, Marginals
from captum_rnn.attr.removing import Texts
from captum_rnn.attr.rows import target_of_rows
from captum_rnn.states.modes import tensors_kept
from captum_rnn.states.weights import running_rounding


class Game(Protocol):
    """Players of each row, of which sets are kept."""

    @property
    def players(self) -> Tensor:
        """The players of each row (batch, places), as a mask."""

    @property
    def whole(self) -> Tensor:
        """What the model says of all of them (batch,)."""

    @property
    def empty(self) -> Tensor:
        """What it says of none of them (batch,)."""

    @property
    def knows_changes(self) -> bool:
        """Whether `changes` tells the players of a row apart."""

    def values(self, rows: Tensor, kept: Tensor, done: Callable[[int], Any]) -> Tensor:
        """What the model says of sets (sets,), none of them empty.

        Args:
            rows: The row of each (sets,).
            kept: The players of each (sets, places), as a mask.
            done: Is told how many have been run.
        """

    def changes(self, rows: Tensor, kept: Tensor) -> Iterator[tuple[Tensor, Changes]]:
        """What single players change of sets, to first order: of which sets, and their changes."""


@dataclass(frozen=True)
class Removal:
    """Tokens that are kept or removed from texts.

    Attributes:
        texts: The texts.
        forward_func: The model.
        scans: Scores all tokens of a sub-text at once.
    """

    texts: Texts
    forward_func: Callable[..., Any]
    scans: AdjointDeltaAttribution
    knows_changes = True

    @property
    def players(self) -> Tensor:
        """The tokens of each text."""
        return self.texts.tokens

    @property
    def whole(self) -> Tensor:
        """What the model says of the texts."""
        return self.texts.whole

    @property
    def empty(self) -> Tensor:
        """What it says of no token."""
        return self.texts.empty

    def values(self, rows: Tensor, kept: Tensor, done: Callable[[int], Any]) -> Tensor:
        """Of sub-texts."""
        return self.texts.parts.values(self.forward_func, rows, kept, done)

    def changes(self, rows: Tensor, kept: Tensor) -> Iterator[tuple[Tensor, Changes]]:
        """Of the sub-texts that hold any token."""
        for part in self.texts.parts.batches(rows, kept):
            yield part.which, self._marginals.of(part, rows[part.which], kept[part.which])

    @cached_property
    def _marginals(self) -> Marginals:
        return Marginals(self.scans, self.texts)


@dataclass(frozen=True)
class Replacement:
    """Steps, or all numbers of a series, that are kept or replaced by a baseline.

    Attributes:
        forward_func: The model.
        scans: Scores all numbers of a series at once, against another series.
        inputs: The series, rows first (batch, time, …).
        baseline: What stands there instead, of the same shape.
        real: What may be replaced (batch, time), as a mask: no padding.
        target: The target, as Captum takes it.
        arguments: The further arguments of the model.
        by_steps: Whether all numbers of a step are replaced together.
        batch_first: Whether the model takes the rows first.
        rows_at_once: How many series are run together.
    """

    forward_func: Callable[..., Any]
    scans: AdjointDeltaAttribution
    inputs: Tensor
    baseline: Tensor
    real: Tensor
    target: Any
    arguments: tuple[Any, ...]
    by_steps: bool
    batch_first: bool
    rows_at_once: int

    @cached_property
    def players(self) -> Tensor:
        """Steps, or numbers, that differ from the baseline: what does not is worth nothing."""
        differs = self.inputs != self.baseline
        if self.by_steps:
            return (differs if differs.dim() == 2 else differs.flatten(2).any(2)) & self.real
        return (differs & self._spread(self.real)).flatten(1)

    @cached_property
    def whole(self) -> Tensor:
        """What the model says of the series; of each alone what it says of it among the others.

        Raises:
            ValueError: It is not, as where an argument is no row's own.
        """
        rows = torch.arange(len(self.inputs), device=self.inputs.device)
        everything = torch.ones_like(self.players)
        values = self._as_answered(rows, everything)
        rounding = running_rounding(values)
        rtol, atol = max(1e-3, 4 * rounding), max(1e-4, rounding)
        turned = rows.flip(0)
        beside = torch.cat([everything, torch.zeros_like(everything)])  # the baselines
        for again, kept in ((turned, everything), (turned.repeat(2), beside)):
            found = self._as_answered(again, kept)[: len(rows)]
            if not torch.allclose(found, values[turned], rtol, atol, equal_nan=True):
                raise ValueError(
                    "the model answers otherwise to the same rows in another order, or beside "
                    "others, so that parts of them cannot be replaced: it draws at random, mixes "
                    "rows, or an argument is no row's own; call model.eval(), or let forward_func "
                    "bring that argument along"
                )
        return values.to(torch.promote_types(values.dtype, torch.float32))

    @cached_property
    def empty(self) -> Tensor:
        """What it says of the baselines."""
        rows = torch.arange(len(self.inputs), device=self.inputs.device)
        return self.values(rows, torch.zeros_like(self.players), id)

    @cached_property
    def knows_changes(self) -> bool:
        """Whether scans go through the model and tell the numbers of steps apart, of all rows."""
        rows = torch.arange(len(self.inputs), device=self.inputs.device)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", ".* shared equally by", UserWarning)
                for _ in self.changes(rows, self.players):
                    pass
        except (TypeError, ValueError, UserWarning):
            return False
        return True

    def values(self, rows: Tensor, kept: Tensor, done: Callable[[int], Any]) -> Tensor:
        """Of series in which all but the kept ones are replaced."""
        found = self._as_answered(rows, kept, done)
        return found.to(torch.promote_types(found.dtype, torch.float32))

    def _as_answered(self, rows: Tensor, kept: Tensor, done: Callable[[int], Any] = id) -> Tensor:
        found = []
        with torch.no_grad():
            for which in self._parts(rows):
                own = rows[which]
                inputs = self._with(own, self.players[own] & ~kept[which])
                found.append(explained(self._answer(inputs, own), len(own)))
                done(len(own))
        return torch.cat(found)

    def changes(self, rows: Tensor, kept: Tensor) -> Iterator[tuple[Tensor, Changes]]:
        """Of a scan from each series to the one in which everything else is replaced."""
        for which in self._parts(rows):
            own, held = rows[which], kept[which]
            players = self.players[own]
            scores = self.scans.attribute(
                self._with(own, players & ~held),
                self._with(own, players & held),
                self._target(own),
                self._arguments(own),
                per_step=self.by_steps,
            )
            in_rows = scores if self.batch_first else scores.transpose(0, 1)
            signed = torch.where(held, 1, -1) * in_rows.flatten(1)
            yield which, Changes(signed, players & ~held)

    def _answer(self, inputs: Tensor, rows: Tensor) -> Any:
        try:
            with tensors_kept(self.forward_func):
                return run_forward(
                    self.forward_func, inputs, self._target(rows), self._arguments(rows)
                )
        except torch.cuda.OutOfMemoryError:
            raise
        except Exception as error:
            raise ValueError(
                f"the model fails on {len(rows)} rows of which parts are replaced "
                f"({type(error).__name__}: {error}); arguments go with their rows if their first "
                "axis is that of the rows: let forward_func bring others along, or pass "
                "internal_batch_size=1 for a model that takes one row"
            ) from error

    def in_layout(self, scores: Tensor) -> Tensor:
        """Scores of the players (batch, places) in the layout of the model's inputs."""
        shape = self.inputs.shape[:2] if self.by_steps else self.inputs.shape
        placed = scores.view(shape)
        return placed if self.batch_first else placed.transpose(0, 1).contiguous()

    def _with(self, rows: Tensor, replaced: Tensor) -> Tensor:
        """The series with some of the players replaced, in the layout of the model's inputs."""
        mask = (
            self._spread(replaced) if self.by_steps else replaced.view(-1, *self.inputs.shape[1:])
        )
        found = torch.where(mask, self.baseline[rows], self.inputs[rows])
        return found if self.batch_first else found.transpose(0, 1)

    def _parts(self, rows: Tensor) -> tuple[Tensor, ...]:
        return torch.split(torch.arange(len(rows), device=rows.device), self.rows_at_once)

    def _spread(self, steps: Tensor) -> Tensor:
        return steps.view(*steps.shape, *[1] * (self.inputs.dim() - 2))

    def _target(self, rows: Tensor) -> Any:
        return target_of_rows(self.target, rows, len(self.inputs))

    def _arguments(self, rows: Tensor) -> tuple[Any, ...]:
        return tuple(self._of_rows(argument, rows) for argument in self.arguments)

    def _of_rows(self, argument: Any, rows: Tensor) -> Any:
        if not isinstance(argument, Tensor) or argument.dim() == 0:
            return argument
        count, time = self.inputs.shape[:2]
        if not self.batch_first and argument.shape[:2] == (time, count):
            return argument[:, rows.to(argument.device)]
        return argument[rows.to(argument.device)] if len(argument) == count else argument
