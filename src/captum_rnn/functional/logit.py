"""Logit delta: the steps of the state along the derivative of the output."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from captum_rnn.functional.path import StatePath


class Reads(NamedTuple):
    """Derivatives of the output with respect to what the classifier reads of one direction.

    Attributes:
        outputs: Of the state after each token (batch, time, hidden), in the order of the text;
            None: it reads none of them.
        final: Of the direction's last state (batch, hidden); None: it does not read it.
    """

    outputs: Tensor | None
    final: Tensor | None


def logit_delta(paths: Sequence[StatePath], reads: Sequence[Reads]) -> Tensor:
    r"""Scores each token by the change of the output that its step makes, to first order.

    .. math:: \langle h_t - h_{t-1}, \sum_{p \ge t} \partial f_c / \partial h_p \rangle

    over the states h_p that the classifier reads; for the last state alone this is
    ⟨h_t − h_{t−1}, ∂f_c/∂h_n⟩. Both directions add up.

    Args:
        paths: The states that are looked at: of each direction, of lower layers, cell states.
        reads: For each of them, what is read of it.

    Returns:
        Scores (batch, time), in float32 at least. Beyond the end of a row they mean nothing.

    Example:
        >>> path = StatePath.of_states(torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]]]))
        >>> logit_delta([path], [Reads(None, torch.tensor([[3.0, -1.0]]))])
        tensor([[ 3., -2.]])
    """
    nothing = paths[0].outputs.new_zeros(paths[0].outputs.shape[:2])
    scores = [nothing.to(torch.promote_types(nothing.dtype, torch.float32))]
    for path, read in zip(paths, reads, strict=True):
        if read.final is not None:
            scores.append(_gains(path, read.final))
        if read.outputs is not None:
            scores.append(_gains_towards_outputs(path, read.outputs))
    return torch.stack(scores).sum(0)


def gains_along(path: StatePath, vectors: Tensor) -> Tensor:
    """The steps of a direction along some vectors, as differences of numbers.

    Args:
        path: The states.
        vectors: Some for each row (batch, number, hidden).

    Returns:
        ⟨h_t − h_{t−1}, v⟩ (batch, time, number), in float32 at least.

    Example:
        >>> path = StatePath.of_states(torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]]]))
        >>> gains_along(path, torch.tensor([[[3.0, -1.0], [1.0, 1.0]]])).tolist()
        [[[3.0, 1.0], [-2.0, 2.0]]]
    """
    precise = torch.promote_types(path.outputs.dtype, torch.float32)
    columns = vectors.to(precise).transpose(1, 2)
    with torch.autocast(columns.device.type, enabled=False):
        along = torch.matmul(path.outputs.to(precise), columns)
        first = (
            along.new_zeros(len(along), 1, along.shape[2])
            if path.initial is None
            else torch.matmul(path.initial.to(precise), columns)
        )
    return along - path.before(along, first)


def _gains(path: StatePath, derivative: Tensor) -> Tensor:
    """The steps along one derivative (batch, hidden): (batch, time)."""
    return gains_along(path, derivative.unsqueeze(1)).squeeze(2)


def _gains_towards_outputs(path: StatePath, derivatives: Tensor) -> Tensor:
    """The steps along all derivatives (batch, time, hidden) that are still ahead of them."""
    is_read = (derivatives.amax(-1) != 0) | (derivatives.amin(-1) != 0)
    if (is_read.sum(1) <= 1).all():  # as for output[:, -1]
        position = is_read.int().argmax(1, keepdim=True)
        derivative = derivatives.take_along_dim(position.unsqueeze(2), 1).squeeze(1)
        tokens = torch.arange(is_read.shape[1], device=is_read.device)
        on_the_way = tokens >= position if path.backward else tokens <= position
        return torch.where(on_the_way, _gains(path, derivative), 0.0)
    precise = torch.promote_types(path.outputs.dtype, torch.float32)
    states, ahead = path.states().to(precise), derivatives.to(precise)
    if path.backward:
        return -(states.diff(dim=1) * ahead.cumsum(1)).sum(-1)
    return (states.diff(dim=1) * ahead.flip(1).cumsum(1).flip(1)).sum(-1)
