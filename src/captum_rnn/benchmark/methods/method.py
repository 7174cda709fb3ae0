"""What a compared attribution method is: model, ids and class in, scores out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from captum_rnn.benchmark.methods.explained_model import ExplainedModel


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """An attribution method for a classifier over token ids.

    Attributes:
        name: Key in `METHODS`, in results and on the command line.
        label: Human-readable name.
        passes: What it costs, in words: passes of the model for one batch.
        signed: Whether scores can be negative; if not, they say how much, but not for or against.
        class_aware: Whether the sign means for (+) or against (−) the explained class.
        ours: Whether the method is one of this package.
        learns: Whether `fit` has to see background texts first.
    """

    name: str
    label: str
    passes: str
    signed: bool = True
    class_aware: bool = True
    ours: bool = False
    learns: bool = False

    @abstractmethod
    def __call__(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor:
        """Scores every token of a batch.

        Args:
            model: The classifier, in evaluation mode.
            ids: Token ids (batch, time), each text with at least one that is not padding.
            target: The class to explain, for each text (batch,).

        Returns:
            Scores (batch, time), without gradient; 0 at padding.
        """

    def fit(self, model: ExplainedModel, texts: Sequence[Tensor]) -> "Method":
        """The same method after it has learnt from background texts, if it has to.

        Args:
            model: The classifier, in evaluation mode.
            texts: Batches of ids (batch, time) of texts that will not be explained.
        """
        return self

    def seeded(self, seed: int) -> "Method":
        """The same method with its randomness, if it has any, from another seed."""
        return self

    @property
    def mirrors(self) -> bool:
        """Whether its scores for a negated margin are those for the margin, negated.

        Of two classes, each has the other's margin negated.
        """
        return False

    def total(self, model: ExplainedModel, ids: Tensor, target: Tensor) -> Tensor | None:
        """What the scores of a text have to sum to (batch,); None if the method does not say."""
        return None


def checked_scores(scores: object, ids: Tensor) -> Tensor:
    """What a method answered, if it is one finite score for each token.

    Args:
        scores: The answer.
        ids: Token ids (batch, time) that it was asked about.

    Raises:
        ValueError: It is something else.
    """
    if not isinstance(scores, Tensor) or scores.shape != ids.shape:
        given = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
        raise ValueError(f"its scores are {given} for ids of shape {tuple(ids.shape)}")
    if not bool(scores.isfinite().all()):
        raise ValueError("its scores hold NaN or infinite numbers")
    return scores


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


def attempt(work: Callable[[], Any]) -> tuple[Any, str | None]:
    """The answer, or in one sentence why there is none."""
    try:
        return work(), None
    except Exception as error:  # Methods fail in any way; the run continues and says so.
        return None, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
