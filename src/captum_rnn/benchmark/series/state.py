"""Hidden states that say which feature decides each step's label."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from captum_rnn.benchmark.series.task import SeriesSample, SeriesTask, autoregressive

_SLOPE = 2.0


@dataclass(frozen=True, kw_only=True)
class StateTask(SeriesTask):
    """A two-state Markov chain; the label of a step is drawn from the feature of its state.

    P(y_t = 1) = σ(2 x_{t,s_t}), with features 1 and 2 for the states 0 and 1 and feature 0 for
    neither. The deciding cells are (t, s_t), at all steps. After the "State" data of Tonekaboni et
    al. (2020) and Crabbé & van der Schaar (2021), "Explaining Time Series Predictions with Dynamic
    Masks".

    Attributes:
        stays: Probability that the chain stays in its state.
    """

    stays: float = 0.9

    name: ClassVar[str] = "state"
    features: ClassVar[int] = 3
    classes: ClassVar[int] = 1
    every_step: ClassVar[bool] = True

    means: ClassVar[tuple[tuple[float, ...], ...]] = ((0.1, 1.6, 0.5), (-0.1, -0.4, -1.5))
    """The mean of each feature in each state."""
    deciding: ClassVar[tuple[int, ...]] = (1, 2)
    """The feature that decides in each state."""

    def draw(self, count: int, generator: torch.Generator) -> SeriesSample:
        """Draws chains, their features, and a label at every step."""
        states = self._chain(count, generator)
        values = torch.tensor(self.means)[states] + self._noise(count, generator)
        feature = torch.tensor(self.deciding)[states]
        decisive = values.gather(2, feature.unsqueeze(2)).squeeze(2)
        probability = (_SLOPE * decisive).sigmoid()
        labels = (torch.rand(probability.shape, generator=generator) < probability).long()
        cells = torch.zeros(values.shape, dtype=torch.bool).scatter(2, feature.unsqueeze(2), True)
        ceiling = torch.maximum(probability, 1 - probability).mean().item()
        return SeriesSample(values, labels, cells, ceiling)

    def _chain(self, count: int, generator: torch.Generator) -> Tensor:
        number = len(self.means)
        states = torch.randint(number, (count, self.time), generator=generator)
        moves = torch.rand(count, self.time, generator=generator) >= self.stays
        others = torch.randint(1, number, (count, self.time), generator=generator)
        for step in range(1, self.time):
            moved = (states[:, step - 1] + others[:, step]) % number
            states[:, step] = torch.where(moves[:, step], moved, states[:, step - 1])
        return states

    def _noise(self, count: int, generator: torch.Generator) -> Tensor:
        return 0.8 * torch.randn(count, self.time, self.features, generator=generator)


@dataclass(frozen=True, kw_only=True)
class SwitchFeatureTask(StateTask):
    """A three-state chain over smooth features, each state with a deciding feature of its own.

    After the "Switch-Feature" data of Tonekaboni et al. (2020) as Liu et al. (2024) carry it, with
    autoregressive noise in place of a Gaussian process.
    """

    name: ClassVar[str] = "switch-feature"
    means: ClassVar[tuple[tuple[float, ...], ...]] = (
        (0.8, -0.5, -0.2),
        (0.0, -1.0, 0.0),
        (-0.2, -0.2, 0.8),
    )
    deciding: ClassVar[tuple[int, ...]] = (0, 1, 2)

    def _noise(self, count: int, generator: torch.Generator) -> Tensor:
        shape = (count, self.time, self.features)
        return autoregressive(shape, generator, keeps=0.7, noise=0.25)
