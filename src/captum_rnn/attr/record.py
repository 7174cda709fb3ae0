"""What a method scores: what the recurrent layer and the model did in one forward pass."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from captum_rnn.attr.inputs import InputLayout
from captum_rnn.states import LayerCall, ReadGradient, Trajectory


@dataclass(frozen=True)
class Record:
    """What the recurrent layer did for one input tensor.

    Attributes:
        layout: The layout of the input.
        call: The call of the layer.
        path: The states that it passed through.
        gradient: What the classifier reads of them; None for methods that do not look at it.
        target: The class that is explained, as the user gave it; Captum has found that it fits.
    """

    layout: InputLayout
    call: LayerCall
    path: Trajectory
    gradient: ReadGradient | None = None
    target: Any = None


@dataclass(frozen=True)
class Run:
    """One forward pass of the model.

    Attributes:
        layer: The recurrent layer.
        forward: Runs the model again, and returns the explained value of each row (batch,).
        value: The explained values; None for methods that do not look at the output.
        records: One for each input tensor.
    """

    layer: nn.RNNBase
    forward: Callable[[], Any]
    value: Tensor | None
    records: list[Record]


Score: TypeAlias = Callable[[Any, nn.RNNBase, Record], Tensor]


def in_full_precision(score: Score) -> Score:
    """Keeps the caller's autocast away from the matrix products of a `_score` method."""

    @functools.wraps(score)
    def precise(self: Any, layer: nn.RNNBase, record: Record) -> Tensor:
        with torch.autocast(next(layer.parameters()).device.type, enabled=False):
            return score(self, layer, record)

    return precise
