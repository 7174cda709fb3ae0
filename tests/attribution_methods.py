"""Every attribution class of the package, made in the same way, for tests over all of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    CalibratedDeltaAttribution,
    HiddenStateDeltaAttribution,
    LeaveOneOutAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
    RecurrentShapleyAttribution,
    WordInformationAttribution,
)
from captum_rnn.attr.calibration import Calibration, weights_digest
from captum_rnn.attr.noise_search import NoiseSearch
from captum_rnn.functional.calibration import DISTANCE_BINS

FEATURES, VOCABULARY = 5, 50
LENGTHS = torch.tensor([7, 3, 5])
TOKEN = torch.linspace(-1, 1, FEATURES)


def against_a_token(make):
    """With a word vector as the baseline of every input."""

    def made(forward, layer=None, **options):
        method = make(forward, layer, **options)
        attribute = type(method).attribute.__wrapped__  # which NoiseTunnel asks for

        def compared(method, inputs, *args, **given):
            each = (TOKEN,) * len(inputs) if isinstance(inputs, tuple) else TOKEN
            return attribute(method, inputs, each, *args, **given)

        method.attribute = partial(compared, method)
        method.attribute.__wrapped__ = compared
        return method

    return made


def calibrated(forward, layer, **options):
    """With vectors as `fit` would have learnt them, of the classes 0 and 1."""
    method = CalibratedDeltaAttribution(forward, layer, **options)
    if isinstance(layer, nn.RNNBase):
        directions, state = 1 + layer.bidirectional, layer.proj_size or layer.hidden_size
        bins = DISTANCE_BINS if method.by_distance else 1
        vectors = torch.linspace(-9, 9, 2 * bins * directions * state, dtype=torch.float64).sin()
        vectors = vectors.reshape(2, bins * directions, state)
        digest = weights_digest(forward, layer)
        method.calibration = Calibration(vectors, (0, 1), digest, bins=bins)
    return method


def word_information(forward, layer, *, embedding, **options):
    method = WordInformationAttribution(
        forward, layer, embedding=embedding, state_variance=0.3, **options
    )
    short = NoiseSearch(max_steps=2, pairs=1, probes=2, directions=2)
    method.attribute = partial(method.attribute, search=short)
    return method


@dataclass(frozen=True)
class Method:
    """One class with options.

    Attributes:
        make: Called as `make(forward_func, layer, **options)`.
        name: What Captum calls it.
        differentiates: Whether it needs derivatives of the output.
        has_sum: Whether it knows what its scores sum to.
        follows_steps: Whether it recomputes what happened inside the layer.
        learns_classes: Whether it has learnt what it knows of the classes.
        holds_inputs: What its `multiplies_by_inputs` says: a score has its input as a factor.
        reads_baseline: Whether the head reads what the layer makes of a baseline, too.
        compares: Whether `attribute` takes baselines.
        per_feature: Whether every feature of an embedded token has a score of its own.
        removes: Whether it runs the model on the text without some of its tokens.
    """

    make: Callable
    name: str
    differentiates: bool = True
    has_sum: bool = False
    follows_steps: bool = False
    learns_classes: bool = False
    holds_inputs: bool = False
    reads_baseline: bool = False
    compares: bool = False
    per_feature: bool = False
    removes: bool = False

    @property
    def reads_output(self):
        """Whether it looks at what the model answers."""
        return self.differentiates or self.removes


RECURRENT = {
    "hidden_state": Method(
        HiddenStateDeltaAttribution,
        "Hidden State Delta Attribution",
        differentiates=False,
        has_sum=True,
    ),
    "lower_layer": Method(
        partial(HiddenStateDeltaAttribution, layer_index=0),
        "Hidden State Delta Attribution",
        differentiates=False,
        has_sum=True,
        follows_steps=True,
    ),
    "logit": Method(LogitDeltaAttribution, "Logit Delta Attribution", has_sum=True),
    "local": Method(
        against_a_token(LocalDeltaAttribution),
        "Local Delta Attribution",
        follows_steps=True,
        compares=True,
    ),
    "adjoint": Method(
        AdjointDeltaAttribution,
        "Adjoint Delta Attribution",
        follows_steps=True,
        compares=True,
    ),
    "replaced": Method(
        against_a_token(AdjointDeltaAttribution),
        "Adjoint Delta Attribution",
        follows_steps=True,
        compares=True,
    ),
    "deep_lift": Method(
        RecurrentDeepLiftAttribution,
        "Recurrent Deep Lift Attribution",
        has_sum=True,
        per_feature=True,
        follows_steps=True,
        compares=True,
        holds_inputs=True,
        reads_baseline=True,
    ),
    "secant_step": Method(
        partial(RecurrentDeepLiftAttribution, step="secant"),
        "Recurrent Deep Lift Attribution",
        follows_steps=True,
        compares=True,
        holds_inputs=True,
        reads_baseline=True,
    ),
    "relevance": Method(
        partial(RecurrentLRPAttribution, epsilon=0.1),
        "Recurrent L R P Attribution",
        has_sum=True,
        per_feature=True,
        follows_steps=True,
        holds_inputs=True,
    ),
    "calibrated": Method(
        calibrated,
        "Calibrated Delta Attribution",
        differentiates=False,
        has_sum=True,
        learns_classes=True,
        compares=True,
    ),
    "calibrated_local": Method(
        against_a_token(partial(calibrated, by_distance=True)),
        "Calibrated Delta Attribution",
        differentiates=False,
        follows_steps=True,
        learns_classes=True,
        compares=True,
    ),
}
REMOVING = {
    "leave_one_out": Method(
        LeaveOneOutAttribution,
        "Leave One Out Attribution",
        differentiates=False,
        removes=True,
    ),
    "shapley": Method(
        RecurrentShapleyAttribution,
        "Recurrent Shapley Attribution",
        differentiates=False,
        has_sum=True,
        removes=True,
    ),
}
METHODS = {
    **RECURRENT,
    **REMOVING,
    "word_information": Method(word_information, "Word Information Attribution"),
}
