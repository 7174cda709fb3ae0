"""Captum's gradient methods on the classifier's embedded tokens."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from torch import Tensor

from captum_rnn.benchmark.method import Method, margin
from captum_rnn.text.classifier import RecurrentClassifier


class GradientMethod(Method):
    """A method that asks Captum for gradients of the margin with respect to the embedded tokens.

    The margin is the logit of the explained class minus the mean of the other classes' logits.
    """

    def __call__(self, model: RecurrentClassifier, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""

        def forward(embedded: Tensor, ids: Tensor, target: Tensor) -> Tensor:
            return margin(model.forward_embedded(embedded, ids), target)

        embedded = model.embedding(ids).detach().requires_grad_()
        # cuDNN refuses the backward pass of a recurrent layer in evaluation mode.
        with torch.backends.cudnn.flags(enabled=False):
            scores = self.score(forward, embedded, (ids, target))
        return scores.detach().masked_fill(ids == 0, 0.0)

    @abstractmethod
    def score(
        self, forward: Callable[..., Tensor], embedded: Tensor, arguments: tuple[Any, ...]
    ) -> Tensor:
        """Scores (batch, time) of embedded tokens (batch, time, features).

        Args:
            forward: Gives the margin (batch,) of embedded tokens and `arguments`.
            embedded: The embedded tokens, a leaf that requires a gradient.
            arguments: Further arguments of `forward`, for Captum's `additional_forward_args`.
        """


class SaliencyNorm(GradientMethod):
    """Captum's `Saliency`; of a token, the L2 norm of the gradient over the features.

    Source: Simonyan et al. (2013), "Deep Inside Convolutional Networks"; the norm over the
    embedding as in Li et al. (2016), "Visualizing and Understanding Neural Models in NLP".
    """

    def score(
        self, forward: Callable[..., Tensor], embedded: Tensor, arguments: tuple[Any, ...]
    ) -> Tensor:
        """Scores (batch, time); see `GradientMethod`."""
        gradient: Tensor = Saliency(forward).attribute(
            embedded, abs=False, additional_forward_args=arguments
        )
        norms: Tensor = torch.linalg.vector_norm(gradient, dim=2)
        return norms


class GradientTimesInput(GradientMethod):
    """Captum's `InputXGradient`, summed over the features.

    Source: Shrikumar et al. (2016), "Not Just a Black Box".
    """

    def score(
        self, forward: Callable[..., Tensor], embedded: Tensor, arguments: tuple[Any, ...]
    ) -> Tensor:
        """Scores (batch, time); see `GradientMethod`."""
        products: Tensor = InputXGradient(forward).attribute(
            embedded, additional_forward_args=arguments
        )
        return products.sum(dim=2)


@dataclass(frozen=True, kw_only=True)
class IntegratedGradientsFromZero(GradientMethod):
    """Captum's `IntegratedGradients` from the zero embedding, summed over the features.

    The scores of a text sum to its margin minus the margin of as many zero vectors.

    Source: Sundararajan et al. (2017), "Axiomatic Attribution for Deep Networks".

    Attributes:
        steps: Points of the integral (Gauss-Legendre).
        token_budget: Most tokens of one forward and backward pass, which bounds the memory.
    """

    steps: int = 50
    token_budget: int = 4_096

    def score(
        self, forward: Callable[..., Tensor], embedded: Tensor, arguments: tuple[Any, ...]
    ) -> Tensor:
        """Scores (batch, time); see `GradientMethod`."""
        batch, time, _ = embedded.shape
        products: Tensor = IntegratedGradients(forward).attribute(
            embedded,
            additional_forward_args=arguments,
            n_steps=self.steps,
            internal_batch_size=max(batch, self.token_budget // time),
        )
        return products.sum(dim=2)
