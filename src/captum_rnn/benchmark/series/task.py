"""What a task on series is: multivariate series whose deciding cells are known by construction."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor


@dataclass(frozen=True)
class SeriesSample:
    """Series with what is right about them.

    Attributes:
        values: The series (series, time, features).
        labels: The right class (series,), or 0 or 1 at every step (series, time).
        cells: True for the cells (series, time, features) that decide the label; all False where
            a series is decided by the absence of something.
        ceiling: The accuracy of whoever knows the rule: 1 where labels are certain.
    """

    values: Tensor
    labels: Tensor
    cells: Tensor
    ceiling: float = 1.0


@dataclass(frozen=True, kw_only=True)
class SeriesTask(ABC):
    """A rule that decides a series' class, and series drawn for it.

    Attributes:
        time: Number of steps of each series.
    """

    time: int = 50

    name: ClassVar[str]
    """Name on the command line, in results and in the cache."""
    features: ClassVar[int]
    """Number of features of each step."""
    classes: ClassVar[int]
    """Number of outputs of a network for it."""
    every_step: ClassVar[bool] = False
    """Whether each step has a label of its own."""

    @abstractmethod
    def draw(self, count: int, generator: torch.Generator) -> SeriesSample:
        """Draws series.

        Args:
            count: Number of series.
            generator: Decides them.
        """

    def sample(self, count: int, *, seed: int) -> SeriesSample:
        """Draws series to be explained: those that some cells decide.

        Args:
            count: Number of series.
            seed: Another seed gives other series.
        """
        generator = torch.Generator().manual_seed(seed)
        drawn = self.draw(8 * count, generator)
        decided = drawn.cells.flatten(1).any(1).nonzero()[:count, 0]
        if len(decided) < count:
            raise ValueError(f"{self.name} drew {len(decided)} of {count} series with known cells")
        return SeriesSample(
            drawn.values[decided], drawn.labels[decided], drawn.cells[decided], drawn.ceiling
        )


def autoregressive(
    shape: tuple[int, int, int], generator: torch.Generator, *, keeps: float, noise: float
) -> Tensor:
    """Noise whose every value keeps a share of the one before it (series, time, features).

    Example:
        >>> autoregressive((2, 50, 3), torch.Generator(), keeps=0.9, noise=1.0).shape
        torch.Size([2, 50, 3])
    """
    values = noise * torch.randn(shape, generator=generator)
    for step in range(1, shape[1]):
        values[:, step] += keeps * values[:, step - 1]
    return values
