"""Spike with delay: does a spike in the first feature lie far enough back?"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from captum_rnn.benchmark.series.task import SeriesSample, SeriesTask, autoregressive


@dataclass(frozen=True, kw_only=True)
class SpikeTask(SeriesTask):
    """One spike in feature 0, `delay` steps or more before the end, makes class 1.

    Every second series has that spike; the other features have spikes that mean nothing. The
    deciding cell is the spike. After the "Spike" data of Tonekaboni et al. (2020), "What went wrong
    and when?", with autoregressive noise in place of NARMA and one label for each series.

    Attributes:
        delay: Steps that have to lie between the spike and the end.
    """

    time: int = 40
    delay: int = 2

    name: ClassVar[str] = "spike"
    features: ClassVar[int] = 3
    classes: ClassVar[int] = 2

    def draw(self, count: int, generator: torch.Generator) -> SeriesSample:
        """Draws series with at most one spike in feature 0."""
        shape = (count, self.time, self.features)
        values = autoregressive(shape, generator, keeps=0.8, noise=0.15)
        distracting = torch.rand(shape, generator=generator) < 1.5 / self.time
        distracting[..., 0] = False
        has_spike = torch.rand(count, generator=generator) < 0.6
        places = torch.randint(self.time, (count,), generator=generator)
        rows = torch.arange(count)
        spikes = distracting.clone()
        spikes[rows, places, 0] = has_spike
        heights = 2.0 + torch.rand(shape, generator=generator)
        decides = has_spike & (places < self.time - self.delay)
        cells = torch.zeros(shape, dtype=torch.bool)
        cells[rows, places, 0] = decides
        return SeriesSample(values + spikes * heights, decides.long(), cells)
