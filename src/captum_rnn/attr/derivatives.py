"""What the answer of a model reads of its layers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from captum_rnn.states.apart import check_rows_apart
from captum_rnn.states.following import Following
from captum_rnn.states.graph import Graph, Weighted
from captum_rnn.states.places import Placement
from captum_rnn.states.recording import ReadGradient, Recording
from captum_rnn.states.steps import Steps


class Read(NamedTuple):
    """What the answer of a model reads of its layers: derivatives, and the graph behind them."""

    gradients: list[ReadGradient | None]
    beside: list[Tensor | None]
    graph: Graph | None

    def check_rows_apart(
        self,
        steps: Sequence[Steps],
        rows: Sequence[Tensor],
        placement: Placement,
        batch_axes: Sequence[int],
    ) -> None:
        """Raises ValueError if the answer for a row depends on what other rows of the batch hold.

        See `captum_rnn.states.apart`.
        """
        assert self.graph is not None
        own = [gradient for gradient in self.gradients if gradient is not None]
        check_rows_apart(self.graph, (own, self.beside), steps, rows, placement, batch_axes)


def what_is_read(
    value: Tensor | None,
    answer: Any,
    recording: Recording,
    following: Following,
    *,
    wanted: bool,
) -> Read:
    """The derivatives of the explained values, or of a mixture of all that the model answered."""
    nothing: list[ReadGradient | None] = [None] * len(recording.calls)
    if not wanted:
        return Read(nothing, [], None)
    if value is not None:
        graph = Graph(value, recording, following.entries)
        gradients, beside = graph.of_values()
        return Read(list(gradients), beside, graph)
    if not isinstance(answer, Tensor):
        return Read(nothing, [], None)
    looked_at = _looked_at(answer)
    weighted = Weighted([looked_at], [torch.ones_like(looked_at)])
    gradients, _ = Graph(looked_at, recording, []).gradients(weighted)
    return Read(list(gradients), [], None)


def _looked_at(answer: Tensor) -> Tensor:
    """All that a model answered, in a mixture by which nothing cancels out."""
    draw = torch.Generator(answer.device).manual_seed(0)
    weights = torch.randn(answer.shape, generator=draw, device=answer.device).to(answer.dtype)
    return (answer * weights).reshape(-1)
