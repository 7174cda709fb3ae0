"""Class, probability and token scores of a batch of encoded texts, from one forward pass."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from captum_rnn.attr import CalibratedDeltaAttribution
from captum_rnn.attr.named import NAMED_METHODS, NamedMethod, first_that_fits
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.classifier import RecurrentClassifier

CALIBRATED = "calibrated-delta"
DEFAULT_METHOD = "hidden-state-delta-l2"
_MOST_FREQUENT_WORD = 1  # of a `Vocabulary`: a comma or an article, which says little by itself

METHOD_NAMES = (*NAMED_METHODS, CALIBRATED)
"""The methods that a job can run; the calibrated delta needs a stored calibration."""


@dataclass(frozen=True)
class Scored:
    """What a batch of texts came out as.

    Attributes:
        scores: Token scores (batch, time); 0 for padding and unknown words.
        predicted: The most probable class of each text (batch,).
        probability: Its probability (batch,).
    """

    scores: Tensor
    predicted: Tensor
    probability: Tensor


class Scorer:
    """Classifies and scores batches by one method, for the most probable class of each text.

    Methods that look at the class explain its margin, the logit minus the mean of the others'; the
    calibrated delta explains the logit that it was fitted for.

    Args:
        model: The classifier, which keeps its mode.
        method: One of `METHOD_NAMES`.
        calibration: For the calibrated delta: a file that
            `CalibratedDeltaAttribution.save` has written for this model.

    Raises:
        OSError: The calibration cannot be read.
        ValueError: No such method, a calibrated delta without calibration or another method with
            one, or a calibration of another model.

    Example:
        >>> from captum_rnn.text import RecurrentClassifier
        >>> model = RecurrentClassifier(vocabulary_size=10)
        >>> scored = Scorer(model, "hidden-state-delta-l2")(torch.tensor([[3, 0, 7]]))
        >>> scored.scores.shape, round(scored.scores.sum().item(), 4)
        (torch.Size([1, 3]), 1.0)
    """

    def __init__(
        self, model: RecurrentClassifier, method: str, calibration: Path | None = None
    ) -> None:
        check_method(method, calibration)
        self._model = model
        self._logits: Tensor | None = None
        self._class_first = True
        if calibration is not None:
            calibrated = CalibratedDeltaAttribution(model, model.rnn).load(calibration)
            self._attribute: Callable[..., Tensor] = calibrated.attribute
            return
        named = NAMED_METHODS[method]
        self._class_first = named.asks_again
        forward = self._margins if self._class_first else self._predicted_margin
        attribution = named.build(forward, model.rnn, model.readout)
        words = model.embedding.weight
        baselines = named.baselines(words, pad_id=0, neutral_id=_MOST_FREQUENT_WORD)
        compared = {} if baselines is None else {"baselines": baselines}
        self._attribute = partial(attribution.attribute, **compared)

    def __call__(self, ids: Tensor) -> Scored:
        """Classifies and scores a batch.

        Args:
            ids: Word ids (batch, time) on the model's device, 0 for padding and unknown words; at
                least one known word in each text.
        """
        with evaluation_mode(self._model):
            if self._class_first:
                with torch.no_grad():
                    logits = self._model(ids)
                scores = self._attribute(ids, target=logits.argmax(dim=1))
            else:
                scores = self._attribute(ids)
                assert self._logits is not None
                logits = self._logits
        probability, predicted = logits.softmax(dim=1).max(dim=1)
        return Scored(scores.detach().float(), predicted, probability)

    def _margins(self, ids: Tensor) -> Tensor:
        """How far each class is ahead of the others (batch, classes)."""
        logits: Tensor = self._model(ids)
        self._logits = logits.detach()
        others = (logits.sum(dim=1, keepdim=True) - logits) / (logits.shape[1] - 1)
        return logits - others

    def _predicted_margin(self, ids: Tensor) -> Tensor:
        """The same of the most probable class (batch,), in the pass that finds which it is."""
        return self._margins(ids).max(dim=1).values


def fitting_method(model: RecurrentClassifier) -> str:
    """The name that `--method auto` stands for: the first that can score a word by this model.

    Args:
        model: The classifier, which keeps its mode.
    """
    word = torch.full((1, 1), _MOST_FREQUENT_WORD, device=model.embedding.weight.device)

    def score(method: NamedMethod) -> Scored:
        return Scorer(model, method.name)(word)

    return first_that_fits(score).name


def check_method(method: str, calibration: object) -> None:
    """Makes sure that a method exists and has the calibration that it needs.

    Raises:
        ValueError: No such method, or a calibration too many or missing.
    """
    if method not in METHOD_NAMES:
        raise ValueError(
            f"{method!r} is no method for whole corpora; choose from {', '.join(METHOD_NAMES)}"
        )
    if (method == CALIBRATED) != (calibration is not None):
        needed = "needs" if method == CALIBRATED else "takes no"
        raise ValueError(
            f"the method {method} {needed} calibration; give --calibration with {CALIBRATED}, and "
            "only with it"
        )
