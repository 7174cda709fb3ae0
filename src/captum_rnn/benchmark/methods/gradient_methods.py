"""Captum's gradient methods on the classifier's embedded tokens."""

import dataclasses
import warnings
from abc import abstractmethod
from dataclasses import dataclass

import torch
from captum.attr import (
    DeepLift,
    GradientShap,
    InputXGradient,
    IntegratedGradients,
    LayerGradientXActivation,
    LayerIntegratedGradients,
    Saliency,
)
from torch import Tensor, nn

from captum_rnn.benchmark.methods.explained_model import ExplainedModel, margin_of
from captum_rnn.benchmark.methods.method import Method
from captum_rnn.benchmark.methods.randomness import global_seed
from captum_rnn.states.modes import WITHOUT_CUDNN

Arguments = tuple[Tensor, Tensor]


class MarginOfEmbedded(nn.Module):
    """The margin of a class as a function of the embedded tokens, for Captum.

    A module, as `DeepLift` asks for one.
    """

    def __init__(self, model: ExplainedModel):
        super().__init__()
        self.model = model.model
        self._explained = model

    def forward(self, embedded: Tensor, ids: Tensor, target: Tensor) -> Tensor:
        """Margins (batch,) of embedded tokens (batch, time, features)."""
        return margin_of(self._explained.logits_of_embedded(embedded, ids), target)


@dataclass(frozen=True, kw_only=True)
class GradientMethod(Method):
    """A method that asks Captum for gradients of the margin with respect to the embedded tokens."""

    passes: str = "1 + 1 backward"

    @property
    def mirrors(self) -> bool:
        """Gradients do, norms of them do not; see `Method`."""
        return self.signed

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        embedded = model.embedding(ids).detach().requires_grad_()
        # cuDNN refuses the backward pass of a recurrent layer in evaluation mode.
        with WITHOUT_CUDNN:
            scores = self.score(MarginOfEmbedded(model), embedded, (ids, target))
        return scores.detach().masked_fill(ids == model.pad_id, 0.0)

    @abstractmethod
    def score(self, forward: MarginOfEmbedded, embedded: Tensor, arguments: Arguments) -> Tensor:
        """Scores (batch, time) of embedded tokens (batch, time, features).

        Args:
            forward: Gives the margin (batch,) of embedded tokens and `arguments`.
            embedded: The embedded tokens, a leaf that requires a gradient.
            arguments: Ids and target, for Captum's `additional_forward_args`.
        """


@dataclass(frozen=True, kw_only=True)
class SaliencyNorm(GradientMethod):
    """Captum's `Saliency`; of a token, the L2 norm of the gradient over the features.

    Source: Simonyan et al. (2013), "Deep Inside Convolutional Networks"; the norm over the
    embedding as in Li et al. (2016), "Visualizing and Understanding Neural Models in NLP".
    """

    signed: bool = False
    class_aware: bool = False

    def score(self, forward: MarginOfEmbedded, embedded: Tensor, arguments: Arguments) -> Tensor:
        """Scores (batch, time); see `GradientMethod`."""
        gradient: Tensor = Saliency(forward).attribute(
            embedded, abs=False, additional_forward_args=arguments
        )
        norms: Tensor = torch.linalg.vector_norm(gradient, dim=2)
        return norms


class SaliencySum(GradientMethod):
    """Captum's `Saliency` with signs, summed over the features."""

    def score(self, forward: MarginOfEmbedded, embedded: Tensor, arguments: Arguments) -> Tensor:
        """Scores (batch, time); see `GradientMethod`."""
        gradient: Tensor = Saliency(forward).attribute(
            embedded, abs=False, additional_forward_args=arguments
        )
        return gradient.sum(dim=2)


class GradientTimesInput(GradientMethod):
    """Captum's `InputXGradient`, summed over the features.

    Source: Shrikumar et al. (2016), "Not Just a Black Box".
    """

    def score(self, forward: MarginOfEmbedded, embedded: Tensor, arguments: Arguments) -> Tensor:
        """Scores (batch, time); see `GradientMethod`."""
        products: Tensor = InputXGradient(forward).attribute(
            embedded, additional_forward_args=arguments
        )
        return products.sum(dim=2)


