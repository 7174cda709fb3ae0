"""A task of five classes whose second one is explained, which no class-blind score can."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from captum_rnn.benchmark.ground_truth.tasks.task import Task
from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.plausibility.marks import AVERAGE_PRECISION

_WORDS_PER_CLASS = 4


@dataclass(frozen=True, kw_only=True)
class SecondClassTask(Task):
    """Each of five classes has keywords; the class with the most of them is right.

    The class to explain is the one with the second most, which a classifier does not predict. Its
    keywords contribute 1 each, all other tokens 0.

    Example:
        >>> task = SecondClassTask()
        >>> ids = torch.tensor([[task.id_of(word) for word in ("a1", "b1", "w3", "a4", "a1")]])
        >>> task.evidence(ids).tolist()
        [[3.0, 1.0, 0.0, 0.0, 0.0]]
        >>> task.contributions(ids, task.explained(task.evidence(ids))).tolist()
        [[0.0, 1.0, 0.0, 0.0, 0.0]]
    """

    density: float = 0.4

    name: ClassVar[str] = "second-class"
    classes: ClassVar[tuple[str, ...]] = ("a", "b", "c", "d", "e")
    measure: ClassVar[Measure] = AVERAGE_PRECISION

    @property
    def keywords(self) -> tuple[str, ...]:
        """Four words of each class."""
        return tuple(
            f"{name}{number}" for name in self.classes for number in range(1, _WORDS_PER_CLASS + 1)
        )

    def evidence(self, ids: Tensor) -> Tensor:
        """The number of keywords of each class."""
        first = self.fillers + 1
        of_class = (ids - first).div(_WORDS_PER_CLASS, rounding_mode="floor")
        return torch.stack([(of_class == c).sum(1) for c in range(len(self.classes))], 1).float()

    def draw_keywords(self, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Keywords, each as probable as the other."""
        return self.fillers + torch.randint(1, len(self.keywords) + 1, shape, generator=generator)

    def explained(self, evidence: Tensor) -> Tensor:
        """The class with the second most keywords."""
        return evidence.topk(2, dim=1).indices[:, 1]

    def is_clear(self, evidence: Tensor) -> Tensor:
        """Whether the first class is ahead of the second, and that one of the third."""
        first, second, third = evidence.topk(3, dim=1).values.unbind(1)
        return (first - second >= self.clearance) & (second - third >= self.clearance)
