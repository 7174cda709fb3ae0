"""Combinations of trends: which of two rising and falling pieces does a series hold?"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from captum_rnn.benchmark.series.task import SeriesSample, SeriesTask, autoregressive

_RISING, _FALLING = 1.0, -1.0
_PIECES = ((0.0, 0.0), (_RISING, _RISING), (_FALLING, _FALLING), (_RISING, _FALLING))


@dataclass(frozen=True, kw_only=True)
class CombinationTask(SeriesTask):
    """Two ramps on random features at random times; their directions decide the class.

    Class 0 has none, class 1 two rising ones, class 2 two falling ones, class 3 a rising one before
    a falling one. The deciding cells are those of the ramps. After SeqComb-MV of Queen et al.
    (2023), "Encoding Time-Series Explanations through Self-Supervised Model Behavior Consistency".
    The ramps are the largest values of a series: |x − baseline| finds them without any network.

    Attributes:
        shortest: Least number of steps of a ramp.
        longest: Greatest number of steps of a ramp.
    """

    time: int = 60
    shortest: int = 8
    longest: int = 14

    name: ClassVar[str] = "seqcomb"
    features: ClassVar[int] = 4
    classes: ClassVar[int] = 4

    def draw(self, count: int, generator: torch.Generator) -> SeriesSample:
        """Draws series with one ramp in each half, or none."""
        shape = (count, self.time, self.features)
        values = autoregressive(shape, generator, keeps=0.6, noise=0.25)
        labels = torch.randint(self.classes, (count,), generator=generator)
        cells = torch.zeros(shape, dtype=torch.bool)
        half, rows = self.time // 2, torch.arange(count)
        steps = torch.arange(self.time)
        for piece in range(2):
            direction = torch.tensor(_PIECES)[labels, piece].unsqueeze(1)
            lengths = torch.randint(
                self.shortest, self.longest + 1, (count, 1), generator=generator
            )
            room = half - lengths + 1
            start = piece * half + (torch.rand(count, 1, generator=generator) * room).long()
            feature = torch.randint(self.features, (count,), generator=generator)
            share = (steps - start + 1) / lengths
            inside = (share > 0) & (share <= 1) & (direction != 0)
            values[rows, :, feature] += torch.where(inside, 2.0 * direction * share, 0.0)
            cells[rows, :, feature] |= inside
        return SeriesSample(values, labels, cells)
