"""What a comparison shall do: which methods explain which texts, and in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch import Tensor

from captum_rnn.benchmark.checkpoint import fingerprint
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.methods import EXPENSIVE, Method
from captum_rnn.benchmark.methods.method import Fits

CHECKED_TEXTS = 16


@dataclass(frozen=True)
class Plan:
    """What a run shall do.

    Attributes:
        dataset: The model and the texts to explain, each with a word to read.
        methods: The methods.
        metrics: What to measure; see `captum_rnn.benchmark.measures.METRICS`.
        fits: What the methods learn from background texts about this model.
        seed: Seed of everything that is drawn.
    """

    dataset: Dataset
    methods: Sequence[Method]
    metrics: Sequence[str]
    fits: Fits
    seed: int

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all that decides what the run finds."""
        ids = [self.dataset.ids, self.dataset.probabilities, *self.fits.background]
        return fingerprint(self.dataset.model, self.methods, self.seed, ids, self.metrics)

    @cached_property
    def groups(self) -> list[tuple[Method, ...]]:
        """The methods that are measured together: those that are not expensive, then the others."""
        expensive = tuple(method for method in self.methods if method.name in EXPENSIVE)
        cheap = tuple(method for method in self.methods if method.name not in EXPENSIVE)
        return [group for group in (cheap, expensive) if group]

    @cached_property
    def blocks(self) -> list[Tensor]:
        """Rows of the texts of each block, which are of like length."""
        return self.dataset.batches()

    @cached_property
    def drawn(self) -> list[int]:
        """The texts in an order drawn by chance, whose first ones stand for all."""
        order = np.random.default_rng(self.seed).permutation(len(self.dataset.texts))
        return [int(row) for row in order]

    @cached_property
    def checked(self) -> list[int]:
        """Rows of the texts on which the sanity checks run a method again, rising."""
        return sorted(self.drawn[:CHECKED_TEXTS])
