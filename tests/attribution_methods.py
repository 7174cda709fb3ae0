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
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
    WordInformationAttribution,
)
from captum_rnn.attr.calibration import Calibration
from captum_rnn.attr.noise_search import NoiseSearch

FEATURES, VOCABULARY = 5, 50
LENGTHS = torch.tensor([7, 3, 5])
TOKEN = torch.linspace(-1, 1, FEATURES)


def calibrated(forward, layer, **options):
    """With vectors as `fit` would have learnt them, of the classes 0 and 1."""
    method = CalibratedDeltaAttribution(forward, layer, **options)
    if isinstance(layer, nn.RNNBase):
        directions, state = 1 + layer.bidirectional, layer.proj_size or layer.hidden_size
        vectors = torch.linspace(-1, 1, 2 * directions * state, dtype=torch.float64).sin()
        method.calibration = Calibration(
            vectors.reshape(2, directions, state), (0, 1), "", method.reference
        )
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
        reads_baseline: Whether the head reads what the layer makes of a baseline, too.
    """

    make: Callable
    name: str
    differentiates: bool = True
    has_sum: bool = False
    follows_steps: bool = False
    learns_classes: bool = False
    reads_baseline: bool = False


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
        partial(LocalDeltaAttribution, reference=TOKEN),
        "Local Delta Attribution",
        follows_steps=True,
    ),
    "adjoint": Method(AdjointDeltaAttribution, "Adjoint Delta Attribution", follows_steps=True),
    "replaced": Method(
        partial(AdjointDeltaAttribution, counterfactual=TOKEN),
        "Adjoint Delta Attribution",
        follows_steps=True,
    ),
    "deep_lift": Method(
        RecurrentDeepLiftAttribution,
        "Recurrent Deep Lift Attribution",
        has_sum=True,
        follows_steps=True,
        reads_baseline=True,
    ),
    "secant_step": Method(
        partial(RecurrentDeepLiftAttribution, step="secant"),
        "Recurrent Deep Lift Attribution",
        follows_steps=True,
        reads_baseline=True,
    ),
    "relevance": Method(
        partial(RecurrentLRPAttribution, epsilon=0.1),
        "Recurrent L R P Attribution",
        has_sum=True,
        follows_steps=True,
    ),
    "calibrated": Method(
        calibrated,
        "Calibrated Delta Attribution",
        differentiates=False,
        has_sum=True,
        learns_classes=True,
    ),
    "calibrated_local": Method(
        partial(calibrated, reference=TOKEN),
        "Calibrated Delta Attribution",
        differentiates=False,
        follows_steps=True,
        learns_classes=True,
    ),
}
METHODS = {
    **RECURRENT,
    "word_information": Method(word_information, "Word Information Attribution"),
}
