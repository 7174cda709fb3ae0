"""No explanation, but the most that one could reach: the order that a measure likes best."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from captum_rnn.benchmark.methods.explained_model import ExplainedModel
from captum_rnn.benchmark.methods.perturbation_methods import PerturbationMethod
from captum_rnn.evaluation.faithfulness.ceiling import best_order
from captum_rnn.evaluation.faithfulness.erasure import FRACTIONS, fraction_counts
from captum_rnn.evaluation.perturbation import keep_tokens

MOST_TOKENS = 30
"""The longest text that is searched: the number of passes grows with the square of the length."""


@dataclass(frozen=True, kw_only=True)
class Ceiling(PerturbationMethod):
    """A beam search on a measure of erasure itself; scores fall from token to token of its order.

    Tokens behind the last that the measure counts score 0.

    Attributes:
        measure: What is searched.
        width: See `best_order`.
    """

    passes: str = "some hundred n"
    signed: bool = False
    measure: Literal["comprehensiveness", "sufficiency"]
    width: int = 20

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`.

        Raises:
            ValueError: A text has more than 30 tokens.
        """
        longest = int((ids != model.pad_id).sum(dim=1).max())
        if longest > MOST_TOKENS:
            raise ValueError(
                f"a text has {longest} tokens, but {self.label} searches texts of at most "
                f"{MOST_TOKENS}"
            )
        return super().__call__(model, ids, target)

    def score(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores (batch, time) of texts of at most 30 tokens; see `PerturbationMethod`."""
        tokens = ids.shape[1]
        counts = fraction_counts(torch.tensor([tokens]), FRACTIONS).flatten().tolist()
        scores = torch.zeros(ids.shape)
        for row in range(len(ids)):
            order = best_order(
                self._value(model, ids[row], int(target[row])), tokens, counts, width=self.width
            )
            scores[row, order] = torch.arange(len(order), 0, -1).float()
        return scores.to(ids.device)

    def _value(self, model: ExplainedModel, ids: Tensor, explained: int) -> "_Erased":
        return _Erased(model, ids, explained, self.measure == "sufficiency")


@dataclass(frozen=True)
class _Erased:
    """What the sets of tokens (sets, tokens) of one text are worth."""

    model: ExplainedModel
    ids: Tensor
    explained: int
    are_kept: bool

    def __call__(self, sets: Tensor) -> Tensor:
        kept = (sets if self.are_kept else ~sets).to(self.ids.device)
        texts = keep_tokens(self.ids.expand(len(sets), -1), kept, pad_id=self.model.pad_id)
        probability = self.model.probabilities(texts)[:, self.explained].double()
        return probability if self.are_kept else -probability
