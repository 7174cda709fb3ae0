"""What a method is, to the shell that runs the model and to the walk through its layers."""

import functools
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor, nn

from captum_rnn.attr.records import Record, Run
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.trajectory import Trajectory


class StepMethod:
    """Scores the steps of a recurrent layer, from a record of what it did.

    A subclass says `_score`; the rest as far as its method needs or knows it.
    """

    _looks_at_class: ClassVar[bool] = False
    """Whether the scores depend on the explained class."""
    _passes_on: ClassVar[bool] = False
    """Whether it says, in `_handed_on`, what a layer's inputs are worth."""
    _scores_inputs: ClassVar[bool] = False
    """Whether that is the score itself, so that a layer above another has none of its own."""
    _scores_static: ClassVar[bool] = False
    """Whether it scores what the model is given beside the steps, and initial states."""
    _compares_with_zero: ClassVar[bool] = False
    """Whether inputs of 0 stand for the baselines where none are given."""

    @property
    def _needs_gradient(self) -> bool:
        """Whether the scores hold derivatives of the output with respect to what is read."""
        return self._looks_at_class

    def _select(self, layer: nn.Module, call: LayerCall, top: Trajectory) -> Trajectory:
        """The states that the method looks at: those of the top layer, unless it says otherwise."""
        return top

    def _handed_on(self, layer: nn.Module, record: Record) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What a layer's inputs (rows, time, features) and initial states are worth to the output.

        Only of a method that passes on what a layer read.
        """
        raise NotImplementedError

    def _score(self, layer: nn.Module, record: Record) -> Tensor:
        """The method itself: scores (rows, time) of the steps of the layer.

        Of a record `of_features`, those of the features that it reads (rows, time, features).
        """
        raise NotImplementedError

    def _knows_features(self, run: Run) -> bool:
        """Whether it tells the features of a step apart, which `_score` then does."""
        return False

    def _goes_through(self, run: Run) -> bool:
        """Whether it knows what each feature that the layer reads is worth, and passes that on."""
        return False

    def _totals(self, run: Run) -> Tensor:
        """What the scores of each row must sum to (batch,), over all inputs, if that is known."""
        raise NotImplementedError


Score: TypeAlias = Callable[[Any, nn.Module, Record], Any]


def in_full_precision(score: Score) -> Score:
    """Keeps the caller's autocast away from the matrix products of a `_score` method."""

    @functools.wraps(score)
    def precise(self: Any, layer: nn.Module, record: Record) -> Any:
        with torch.autocast(record.path.directions[0].outputs.device.type, enabled=False):
            return score(self, layer, record)

    return precise
