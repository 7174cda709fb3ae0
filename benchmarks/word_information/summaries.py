"""Figures over texts, each with its 95 % interval."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from captum_rnn.evaluation import mean_interval
from captum_rnn.evaluation.agreement.correlations import rank_correlation

SEED = 0


def over_texts(values: Sequence[float] | Tensor) -> dict[str, Any]:
    """Mean over texts with its bootstrap interval; NaN texts are left out and counted."""
    found = asdict(mean_interval(torch.as_tensor(values, dtype=torch.float64), seed=SEED))
    return {key: round(value, 4) for key, value in found.items()}


def text_correlations(first: Tensor, second: Tensor) -> Tensor:
    """Spearman's correlation over the words of each text (texts,); NaN scores are padding."""
    return torch.tensor(
        [
            rank_correlation(one[one.isfinite()].tolist(), other[one.isfinite()].tolist())
            for one, other in zip(first, second, strict=True)
        ],
        dtype=torch.float64,
    )


def shown(figure: dict[str, Any] | None) -> str:
    """A mean and its interval, as the tables show them; a dash where there is none."""
    if figure is None:
        return "–"
    return f"{figure['mean']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"
