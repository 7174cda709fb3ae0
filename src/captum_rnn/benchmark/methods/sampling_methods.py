"""Captum's methods that try random sets of words, every one with the same number of passes."""

import dataclasses
import math
from abc import abstractmethod
from dataclasses import dataclass

import torch
from captum.attr import KernelShap, Lime, ShapleyValueSampling
from torch import Tensor

from captum_rnn._captum import SkLearnRidge
from captum_rnn.benchmark.methods.explained_model import ExplainedModel
from captum_rnn.benchmark.methods.method import Method
from captum_rnn.benchmark.methods.perturbation_methods import PerturbationMethod, copies_at_once
from captum_rnn.benchmark.methods.randomness import global_seed
from captum_rnn.extras import import_extra

_KERNEL_WIDTH = 0.25


@dataclass(frozen=True, kw_only=True)
class SamplingMethod(PerturbationMethod):
    """A method of Captum that replaces random sets of words by the neutral word.

    Attributes:
        passes_per_word: How often the classifier runs on a changed text, for each word of it.
        seed: Where the sets are drawn from; those of a text depend on it and on the text's length.
    """

    passes_per_word: int = 25
    seed: int = 0

    def seeded(self, seed: int) -> Method:
        """The same method with other draws."""
        return dataclasses.replace(self, seed=seed)

    def total(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor | None:
        """The change of the margin against neutral words; see `Method`."""
        with torch.no_grad():
            return model.margin(ids, target) - model.margin(model.neutral_text(ids), target)


class ShapleySampling(SamplingMethod):
    """Captum's `ShapleyValueSampling`: mean effects over random orders of the words.

    Source: Castro et al. (2009), "Polynomial calculation of the Shapley value based on sampling".
    """

    def score(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores (batch, time); see `PerturbationMethod`."""
        with global_seed(self.seed):
            scores: Tensor = ShapleyValueSampling(model.margin).attribute(
                ids,
                baselines=model.neutral_id,
                additional_forward_args=(target,),
                n_samples=self.passes_per_word,
                perturbations_per_eval=copies_at_once(ids),
            )
        return scores


class LinearModelMethod(SamplingMethod):
    """A method of Captum that fits a linear model to the margins of changed texts, text by text."""

    def score(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores (batch, time); see `PerturbationMethod`."""
        texts = zip(torch.split(ids, 1), torch.split(target, 1), strict=True)
        return torch.cat([self._score_text(model, *text) for text in texts])

    def _score_text(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        import_extra("sklearn", "benchmark", self.label)
        with global_seed(self.seed):
            scores: Tensor = self.surrogate(model).attribute(
                ids,
                baselines=model.neutral_id,
                additional_forward_args=(target,),
                n_samples=self.passes_per_word * ids.shape[1],
                perturbations_per_eval=copies_at_once(ids),
            )
        return scores

    @abstractmethod
    def surrogate(self, model: ExplainedModel) -> Lime:
        """Captum's method for the margin of ids."""


class KernelShapley(LinearModelMethod):
    """Captum's `KernelShap`: Shapley values by weighted regression.

    Source: Lundberg and Lee (2017), "A Unified Approach to Interpreting Model Predictions".
    """

    def score(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores (batch, time); see `PerturbationMethod`."""
        if ids.shape[1] > 1:
            return super().score(model, ids, target)
        # Captum draws proper subsets of the words, of which a single word has none.
        return (model.margin(ids, target) - model.margin(model.neutral_text(ids), target))[:, None]

    def surrogate(self, model: ExplainedModel) -> Lime:
        """Captum's `KernelShap` of the margin."""
        return KernelShap(model.margin)


class LimeForTexts(LinearModelMethod):
    """Captum's `Lime` with the kernel and the linear model that its authors use for texts.

    Captum's own defaults weigh a changed text by the cosine between the numbers of its words, which
    measure nothing, and fit a Lasso, which leaves many words at exactly 0. Here a changed text
    weighs as much as `similarity_of_texts` says, and the linear model is a ridge regression with a
    penalty of 1.

    Source: Ribeiro et al. (2016), "Why Should I Trust You?", and the authors' `LimeTextExplainer`.
    """

    def surrogate(self, model: ExplainedModel) -> Lime:
        """Captum's `Lime` of the margin, as for texts."""
        return Lime(
            model.margin,
            interpretable_model=SkLearnRidge(alpha=1.0),
            similarity_func=similarity_of_texts,
        )

    def total(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor | None:
        """None: the linear model leaves a rest."""
        return None


def similarity_of_texts(original: Tensor, changed: Tensor, kept: Tensor, **_: object) -> float:
    r"""How much a changed text counts for LIME, by the share s of words that it kept.

    .. math:: \exp\left(-\frac{(1 - \sqrt{s})^2}{2 \cdot 0.25^2}\right)

    1 − √s is the cosine distance between the marks of the kept words and those of the whole text.

    Args:
        original: Ids of the whole text; not used.
        changed: Ids of the changed text; not used.
        kept: 1 for each word that was kept, 0 for the others (1, words).

    Returns:
        The weight, in (0, 1].

    Example:
        >>> similarity_of_texts(torch.empty(0), torch.empty(0), torch.tensor([[1, 1, 1]]))
        1.0
    """
    distance = 1 - math.sqrt(kept.float().mean().item())
    return math.exp(-(distance**2) / (2 * _KERNEL_WIDTH**2))
