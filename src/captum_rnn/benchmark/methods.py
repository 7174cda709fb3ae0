"""The attribution methods that are compared, under one call: model, ids and class in, scores out.

To add a method, write a subclass of `Method` (or of `GradientMethod`) and add a line to `METHODS`.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from torch import Tensor

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentLRPAttribution,
)
from captum_rnn.attr.recurrent import RecurrentAttribution
from captum_rnn.evaluation.draws import text_draws
from captum_rnn.functional import Distance
from captum_rnn.text.classifier import RecurrentClassifier

_RANDOM_STREAM = 0


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """An attribution method for a `RecurrentClassifier`.

    Attributes:
        name: Key in `METHODS`, in results and on the command line.
        label: Name for people.
        signed: Whether scores can be negative; if not, they say how much, but not for or against.
    """

    name: str
    label: str
    signed: bool = True

    @abstractmethod
    def __call__(self, model: RecurrentClassifier, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch.

        Args:
            model: The classifier, in evaluation mode.
            ids: Token ids (batch, time); id 0 is padding or an unknown word. Each text has at
                least one known word.
            target: The class to explain, for each text (batch,).

        Returns:
            Scores (batch, time), without gradient; 0 where the id is 0.
        """

    def seeded(self, seed: int) -> "Method":
        """The same method with its randomness, if it has any, from another seed."""
        return self


@dataclass(frozen=True, kw_only=True)
class HiddenStateDelta(Method):
    """`HiddenStateDeltaAttribution` on the classifier's recurrent layer; does not see the class."""

    distance: Distance

    def __call__(self, model: RecurrentClassifier, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        attribution = HiddenStateDeltaAttribution(model, model.rnn, distance=self.distance)
        scores: Tensor = attribution.attribute(ids, target=target)
        return scores


class StateMethod(Method):
    """A class-aware method of this package, on the classifier's recurrent layer, for the margin."""

    def __call__(self, model: RecurrentClassifier, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""

        def forward(ids: Tensor, target: Tensor) -> Tensor:
            return margin(model(ids), target)

        attribution = self.attribution(forward, model)
        scores: Tensor = attribution.attribute(ids, additional_forward_args=(target,))
        return scores

    @abstractmethod
    def attribution(
        self, forward: Callable[[Tensor, Tensor], Tensor], model: RecurrentClassifier
    ) -> RecurrentAttribution:
        """The attribution of the margin (batch,), a function of ids and class."""


class LogitDelta(StateMethod):
    """`LogitDeltaAttribution`: how far each step moved the margin."""

    def attribution(
        self, forward: Callable[[Tensor, Tensor], Tensor], model: RecurrentClassifier
    ) -> RecurrentAttribution:
        """See `StateMethod`."""
        return LogitDeltaAttribution(forward, model.rnn)


class LocalDelta(StateMethod):
    """`LocalDeltaAttribution` against the mean word vector, which stands for any word."""

    def attribution(
        self, forward: Callable[[Tensor, Tensor], Tensor], model: RecurrentClassifier
    ) -> RecurrentAttribution:
        """See `StateMethod`."""
        mean_word = model.embedding.weight[1:].mean(dim=0)
        return LocalDeltaAttribution(forward, model.rnn, reference=mean_word)


class AdjointDelta(StateMethod):
    """`AdjointDeltaAttribution`: leave-one-out to first order."""

    def attribution(
        self, forward: Callable[[Tensor, Tensor], Tensor], model: RecurrentClassifier
    ) -> RecurrentAttribution:
        """See `StateMethod`."""
        return AdjointDeltaAttribution(forward, model.rnn)


class RelevancePropagation(StateMethod):
    """`RecurrentLRPAttribution`: layer-wise relevance propagation."""

    def attribution(
        self, forward: Callable[[Tensor, Tensor], Tensor], model: RecurrentClassifier
    ) -> RecurrentAttribution:
        """See `StateMethod`."""
        return RecurrentLRPAttribution(forward, model.rnn)


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


@dataclass(frozen=True, kw_only=True)
class RandomScores(Method):
    """Uniform scores in [-1, 1), the floor for every method.

    The draws of a text depend on the seed and on the text, not on its batch.
    """

    seed: int = 0

    def __call__(self, model: RecurrentClassifier, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch; see `Method`."""
        draws = text_draws(ids, seed=self.seed, stream=_RANDOM_STREAM).to(ids.device, torch.float32)
        return (2 * draws - 1).masked_fill(ids == 0, 0.0)

    def seeded(self, seed: int) -> "RandomScores":
        """The same method with other draws."""
        return dataclasses.replace(self, seed=seed)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        HiddenStateDelta(
            name="hidden-state-delta-l2", label="hidden-state delta, L2", distance="l2"
        ),
        HiddenStateDelta(
            name="hidden-state-delta-projection",
            label="hidden-state delta, projection",
            distance="projection",
        ),
        HiddenStateDelta(
            name="hidden-state-delta-l1", label="hidden-state delta, L1", distance="l1"
        ),
        HiddenStateDelta(
            name="hidden-state-delta-linf", label="hidden-state delta, L∞", distance="linf"
        ),
        HiddenStateDelta(
            name="hidden-state-delta-cosine", label="hidden-state delta, cosine", distance="cosine"
        ),
        LogitDelta(name="logit-delta", label="logit delta"),
        LocalDelta(name="local-delta", label="local delta"),
        AdjointDelta(name="adjoint-delta", label="adjoint delta"),
        RelevancePropagation(name="relevance-propagation", label="relevance propagation"),
        SaliencyNorm(name="saliency", label="Saliency", signed=False),
        GradientTimesInput(name="input-x-gradient", label="Input × Gradient"),
        IntegratedGradientsFromZero(name="integrated-gradients", label="Integrated Gradients"),
        RandomScores(name="random", label="random"),
    )
}
"""Every method that can be asked for, by name."""

DEFAULT_METHODS = (
    "hidden-state-delta-l2",
    "hidden-state-delta-projection",
    "logit-delta",
    "local-delta",
    "adjoint-delta",
    "relevance-propagation",
    "saliency",
    "input-x-gradient",
    "integrated-gradients",
    "random",
)
"""The methods that `captum-rnn compare` compares."""


def find_methods(names: Iterable[str] = DEFAULT_METHODS, *, seed: int = 0) -> list[Method]:
    """Looks methods up by name.

    Args:
        names: Keys of `METHODS`.
        seed: Seed of the methods that draw at random.

    Returns:
        The methods in the order of the names, each once.

    Raises:
        ValueError: There is no method of that name, or no name at all.

    Example:
        >>> [method.label for method in find_methods(["saliency", "random"])]
        ['Saliency', 'random']
    """
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in METHODS]
    if unknown or not wanted:
        raise ValueError(
            f"{', '.join(map(repr, unknown)) or 'an empty list'} names no method; choose from "
            f"{', '.join(METHODS)}"
        )
    return [METHODS[name].seeded(seed) for name in wanted]


def margin(logits: Tensor, target: Tensor) -> Tensor:
    """How far one class is ahead: its logit minus the mean of the other classes' logits.

    Args:
        logits: Logits (batch, classes).
        target: A class for each row (batch,).

    Returns:
        Margins (batch,).

    Example:
        >>> margin(torch.tensor([[1.0, 4.0, 2.0]]), torch.tensor([1]))
        tensor([2.5000])
    """
    chosen = logits.gather(1, target.unsqueeze(1)).squeeze(1)
    return chosen - (logits.sum(dim=1) - chosen) / (logits.shape[1] - 1)
