"""Logit delta: the steps of the state along the derivative of the output."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Reads(NamedTuple):
    """Derivatives of the output with respect to what the classifier reads of one direction.

    Attributes:
        outputs: Of the state after each token (batch, time, hidden), in the order of the text;
            None: it reads none of them.
        final: Of the direction's last state (batch, hidden); None: it does not read it.
    """

    outputs: Tensor | None
    final: Tensor | None


def logit_delta(paths: Sequence[Tensor], reads: Sequence[Reads]) -> Tensor:
    r"""Scores each token by the change of the output that its step makes, to first order.

    .. math:: \langle h_t - h_{t-1}, \sum_{p \ge t} \partial f_c / \partial h_p \rangle

    over the states h_p that the classifier reads; for the last state alone this is
    ⟨h_t − h_{t−1}, ∂f_c/∂h_n⟩. Both directions add up.

    Args:
        paths: States at the boundaries (batch, time + 1, hidden) of the forward direction and, for
            a bidirectional layer, of the backward one.
        reads: For each direction, what is read of it.

    Returns:
        Scores (batch, time), in float32 at least. Beyond the end of a row they mean nothing.

    Raises:
        ValueError: Nothing is read of any direction.

    Example:
        >>> states = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]]])
        >>> logit_delta([states], [Reads(None, torch.tensor([[3.0, -1.0]]))])
        tensor([[ 3., -2.]])
    """
    check_reads(reads)
    scores = []
    for direction, (path, read) in enumerate(zip(paths, reads, strict=True)):
        backward = direction == 1
        path = path.to(torch.promote_types(path.dtype, torch.float32))
        if read.final is not None:
            with torch.autocast(path.device.type, enabled=False):
                along = torch.einsum("bth,bh->bt", path, read.final.to(path.dtype))
            scores.append(_steps(along, backward))
        if read.outputs is not None:
            still_read = _still_read(read.outputs.to(path.dtype), backward)
            scores.append((_steps(path, backward) * still_read).sum(-1))
    return torch.stack(scores).sum(0)


def check_reads(reads: Sequence[Reads]) -> None:
    """Raises ValueError if the classifier reads no hidden state, only the cell state of an LSTM."""
    if all(read.outputs is None and read.final is None for read in reads):
        raise ValueError(
            "the model's output depends on the cell state of the recurrent layer only, but this "
            "method scores steps of the hidden state; use AdjointDeltaAttribution, which reads both"
        )


def _steps(path: Tensor, backward: bool) -> Tensor:
    """The change over each token, in the direction of reading."""
    before, after = path[:, :-1], path[:, 1:]
    return before - after if backward else after - before


def _still_read(outputs: Tensor, backward: bool) -> Tensor:
    """For each token the sum over the outputs that are read from it on, as the direction goes."""
    if backward:
        return outputs.cumsum(1)
    return outputs.flip(1).cumsum(1).flip(1)
