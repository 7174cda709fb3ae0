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


@dataclass(frozen=True, kw_only=True)
class NamedMethod:
    """A method that needs nothing but a model, its recurrent layer and its word vectors.

    Attributes:
        name: On the command line and in results.
        label: Human-readable name.
        passes: What it costs, in words: passes of the model for one batch.
        class_aware: Whether the sign means for (+) or against (−) the explained class.
        asks_again: Whether it asks the model for other states or texts than those given, so that
            which class it explains has to be settled before.
        compared_with: The word vector that it compares each word with; None: its own default.
        build: From a function of ids, the layer and how the classifier reads it.
    """

    name: str
    label: str
    passes: str
    class_aware: bool = True
    asks_again: bool = False
    compared_with: Literal["mean word", "neutral word"] | None = None
    build: Build = field(repr=False, compare=False)

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


def _hidden_state_delta(distance: Distance, label: str) -> NamedMethod:
    return NamedMethod(
        name=f"hidden-state-delta-{distance}",
        label=f"hidden-state delta, {label}",
        passes="1",
        class_aware=False,
        build=lambda forward, layer, readout: HiddenStateDeltaAttribution(
            forward, layer, distance=distance, readout=readout
        ),
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
            name="logit-delta",
            label="logit delta",
            passes="1 + the head's backward",
            build=lambda forward, layer, _: LogitDeltaAttribution(forward, layer),
        ),
        NamedMethod(
            name="local-delta",
            label="local delta",
            passes="1 + a parallel cell step",
            compared_with="mean word",
            build=lambda forward, layer, _: LocalDeltaAttribution(forward, layer),
        ),
        NamedMethod(
            name="adjoint-delta",
            label="adjoint delta",
            passes="1 + a reverse scan",
            build=lambda forward, layer, _: AdjointDeltaAttribution(forward, layer),
        ),
        NamedMethod(
            name="adjoint-delta-replaced",
            label="adjoint delta, replaced",
            passes="1 + a reverse scan",
            compared_with="neutral word",
            build=lambda forward, layer, _: AdjointDeltaAttribution(forward, layer),
        ),
        NamedMethod(
            name="relevance-propagation",
            label="relevance propagation",
            passes="1 + a reverse scan",
            build=lambda forward, layer, _: RecurrentLRPAttribution(forward, layer),
        ),
        NamedMethod(
            name="recurrent-deep-lift",
            label="DeepLIFT of the layer",
            passes="1 + the baseline + a reverse scan",
            asks_again=True,
            build=lambda forward, layer, _: RecurrentDeepLiftAttribution(forward, layer),
        ),
        NamedMethod(
            name="secant-step",
            label="DeepLIFT of the layer, secant step",
            passes="1 + the baseline + a reverse scan",
            asks_again=True,
            build=lambda forward, layer, _: RecurrentDeepLiftAttribution(
                forward, layer, step="secant"
            ),
        ),
        NamedMethod(
            name="recurrent-shapley",
            label="Shapley values, removal",
            passes="5 n, or 16 × (1 + a reverse scan) from 40 words on",
            asks_again=True,
            build=lambda forward, layer, _: RecurrentShapleyAttribution(forward, layer),
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
