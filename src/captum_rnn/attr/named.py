"""The methods of this package by name: one table for explaining, whole corpora and comparing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

from captum_rnn.attr.adjoint_delta import AdjointDeltaAttribution
from captum_rnn.attr.deep_lift import RecurrentDeepLiftAttribution
from captum_rnn.attr.hidden_state_delta import HiddenStateDeltaAttribution
from captum_rnn.attr.local_delta import LocalDeltaAttribution
from captum_rnn.attr.logit_delta import LogitDeltaAttribution
from captum_rnn.attr.recurrent import RecurrentAttribution
from captum_rnn.attr.recurrent_lrp import RecurrentLRPAttribution
from captum_rnn.attr.recurrent_shapley import RecurrentShapleyAttribution
from captum_rnn.functional import Distance, Readout

Build = Callable[[Callable[..., Any], nn.Module, Readout], RecurrentAttribution]


@dataclass(frozen=True)
class NamedMethod:
    """A method that needs nothing but a model, its recurrent layer and its word vectors.

    Attributes:
        name: On the command line and in results.
        label: Human-readable name.
        passes: What it costs, in words: passes of the model for one batch.
        build: From a function of ids, the layer and how the classifier reads it.
        class_aware: Whether the sign means for (+) or against (−) the explained class.
        asks_again: Whether it asks the model for other states or texts than those given, so that
            which class it explains has to be settled before.
        compared_with: The word vector that it compares each word with; None: its own default.
    """

    name: str
    label: str
    passes: str
    build: Build = field(repr=False, compare=False)
    class_aware: bool = True
    asks_again: bool = False
    compared_with: Literal["mean word", "neutral word"] | None = None

    def baselines(self, words: Tensor, *, pad_id: int, neutral_id: int) -> Tensor | None:
        """The word vector (features,) that it compares with; None: its own default.

        Args:
            words: The word vectors (vocabulary, features), such as the weight of an embedding.
            pad_id: The row of the padding, which is no word.
            neutral_id: The row of a word that says little.
        """
        if self.compared_with is None:
            return None
        vectors = words.detach()
        if self.compared_with == "neutral word":
            return vectors[neutral_id]
        return torch.cat([vectors[:pad_id], vectors[pad_id + 1 :]]).mean(dim=0)


def _of(kind: type[RecurrentAttribution], **options: Any) -> Build:
    return lambda forward, layer, _: kind(forward, layer, **options)


def _hidden_state_delta(distance: Distance, label: str) -> NamedMethod:
    return NamedMethod(
        f"hidden-state-delta-{distance}",
        f"hidden-state delta, {label}",
        "1",
        lambda forward, layer, readout: HiddenStateDeltaAttribution(
            forward, layer, distance=distance, readout=readout
        ),
        class_aware=False,
    )


NAMED_METHODS: dict[str, NamedMethod] = {
    method.name: method
    for method in (
        _hidden_state_delta("l2", "L2"),
        _hidden_state_delta("projection", "projection"),
        _hidden_state_delta("l1", "L1"),
        _hidden_state_delta("linf", "L∞"),
        _hidden_state_delta("cosine", "cosine"),
        NamedMethod(
            "logit-delta", "logit delta", "1 + the head's backward", _of(LogitDeltaAttribution)
        ),
        NamedMethod(
            "local-delta",
            "local delta",
            "1 + a parallel cell step",
            _of(LocalDeltaAttribution),
            compared_with="mean word",
        ),
        NamedMethod(
            "adjoint-delta", "adjoint delta", "1 + a reverse scan", _of(AdjointDeltaAttribution)
        ),
        NamedMethod(
            "adjoint-delta-replaced",
            "adjoint delta, replaced",
            "1 + a reverse scan",
            _of(AdjointDeltaAttribution),
            compared_with="neutral word",
        ),
        NamedMethod(
            "relevance-propagation",
            "relevance propagation",
            "1 + a reverse scan",
            _of(RecurrentLRPAttribution),
        ),
        NamedMethod(
            "recurrent-deep-lift",
            "DeepLIFT of the layer",
            "1 + the baseline + a reverse scan",
            _of(RecurrentDeepLiftAttribution),
            asks_again=True,
        ),
        NamedMethod(
            "recurrent-deep-lift-word",
            "DeepLIFT of the layer, neutral word",
            "1 + the baseline + a reverse scan",
            _of(RecurrentDeepLiftAttribution),
            asks_again=True,
            compared_with="neutral word",
        ),
        NamedMethod(
            "secant-step",
            "DeepLIFT of the layer, secant step",
            "1 + the baseline + a reverse scan",
            _of(RecurrentDeepLiftAttribution, step="secant"),
            asks_again=True,
        ),
        NamedMethod(
            "recurrent-shapley",
            "Shapley values, removal",
            "5 n, or 16 × (1 + a reverse scan) from 40 words on",
            _of(RecurrentShapleyAttribution),
            asks_again=True,
        ),
    )
}
"""Every such method by its name."""

AUTO = "auto"
"""The name that stands for the first of `PREFERRED` that fits the model."""

PREFERRED = ("recurrent-deep-lift", "adjoint-delta", "logit-delta", "hidden-state-delta-l2")
"""What each of these needs to know of the layer, the one after it does without: DeepLIFT a torch
layer's gates, the adjoint delta a layer that can be stepped through, the logit delta a gradient of
the head, the hidden-state delta the states alone."""


def first_that_fits(score: Callable[[NamedMethod], object]) -> NamedMethod:
    """The first of `PREFERRED` that can score a model.

    Args:
        score: Scores any small text by a method; what does not fit raises ValueError.

    Raises:
        ValueError: None of them fits: what the last of them says.

    Example:
        >>> first_that_fits(lambda method: None).name
        'recurrent-deep-lift'
    """
    *before, last = (NAMED_METHODS[name] for name in PREFERRED)
    for method in before:
        try:
            score(method)
        except ValueError:
            continue
        return method
    score(last)
    return last
