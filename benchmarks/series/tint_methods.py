"""The methods of `time_interpret` (tint), on the networks of the study."""

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients
from torch import Tensor, nn

from captum_rnn.benchmark.series import ExplainedSeries, SeriesMethod

_POINTS, _SAMPLES, _EPOCHS_OF_EXTREMAL, _EPOCHS_OF_DYNAMASK, _HIDDEN = 50, 10, 500, 200, 64
_KEPT = [float(share) for share in np.arange(0.05, 0.35, 0.05)]


def tint_methods() -> tuple[SeriesMethod, ...]:
    """Its methods, called as its documentation and its published experiments call them.

    Raises:
        ImportError: `time_interpret` is not installed, or not what it needs.
    """
    from tint.attr import (
        AugmentedOcclusion,
        DynaMask,
        ExtremalMask,
        TemporalIntegratedGradients,
        TimeForwardTunnel,
    )
    from tint.attr.models import ExtremalMaskNet, MaskNet

    def temporal_ig(series: ExplainedSeries, generator: torch.Generator) -> Any:
        return TemporalIntegratedGradients(series.margin).attribute(
            series.values,
            baselines=_baseline(series),
            additional_forward_args=series.arguments or None,
            n_steps=_POINTS,
        )

    def tunnel(series: ExplainedSeries, generator: torch.Generator) -> Any:
        return TimeForwardTunnel(IntegratedGradients(series.margin)).attribute(
            series.values,
            baselines=_baseline(series),
            additional_forward_args=series.arguments or None,
            n_steps=_POINTS,
        )

    def augmented(series: ExplainedSeries, generator: torch.Generator) -> Any:
        return AugmentedOcclusion(
            series.margin, data=series.values, n_sampling=_SAMPLES, is_temporal=True
        ).attribute(
            series.values,
            sliding_window_shapes=(1, 1),
            additional_forward_args=series.arguments or None,
            attributions_fn=abs,
        )

    def extremal(series: ExplainedSeries, generator: torch.Generator) -> Any:
        features = series.values.shape[2]
        mask = ExtremalMaskNet(
            forward_func=series.model,
            model=_Perturbation(features),
            batch_size=len(series.values),
            optim="adam",
            lr=0.01,
        )
        return ExtremalMask(series.model).attribute(
            series.values,
            baselines=_baseline(series),
            trainer=_trainer(_EPOCHS_OF_EXTREMAL),
            mask_net=mask,
            batch_size=len(series.values),
        )

    def dynamask(series: ExplainedSeries, generator: torch.Generator) -> Any:
        mask = MaskNet(
            forward_func=series.model,
            perturbation="fade_moving_average",
            keep_ratio=_KEPT,
            size_reg_factor_init=0.1,
            size_reg_factor_dilation=100,
            time_reg_factor=0.0,
        )
        return DynaMask(series.model).attribute(
            series.values,
            trainer=_trainer(_EPOCHS_OF_DYNAMASK),
            mask_net=mask,
            batch_size=len(series.values),
        )

    def method(
        name: str,
        label: str,
        passes: str,
        scores: Callable[[ExplainedSeries, torch.Generator], Any],
        *,
        signed: bool = False,
    ) -> SeriesMethod:
        return SeriesMethod(name, label, passes, _alone(scores), signed=signed)

    return (
        method(
            "tint_temporal_ig",
            "TemporalIntegratedGradients, tint",
            "50 of each prefix",
            temporal_ig,
            signed=True,
        ),
        method(
            "tint_tunnel",
            "TimeForwardTunnel, tint",
            "50 of each prefix",
            tunnel,
            signed=True,
        ),
        method(
            "tint_augmented_occlusion",
            "AugmentedOcclusion, tint",
            "10 · time · features",
            augmented,
        ),
        method("tint_extremal_mask", "ExtremalMask, tint", "500 epochs", extremal),
        method("tint_dynamask", "DynaMask, tint", "200 epochs of 6 masks", dynamask),
    )


class _Perturbation(nn.Module):
    """What tint's experiments learn beside the mask: a GRU of two directions, then a linear map."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.rnn = nn.GRU(features, _HIDDEN, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * _HIDDEN, features)

    def forward(self, values: Tensor) -> Tensor:
        found: Tensor = self.out(self.rnn(values)[0])
        return found


def _trainer(epochs: int) -> object:
    from pytorch_lightning import Trainer

    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


def _alone(
    scores: Callable[[ExplainedSeries, torch.Generator], Any],
) -> Callable[[ExplainedSeries, torch.Generator], Tensor]:
    """Seeded by the study's generator, quiet, and with derivatives whatever the caller has."""

    def seeded(series: ExplainedSeries, generator: torch.Generator) -> Tensor:
        logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            found: Tensor = scores(series, generator).detach()
            return found

    return seeded


def _baseline(series: ExplainedSeries) -> Tensor:
    return series.baseline.expand_as(series.values).contiguous()
