"""Which state of a direction the classifier reads, and the way that leads there."""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from captum_rnn.functional.checks import Readout
from captum_rnn.functional.path import StatePath


def running_pool(
    outputs: Tensor,
    pooling: Literal["mean", "max"],
    lengths: Tensor | None = None,
    *,
    backward: bool = False,
) -> Tensor:
    """The mean or maximum of the states that a direction has passed so far, at every token.

    Args:
        outputs: The state after each token (batch, time, hidden), in the order of the text.
        pooling: ``"mean"`` or ``"max"``.
        lengths: Number of tokens in each row (batch,), where the backward direction starts;
            `None`: all rows are full.
        backward: Whether the direction reads from the last token to the first.

    Returns:
        Pooled states (batch, time, hidden); beyond the end of a row they mean nothing.

    Example:
        >>> outputs = torch.tensor([[[1.0], [3.0], [2.0]]])
        >>> running_pool(outputs, "mean").flatten().tolist()
        [1.0, 2.0, 2.0]
        >>> running_pool(outputs, "max", backward=True).flatten().tolist()
        [3.0, 3.0, 2.0]
    """
    tokens = torch.arange(outputs.shape[1], device=outputs.device)
    if not backward:
        read = (tokens + 1).expand(outputs.shape[:2])
        return _running_pool(outputs, pooling, read)
    ends = outputs.shape[1] if lengths is None else lengths.unsqueeze(1)
    read = (ends - tokens).expand(outputs.shape[:2]).flip(1)
    return _running_pool(outputs.flip(1), pooling, read).flip(1)


def _running_pool(outputs: Tensor, pooling: str, read: Tensor) -> Tensor:
    """Pools in the order of reading; `read` (batch, time) counts the tokens so far, from 1."""
    not_yet = (read < 1).unsqueeze(2)
    if pooling == "max":
        return outputs.masked_fill(not_yet, -math.inf).cummax(1).values
    sums = outputs.masked_fill(not_yet, 0.0).cumsum(1)
    return sums / read.clamp(min=1).unsqueeze(2)


class ReadOut(NamedTuple):
    """The way of one direction to the state that the classifier reads."""

    path: StatePath
    """The states that lead to the target."""
    target: Tensor
    """The state that is read (batch, 1, hidden)."""
    passed: Tensor | None = None
    """The tokens on the way to it (batch, time); None: all of a row."""


def read_out(path: StatePath, lengths: Tensor | None, readout: Readout) -> ReadOut:
    """What a readout reads of one direction; see `captum_rnn.functional.readout_delta`."""
    path = _without_padding(path, lengths)
    if isinstance(readout, str):
        if readout != "final":
            pooled = running_pool(path.outputs, readout, lengths, backward=path.backward)
            path = path._replace(outputs=pooled)
        if path.backward:
            return ReadOut(path, path.outputs[:, :1])
        if lengths is None:
            return ReadOut(path, path.outputs[:, -1:])
        return ReadOut(path, _at(path.outputs, lengths.clamp(min=1) - 1))
    positions = _positions(readout, lengths, path.outputs)
    tokens = torch.arange(path.outputs.shape[1], device=positions.device)
    on_the_way = (
        tokens >= positions.unsqueeze(1) if path.backward else (tokens <= positions.unsqueeze(1))
    )
    return ReadOut(path, _at(path.outputs, positions), on_the_way)


def _without_padding(path: StatePath, lengths: Tensor | None) -> StatePath:
    """The path as if a backward direction, which has read the padding, had begun behind it."""
    if not path.backward or lengths is None or path.ends is not None:
        return path
    time = path.outputs.shape[1]
    behind = _at(path.outputs, lengths.clamp(max=time - 1))
    is_full = (lengths == time).reshape(-1, 1, 1)
    return path._replace(initial=torch.where(is_full, path.first(), behind), ends=lengths)


def _at(outputs: Tensor, tokens: Tensor) -> Tensor:
    """The states (batch, 1, hidden) after one token (batch,) of each row."""
    return outputs[torch.arange(len(outputs), device=outputs.device), tokens].unsqueeze(1)


def _positions(readout: int | Tensor, lengths: Tensor | None, outputs: Tensor) -> Tensor:
    batch, time = outputs.shape[:2]
    if lengths is None:
        lengths = torch.full((batch,), time, device=outputs.device)
    positions = torch.as_tensor(readout, device=outputs.device).to(torch.int64)
    if positions.dim() == 1 and len(positions) != batch:
        raise ValueError(
            f"readout holds {len(positions)} positions for {batch} rows; expected one a row"
        )
    positions = positions.expand(batch)
    outside = ((positions < -lengths) | (positions >= lengths)) & (lengths > 0)
    if outside.any():
        row = int(outside.int().argmax())
        length = int(lengths[row])
        raise ValueError(
            f"readout position {int(positions[row])} of row {row} is out of range; the row has "
            f"{length} token(s), so positions go from {-length} to {length - 1}"
        )
    return torch.where(positions < 0, positions + lengths, positions).clamp(min=0)
