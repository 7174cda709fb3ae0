"""What methods learn from other texts before they explain."""

from collections.abc import Sequence

from torch import Tensor

from captum_rnn.benchmark.methods import ExplainedModel, Method


class Fits:
    """Methods that have learnt from the same texts about one classifier, each of them once.

    Args:
        model: The classifier, in evaluation mode when methods learn.
        background: Batches of ids (batch, time) of texts that will not be explained.

    Attributes:
        model: The classifier.
        background: The texts to learn from.
    """

    def __init__(self, model: ExplainedModel, background: Sequence[Tensor] = ()) -> None:
        self.model = model
        self.background = background
        self._fitted: dict[Method, Method] = {}

    def of(self, method: Method) -> Method:
        """The method after it has learnt; what its `fit` raises, it raises whenever it is asked."""
        if method not in self._fitted:
            self._fitted[method] = method.fit(self.model, self.background)
        return self._fitted[method]
