"""The methods of this package, which read the states of the classifier's recurrent layer."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentLRPAttribution,
)
from captum_rnn.attr.recurrent import RecurrentAttribution
from captum_rnn.benchmark.method import Method, margin
from captum_rnn.functional import Distance
from captum_rnn.text.classifier import RecurrentClassifier


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
