"""Scores where layers read each other, or tokens by way of something that mixes them.

The layers are walked last to first. What a layer's inputs are worth to the output goes on through
whatever stands before it, by autograd: to the layers that it read, and to the vectors of the tokens
themselves, whose share is derivative times vector. So does what reaches the output beside them all.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from captum_rnn.attr.method import StepMethod
from captum_rnn.attr.records import Record, Run
from captum_rnn.states.graph import Weighted, added, is_read
from captum_rnn.states.recording import ReadGradient


def token_scores(method: StepMethod, run: Run) -> list[Tensor]:
    """Scores of the tokens of each input, over their axes.

    Args:
        method: Scores the steps of a record; if it passes on what a layer read, it says what that
            is worth.
        run: The run.

    Raises:
        ValueError: Steps without tokens of their own, and a method that does not pass on.
    """
    if run.needs_walk and method._passes_on:
        return _Through(method, run).scores()
    check_no_walk(run, type(method).__name__)
    return run.with_beside(
        run.placed([method._score(record.layer, record) for record in run.records])
    )


def step_scores(method: StepMethod, run: Run) -> list[Tensor]:
    """Scores of the steps of each record (rows, time), or of their features too."""
    if run.needs_walk and method._passes_on:
        return _Through(method, run, of_all=True).steps()[0]
    check_begun(run, type(method).__name__)
    return [method._score(record.layer, record) for record in run.records]


@dataclass
class _Through:
    """One walk through a run's layers.

    Attributes:
        method: Scores the steps of a record, and says what its inputs are worth.
        run: The run.
        of_all: Whether the steps of every layer are scored, also those without tokens.
    """

    method: StepMethod
    run: Run
    of_all: bool = False

    def scores(self) -> list[Tensor]:
        """Scores of the tokens of each input, over their axes."""
        steps, beside = self.steps()
        return self.run.with_beside(self.run.placed(steps), beside)

    def steps(self) -> tuple[list[Tensor], list[Weighted]]:
        """Scores of the steps of each record, and what is handed on to the tokens beside them."""
        run = self.run
        assert run.graph is not None
        handed: dict[int, Weighted] = {}
        beside: list[Weighted] = []
        scores: dict[int, Tensor] = {}
        for index in self._last_first():
            record = self._with_later(index, handed)
            if self._hands_on(index):
                given = self._by_derivatives(index, record)
                inputs, initial = self.method._handed_on(record.layer, given)
                if index in run.mixed:
                    inputs = record.path.without_padding(inputs)
                handed[index] = run.graph.handed_on(run.joined[index], inputs, initial)
                if not self._is_scored(index):
                    beside.append(handed[index])
                elif index in run.begun:
                    beside.append(run.graph.handed_on(run.joined[index], None, initial))
            if self._is_scored(index):
                scores[index] = self.method._score(record.layer, record)
        some = next(iter(scores.values()), run.graph.values)
        some = some.to(torch.promote_types(some.dtype, torch.float32))
        steps = [
            scores.get(index, some.new_zeros(()).expand(*grid, *some.shape[2:]))
            for index, grid in enumerate(run.grids)
        ]
        return steps, beside

    def _last_first(self) -> Iterator[int]:
        """The trajectories, each after all that read it; ValueError if they read each other."""
        left = set(range(len(self.run.records)))
        while left:
            read = {below for index in left for below in self.run.depends[index]}
            free = sorted(left - read, reverse=True)
            if not free:
                layer = self.run.records[min(left)].layer
                raise ValueError(
                    f"what {type(layer).__name__} reads is made of its own earlier answers, so "
                    "that its runs are no single one; feed it what does not depend on them, e.g. "
                    "the true tokens"
                )
            yield from free
            left -= set(free)

    def _hands_on(self, index: int) -> bool:
        return bool(self.run.depends[index]) or index in self.run.mixed | self.run.begun

    def _by_derivatives(self, index: int, record: Record) -> Record:
        """The record without its baseline where its inputs go on to states of other layers.

        What those are worth is a derivative; only tokens are worth their difference.
        """
        return replace(record, baseline=None) if self.run.reads[index] else record

    def _is_scored(self, index: int) -> bool:
        """Whether the steps of a trajectory have scores of their own."""
        if self.of_all:
            return True
        if index in self.run.mixed:
            return False
        if not self.run.reads[index]:
            return True
        return index in self.run.composed and not self.method._scores_inputs

    def _with_later(self, index: int, handed: dict[int, Weighted]) -> Record:
        """A record with what the later layers read of it."""
        record = self.run.records[index]
        assert record.gradient is not None
        readers = [later for later in handed if index in self.run.depends[later]]
        later = self._read(index, [handed[reader] for reader in readers])
        if later is None:
            return record
        followed = [r for r in readers if r in self.run.composed and self._is_scored(r)]
        scored = [handed[reader] for reader in followed]
        return replace(
            record,
            gradient=added(record.gradient, later),
            later=self._read(index, scored),
        )

    def _read(self, index: int, weighted: list[Weighted]) -> ReadGradient | None:
        assert self.run.graph is not None
        if not weighted:
            return None
        tensors = [tensor for of_one in weighted for tensor in of_one.tensors]
        weights = [weight for of_one in weighted for weight in of_one.weights]
        gradients, _ = self.run.graph.gradients(Weighted(tensors, weights))
        found = self.run.joined[index].read(gradients)
        return found if is_read(found) else None


def check_no_walk(run: Run, name: str) -> None:
    """Raises ValueError where steps would have to be scored that have no token of their own."""
    check_begun(run, name)
    if run.graph is None and len(run.modules) > 1:
        _check_each_reads(run, name)
    for index, record in enumerate(run.records):
        if index in run.begun:
            raise ValueError(
                f"the initial state of {type(record.layer).__name__} is made of the tokens, which "
                f"{name} does not go through; use AdjointDeltaAttribution or "
                "RecurrentLRPAttribution, or bring that state along in additional_forward_args"
            )
        by_itself = not run.depends[index] or index in run.composed
        if index in run.mixed or not by_itself:
            raise ValueError(
                f"the steps of {type(record.layer).__name__} read several tokens, or steps of "
                f"another layer, each, which {name} does not go through; use "
                "AdjointDeltaAttribution or RecurrentLRPAttribution, or pass "
                "attribute_to_layer_input=True for scores of the steps themselves"
            )


def check_begun(run: Run, name: str) -> None:
    """Raises ValueError if runs that nothing is walked through are no single one, nor apart."""
    if run.graph is None and run.restarted:
        layer = type(run.records[min(run.restarted)].layer).__name__
        raise ValueError(
            f"a run of {layer} begins with a state that the model makes of an earlier run's, e.g. "
            f"by decay, a residual or a layer between them, which {name} does not go through; use "
            "AdjointDeltaAttribution or RecurrentLRPAttribution"
        )


def _check_each_reads(run: Run, name: str) -> None:
    """Raises ValueError if one of several layers read no token."""
    of_records = torch.split(run.placement.is_read, list(run.placement.counts))
    for record, read in zip(run.records, of_records, strict=True):
        if not read.any():
            raise ValueError(
                f"the steps of {type(record.layer).__name__} read none of the tokens themselves, "
                f"as those of a layer above another one, which {name} does not go through here; "
                "pass one layer alone, or use AdjointDeltaAttribution or RecurrentLRPAttribution"
            )
