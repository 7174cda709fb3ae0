"""A mean of attribution methods that score in the same units."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from captum_rnn.benchmark.methods.explained_model import ExplainedModel
from captum_rnn.benchmark.methods.method import Method


@dataclass(frozen=True, kw_only=True)
class MeanOfMethods(Method):
    """The mean of the scores of several methods, all in units of the margin.

    Attributes:
        parts: The methods.
    """

    parts: tuple[Method, ...]

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        return torch.stack([part(model, ids, target) for part in self.parts]).mean(0)

    def fit(self, model: ExplainedModel, texts: Sequence[Tensor]) -> Method:
        """Lets the parts learn; see `Method`."""
        return replace(self, parts=tuple(part.fit(model, texts) for part in self.parts))

    def seeded(self, seed: int) -> Method:
        """The same mean with the parts' randomness from another seed."""
        return replace(self, parts=tuple(part.seeded(seed) for part in self.parts))
