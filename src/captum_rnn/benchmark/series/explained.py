"""A network over series, the series to explain, and the one number of each that is explained."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class ExplainedSeries:
    """What every method on series is given.

    Attributes:
        model: Maps series (series, time, features), and lengths where there are any, to logits
            (series, classes), or (series, time) at every step.
        layer: Its recurrent layer.
        values: The series (series, time, features).
        targets: The explained class (series,); None where every step has a logit.
        baseline: What stands for the absence of a cell, broadcastable to `values`.
        lengths: Number of steps of each series (series,); None: all are full.
        cells: True for the cells that decide (series, time, features), where that is known.
    """

    model: nn.Module
    layer: nn.Module
    values: Tensor
    targets: Tensor | None
    baseline: Tensor
    lengths: Tensor | None = None
    cells: Tensor | None = None

    @property
    def present(self) -> Tensor | None:
        """True for the steps of each series (series, time); None: all."""
        if self.lengths is None:
            return None
        return torch.arange(self.values.shape[1]) < self.lengths.unsqueeze(1)

    @property
    def arguments(self) -> tuple[Tensor, ...]:
        """What `margin` takes beside the series, row by row, for `additional_forward_args`."""
        return tuple(given for given in (self.targets, self.lengths) if given is not None)

    def margin(self, values: Tensor, *arguments: Tensor) -> Tensor:
        """The explained number of each series (rows,).

        The logit of the explained class less the mean of the others; or the sum of the logits of
        all steps.
        """
        targets, lengths = self._given(arguments)
        logits: Tensor = self.model(values, *lengths)
        if targets is None:
            return logits.sum(1)
        own = _of_classes(logits).gather(1, targets.unsqueeze(1)).squeeze(1)
        return own - (logits.sum(1) - own) / (logits.shape[1] - 1)

    def probability(self, values: Tensor, *arguments: Tensor) -> Tensor:
        """The probability of the explained class (rows,), or the mean over the steps."""
        targets, lengths = self._given(arguments)
        logits: Tensor = self.model(values, *lengths)
        if targets is None:
            return logits.sigmoid().mean(1)
        return _of_classes(logits).softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1)

    def rows(self, chosen: slice) -> "ExplainedSeries":
        """Some of the series."""

        def of(given: Tensor | None) -> Any:
            return None if given is None else given[chosen]

        each = self.baseline.dim() == 3 and len(self.baseline) == len(self.values)
        return replace(
            self,
            values=self.values[chosen],
            targets=of(self.targets),
            baseline=self.baseline[chosen] if each else self.baseline,
            lengths=of(self.lengths),
            cells=of(self.cells),
        )

    def _given(self, arguments: tuple[Tensor, ...]) -> tuple[Tensor | None, tuple[Tensor, ...]]:
        if self.targets is None:
            return None, arguments
        return arguments[0], arguments[1:]


def _of_classes(logits: Tensor) -> Tensor:
    """The logits; ValueError if they are of no two classes, of which one could be explained."""
    if logits.dim() != 2 or logits.shape[1] < 2:
        raise ValueError(
            f"the model answers with {tuple(logits.shape)}; expected logits (series, classes) of "
            "two classes and more: explain torch.cat([-logit, logit], 1) for a single one"
        )
    return logits


def of_predicted_class(model: nn.Module, values: Tensor, lengths: Tensor | None = None) -> Tensor:
    """The predicted class of each series (series,)."""
    with torch.no_grad():
        arguments = () if lengths is None else (lengths,)
        answer: Tensor = model(values, *arguments).argmax(1)
        return answer
