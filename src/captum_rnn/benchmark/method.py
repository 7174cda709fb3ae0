"""What a compared attribution method is: model, ids and class in, scores out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from captum_rnn.text.classifier import RecurrentClassifier


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


def margin(logits: Tensor, target: Tensor) -> Tensor:
    """How far one class is ahead: its logit minus the mean of the other classes' logits.

    Args:
        logits: Logits (batch, classes).
        target: A class for each row (batch,).

    Returns:
        Margins (batch,).

    Example:
        >>> import torch
        >>> margin(torch.tensor([[1.0, 4.0, 2.0]]), torch.tensor([1]))
        tensor([2.5000])
    """
    chosen = logits.gather(1, target.unsqueeze(1)).squeeze(1)
    return chosen - (logits.sum(dim=1) - chosen) / (logits.shape[1] - 1)
