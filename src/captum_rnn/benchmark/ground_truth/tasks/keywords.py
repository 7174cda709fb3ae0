"""Tasks of positive and negative keywords: additive, reset, negation."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from captum_rnn.benchmark.ground_truth.tasks.task import Task

_WEIGHTS = (-3, -2, -1, 1, 2, 3)
_WORDS_PER_WEIGHT = 3


@dataclass(frozen=True, kw_only=True)
class AdditiveTask(Task):
    """Keywords weigh −3 … 3; the class is the sign of their sum.

    The true contribution of a keyword is its weight, negated where the negative class is explained.

    Attributes:
        operator_share: Share of the keywords that are operators, in tasks that have one.

    Example:
        >>> task = AdditiveTask()
        >>> ids = torch.tensor([[task.id_of("w1"), task.id_of("+2a"), task.id_of("-3b")]])
        >>> task.evidence(ids).tolist()
        [[1.0, -1.0]]
        >>> task.contributions(ids, torch.tensor([1])).tolist()
        [[0.0, 2.0, -3.0]]
    """

    operator_share: float = 0.0

    name: ClassVar[str] = "additive"
    classes: ClassVar[tuple[str, ...]] = ("negative", "positive")

    @property
    def keywords(self) -> tuple[str, ...]:
        """The weighted words: three of each weight, then the operators."""
        weighted = (
            f"{weight:+d}{chr(ord('a') + number)}"
            for weight in _WEIGHTS
            for number in range(_WORDS_PER_WEIGHT)
        )
        return (*weighted, *self.operators)

    def evidence(self, ids: Tensor) -> Tensor:
        """The sum of what each token counts, for the positive class; its negative for the other."""
        total = self.counted(ids).sum(dim=1)
        return torch.stack([-total, total], dim=1)

    def counted(self, ids: Tensor) -> Tensor:
        """What each token adds to the sum (sequences, time)."""
        return self.weights(ids)

    def weights(self, ids: Tensor) -> Tensor:
        """The weight of each token's word (sequences, time); 0 for all but keywords."""
        of_words = torch.zeros(len(self.words) + 1)
        weighted = torch.tensor(_WEIGHTS).repeat_interleave(_WORDS_PER_WEIGHT).float()
        of_words[self.fillers + 1 : self.fillers + 1 + len(weighted)] = weighted
        return of_words[ids]

    def draw_keywords(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Weighted words, each as probable as the other, and the operator by its share."""
        is_operator = torch.rand(shape, generator=generator) < self.operator_share
        return torch.where(is_operator, len(self.words), self.draw_weighted(shape, generator))

    def draw_weighted(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Weighted words, each as probable as the other."""
        number = len(_WEIGHTS) * _WORDS_PER_WEIGHT
        return self.fillers + torch.randint(1, number + 1, shape, generator=generator)


@dataclass(frozen=True, kw_only=True)
class ResetTask(AdditiveTask):
    """As the additive task, but only what stands after the last reset token counts.

    The reset token itself contributes what it takes away: the sum between it and the reset before.
    """

    operator_share: float = 0.2

    name: ClassVar[str] = "reset"

    @property
    def operators(self) -> tuple[str, ...]:
        """The reset token."""
        return ("reset",)

    def counted(self, ids: Tensor) -> Tensor:
        """The weights after the last reset token."""
        resets_to_come = (ids == self.id_of("reset")).flip(1).cumsum(1).flip(1)
        return self.weights(ids).masked_fill(resets_to_come > 0, 0.0)


@dataclass(frozen=True, kw_only=True)
class NegationTask(AdditiveTask):
    """As the additive task, but a negator flips the sign of the keyword behind it.

    The keyword contributes its flipped weight, the negator twice that, as without it the keyword
    would count the other way round. A keyword stands behind every negator, unless the sequence
    ends.
    """

    operator_share: float = 0.3

    name: ClassVar[str] = "negation"

    @property
    def operators(self) -> tuple[str, ...]:
        """The negator."""
        return ("not",)

    def counted(self, ids: Tensor) -> Tensor:
        """The weights, flipped behind a negator."""
        weights = self.weights(ids)
        return torch.where(_behind(ids == self.id_of("not")), -weights, weights)

    def draw_words(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Fillers and keywords, a weighted word behind every negator."""
        ids = super().draw_words(shape, generator)
        negators = ids == self.id_of("not")
        first_of_run = negators & ~_behind(negators)
        is_weighted = (negators & ~first_of_run) | _behind(first_of_run)
        return torch.where(is_weighted, self.draw_weighted(shape, generator), ids)


def _behind(marked: Tensor) -> Tensor:
    """Whether the token before each one is marked (sequences, time)."""
    return torch.nn.functional.pad(marked[:, :-1], (1, 0))