@dataclass(frozen=True, kw_only=True)
class FromZero(GradientMethod):
    """A method that compares with the zero embedding.

    The scores of a text have to sum to its margin minus the margin of as many zero vectors.
    """

    def total(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor | None:
        """The change of the margin against zero vectors; see `Method`."""
        with torch.no_grad():
            nothing = model.logits_of_embedded(torch.zeros_like(model.embedding(ids)), ids)
            return model.margin(ids, target) - margin_of(nothing, target)


@dataclass(frozen=True, kw_only=True)
class IntegratedGradientsFromZero(FromZero):
    """Captum's `IntegratedGradients` from the zero embedding, summed over the features.

    Source: Sundararajan et al. (2017), "Axiomatic Attribution for Deep Networks".

    Attributes:
        steps: Points of the integral (Gauss-Legendre).
        token_budget: Most tokens of one forward and backward pass, which bounds the memory.
    """

    passes: str = "50 + 50 backward"
    steps: int = 50
    token_budget: int = 4_096

    def score(self, forward: MarginOfEmbedded, embedded: Tensor, arguments: Arguments) -> Tensor:
        """Scores (batch, time); see `GradientMethod`."""
        batch, time, _ = embedded.shape
        products: Tensor = IntegratedGradients(forward).attribute(
            embedded,
            additional_forward_args=arguments,
            n_steps=self.steps,
            internal_batch_size=max(batch, self.token_budget // time),
        )
        return products.sum(dim=2)


@dataclass(frozen=True, kw_only=True)
class GradientShapFromZero(FromZero):
    """Captum's `GradientShap` from the zero embedding: gradients at random points of the way.

    With the zero embedding as its only baseline it is Integrated Gradients by random sampling.
    Captum draws for the rows of a batch in turn, so each text passes alone.

    Source: Lundberg and Lee (2017), "A Unified Approach to Interpreting Model Predictions".

    Attributes:
        samples: Random points for each text.
        seed: Where they are drawn from; they are the same for every text.
    """

    passes: str = "50 + 50 backward"
    samples: int = 50
    seed: int = 0

    def score(self, forward: MarginOfEmbedded, embedded: Tensor, arguments: Arguments) -> Tensor:
        """Scores (batch, time); see `GradientMethod`."""
        texts = [
            self._score_text(forward, *(part[row : row + 1] for part in (embedded, *arguments)))
            for row in range(len(embedded))
        ]
        return torch.cat(texts)

    def _score_text(
        self, forward: MarginOfEmbedded, embedded: Tensor, ids: Tensor, target: Tensor
    ) -> Tensor:
        with global_seed(self.seed):
            products: Tensor = GradientShap(forward).attribute(
                embedded,
                baselines=torch.zeros_like(embedded),
                n_samples=self.samples,
                additional_forward_args=(ids, target),
            )
        return products.sum(dim=2)

    def seeded(self, seed: int) -> Method:
        """The same method with other draws."""
        return dataclasses.replace(self, seed=seed)


class DeepLiftFromZero(FromZero):
    """Captum's `DeepLift` from the zero embedding, summed over the features.

    Captum has no rule for what happens inside a recurrent layer: its scores are those of gradient
    times input, and do not sum to what they have to.

    Source: Shrikumar et al. (2017), "Learning Important Features Through Propagating Activation
    Differences".
    """

    def score(self, forward: MarginOfEmbedded, embedded: Tensor, arguments: Arguments) -> Tensor:
        """Scores (batch, time); see `GradientMethod`."""
        with warnings.catch_warnings():
            # Captum announces hooks on activation modules, which it takes off again.
            warnings.filterwarnings("ignore", "Setting forward, backward hooks", UserWarning)
            products: Tensor = DeepLift(forward).attribute(
                embedded, torch.zeros_like(embedded), additional_forward_args=arguments
            )
        return products.sum(dim=2)


@dataclass(frozen=True, kw_only=True)
class LayerMethod(Method):
    """A method that asks Captum for the embedding's part in the margin, as users do on ids."""

    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        checked = model.embedding_checked(ids, model.neutral_text(ids))
        with WITHOUT_CUDNN, checked:
            attributions = self.attributions(model, ids, target)
        return attributions.detach().sum(dim=2).masked_fill(ids == model.pad_id, 0.0)

    @abstractmethod
    def attributions(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Attributions (batch, time, features) of what the embedding gives; as for a call."""


@dataclass(frozen=True, kw_only=True)
class ActivationTimesGradient(LayerMethod):
    """Captum's `LayerGradientXActivation` on the embedding: gradient times input by another way."""

    passes: str = "1 + 1 backward"

    def attributions(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Attributions (batch, time, features); see `LayerMethod`."""
        products: Tensor = LayerGradientXActivation(model.margin, model.embedding).attribute(
            ids, additional_forward_args=(target,)
        )
        return products


@dataclass(frozen=True, kw_only=True)
class IntegratedGradientsFromWord(LayerMethod):
    """Captum's `LayerIntegratedGradients` on the embedding, from a text of neutral words.

    Attributes:
        steps: Points of the integral (Gauss-Legendre).
        token_budget: Most tokens of one forward and backward pass, which bounds the memory.
    """

    passes: str = "50 + 50 backward"
    steps: int = 50
    token_budget: int = 4_096

    def attributions(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Attributions (batch, time, features); see `LayerMethod`."""
        products: Tensor = LayerIntegratedGradients(model.margin, model.embedding).attribute(
            ids,
            baselines=model.neutral_text(ids),
            additional_forward_args=(target,),
            n_steps=self.steps,
            internal_batch_size=max(len(ids), self.token_budget // ids.shape[1]),
        )
        return products

    def total(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor | None:
        """The change of the margin against neutral words; see `Method`."""
        with torch.no_grad():
            return model.margin(ids, target) - model.margin(model.neutral_text(ids), target)
