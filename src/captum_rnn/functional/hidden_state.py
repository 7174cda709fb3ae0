"""Hidden-state delta: how much nearer each token brought the state to where it ended.

States lie at boundaries between tokens. Boundary 0 precedes the first token, boundary t follows
token t − 1, so `time` tokens have `time + 1` boundaries and token t lies between the boundaries t
and t + 1. The forward direction passes them upwards from its initial state at boundary 0, the
backward direction downwards from its initial state at the end of the row.

The method is due to Su Jianlin (2017), "RNN模型中输入的重要性的评估", Scientific Spaces,
archives/4582.
"""

import math
import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from captum_rnn.functional.checks import Distance, Readout, check_distance, check_lengths

_NORM_ORDERS = {"l2": 2.0, "l1": 1.0, "linf": math.inf}


def hidden_state_delta(
    states: Tensor,
    lengths: Tensor | None = None,
    *,
    distance: Distance = "l2",
    normalize: bool = True,
) -> Tensor:
    r"""Scores each token by how much nearer it brought the hidden state to the last one.

    .. math:: \frac{\lVert h_n - h_{t-1} \rVert - \lVert h_n - h_t \rVert}{\lVert h_n \rVert}

    The scores of a row sum to :math:`\lVert h_n - h_0 \rVert / \lVert h_n \rVert`, which is 1 when
    the initial state is zero. A positive score: the token brought the state nearer to where it
    ended; a negative one: it led away.

    Args:
        states: States (batch, time + 1, hidden), the initial state first.
        lengths: Number of tokens in each row (batch,), 1 to time; `None`: all rows are full.
            States beyond a row's length are not looked at.
        distance: The distance :math:`d(h_t, h_n)` that replaces :math:`\lVert h_n - h_t \rVert`:
            ``"l2"``, ``"l1"`` or ``"linf"`` norm; ``"cosine"``, 1 − cos(h_t, h_n), where a zero
            vector has cosine 0 with everything; ``"projection"``, the distance along the target's
            direction, whose score is ⟨h_t − h_{t−1}, h_n⟩ / ‖h_n‖².
        normalize: Divide by the distance of the zero state from the target, :math:`\lVert h_n
            \rVert` in the chosen norm (L2 for the projection, 1 for the cosine). False: scores in
            the unit of the states.

    Returns:
        Scores (batch, time) in float32, or float64 if the states are; 0 beyond a row's length. A
        row whose target is zero scores 0 when normalised, with a warning. NaN states give NaN.

    Raises:
        ValueError: Wrong shapes, lengths out of range or an unknown distance.
        TypeError: Lengths that are no integers.

    Example:
        >>> states = torch.tensor([[[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]])
        >>> hidden_state_delta(states)
        tensor([[0.2000, 0.8000]])
        >>> hidden_state_delta(states, distance="projection")
        tensor([[0.3600, 0.6400]])
    """
    if states.dim() != 3 or states.shape[1] < 2:
        raise ValueError(
            f"states has shape {tuple(states.shape)}; expected (batch, time + 1, hidden) with the "
            "initial state first and at least one token"
        )
    if lengths is not None:
        lengths = check_lengths(lengths, len(states), states.shape[1] - 1, states.device)
    check_distance(distance)
    return readout_delta([states], lengths, distance=distance, normalize=normalize)


def readout_delta(
    paths: Sequence[Tensor],
    lengths: Tensor | None = None,
    *,
    readout: Readout = "final",
    distance: Distance = "l2",
    normalize: bool = True,
) -> Tensor:
    """Scores each token by how much nearer it brought the state that the classifier reads.

    The raw scores of both directions add up, and so do the distances of their zero states, by
    whose sum `normalize` divides. With one direction and the final state this is
    `hidden_state_delta`.

    Args:
        paths: States at the boundaries (batch, time + 1, hidden) of the forward direction and, for
            a bidirectional layer, of the backward one; see the module's text.
        lengths: Number of tokens in each row (batch,); `None`: all rows are full.
        readout: ``"final"``: each direction's own last state. Positions (an int, or integers
            (batch,), 0-based, negative from the end of each row): both directions' outputs at
            that token; the forward direction scores the tokens up to it, the backward direction
            those from it on. ``"mean"``, ``"max"``: the pooled outputs; the path is then the
            running mean or maximum, which starts at the initial state.
        distance: As for `hidden_state_delta`.
        normalize: As for `hidden_state_delta`.

    Returns:
        The scores (batch, time); what they sum to is `readout_total`.

    Raises:
        ValueError: A position out of range.
    """
    raw, scale = [], []
    for direction, path in enumerate(paths):
        backward = direction == 1
        path, target, passed = _read_out(path, lengths, readout, backward=backward)
        distances, zero_distance = _distances(path, target, distance)
        before, after = distances[:, :-1], distances[:, 1:]
        gains = after - before if backward else before - after
        raw.append(gains if passed is None else torch.where(passed, gains, 0.0))
        scale.append(zero_distance)
    scores = _sum(raw)
    if normalize:
        scores = scores / _without_zeros(_sum(scale))
    if lengths is not None:
        steps = torch.arange(scores.shape[1], device=scores.device)
        scores = scores.masked_fill(steps >= lengths.unsqueeze(1), 0.0)
    return scores


def readout_total(
    paths: Sequence[Tensor],
    lengths: Tensor | None = None,
    *,
    readout: Readout = "final",
    distance: Distance = "l2",
    normalize: bool = True,
) -> Tensor:
    """What the scores of `readout_delta` must sum to, computed from the end points alone.

    That is the distance of the initial state from the target, minus that of the target from
    itself; normalised, it is 1 when the initial state is zero.

    Returns:
        The sums (batch,).

    Example:
        >>> states = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [3.0, 4.0]]])
        >>> readout_total([states], distance="l1"), readout_delta([states], distance="l1").sum(1)
        (tensor([0.8571]), tensor([0.8571]))
    """
    covered, scale = [], []
    for direction, path in enumerate(paths):
        backward = direction == 1
        _, target, _ = _read_out(path, lengths, readout, backward=backward)
        initial = path[:, :1]
        if backward:
            initial = path[:, -1:] if lengths is None else _at(path, lengths)
        ends, zero_distance = _distances(torch.cat([initial, target], 1), target, distance)
        covered.append(ends[:, :1] - ends[:, 1:])
        scale.append(zero_distance)
    total = _sum(covered)
    if normalize:
        total = _divide(total, _sum(scale))
    return total.squeeze(1)


def running_pool(
    path: Tensor,
    pooling: Literal["mean", "max"],
    lengths: Tensor | None = None,
    *,
    backward: bool = False,
) -> Tensor:
    """The mean or maximum of the outputs since the direction's initial state, at every boundary.

    The running pool starts at the initial state, which is itself not pooled.

    Args:
        path: States at the boundaries (batch, time + 1, hidden).
        pooling: ``"mean"`` or ``"max"``.
        lengths: Number of tokens in each row (batch,), where the backward direction starts;
            `None`: all rows are full.
        backward: Whether the path is of the backward direction.

    Returns:
        Pooled states (batch, time + 1, hidden).

    Example:
        >>> states = torch.tensor([[[9.0], [1.0], [3.0]]])
        >>> running_pool(states, "mean").flatten().tolist()
        [9.0, 1.0, 2.0]
        >>> running_pool(states, "mean", backward=True).flatten().tolist()
        [5.0, 1.0, 3.0]
    """
    boundaries = torch.arange(path.shape[1], device=path.device)
    if backward:
        begin = path.shape[1] - 1 if lengths is None else lengths.unsqueeze(1)
        outputs_read = (begin - boundaries).expand(path.shape[:2]).flip(1)
        path = path.flip(1)
    else:
        outputs_read = boundaries.expand(path.shape[:2])
    is_output = (outputs_read > 0).unsqueeze(2)
    if pooling == "mean":
        sums = path.masked_fill(~is_output, 0.0).cumsum(1)
        pooled = sums / outputs_read.clamp(min=1).unsqueeze(2)
    else:
        pooled = path.masked_fill(~is_output, -math.inf).cummax(1).values
    pooled = torch.where(is_output, pooled, path)
    return pooled.flip(1) if backward else pooled


def _read_out(
    path: Tensor, lengths: Tensor | None, readout: Readout, *, backward: bool
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The path that leads to the readout's target, the target, and the tokens on the way.

    Returns:
        path: (batch, time + 1, hidden) in float32 at least.
        target: (batch, 1, hidden).
        passed: Mask (batch, time); `None`: all tokens of a row.
    """
    path = path.to(torch.promote_types(path.dtype, torch.float32))
    if isinstance(readout, str):
        if readout != "final":
            path = running_pool(path, readout, lengths, backward=backward)
        if backward:
            return path, path[:, :1], None
        return path, (path[:, -1:] if lengths is None else _at(path, lengths)), None
    positions = _positions(readout, lengths, path)
    tokens = torch.arange(path.shape[1] - 1, device=path.device)
    if backward:
        return path, _at(path, positions), tokens >= positions.unsqueeze(1)
    return path, _at(path, positions + 1), tokens <= positions.unsqueeze(1)


def _at(path: Tensor, boundaries: Tensor) -> Tensor:
    """The states (batch, 1, hidden) at one boundary (batch,) of each row."""
    return path.take_along_dim(boundaries.reshape(-1, 1, 1), 1)


def _positions(readout: int | Tensor, lengths: Tensor | None, path: Tensor) -> Tensor:
    batch, time = len(path), path.shape[1] - 1
    if lengths is None:
        lengths = torch.full((batch,), time, device=path.device)
    positions = torch.as_tensor(readout, device=path.device).to(torch.int64)
    if positions.dim() == 1 and len(positions) != batch:
        raise ValueError(
            f"readout holds {len(positions)} positions for {batch} rows; expected one a row"
        )
    positions = positions.expand(batch)
    outside = (positions < -lengths) | (positions >= lengths)
    if outside.any():
        row = int(outside.int().argmax())
        length = int(lengths[row])
        raise ValueError(
            f"readout position {int(positions[row])} of row {row} is out of range; the row has "
            f"{length} token(s), so positions go from {-length} to {length - 1}"
        )
    return torch.where(positions < 0, positions + lengths, positions)


def _distances(path: Tensor, target: Tensor, distance: Distance) -> tuple[Tensor, Tensor]:
    """Distances (batch, time + 1) from the target (batch, 1, hidden), and the zero state's.

    The latter, (batch, 1), is what the scores are normalised by.
    """
    if distance in _NORM_ORDERS:
        order = _NORM_ORDERS[distance]
        distances = torch.linalg.vector_norm(path - target, order, dim=-1)
        return distances, torch.linalg.vector_norm(target, order, dim=-1)
    norm = torch.linalg.vector_norm(target, dim=-1)
    direction = _divide(target, norm.unsqueeze(1))
    along = torch.matmul(path, direction.transpose(1, 2)).squeeze(2)
    if distance == "projection":
        return norm - along, norm
    cosine = _divide(along, torch.linalg.vector_norm(path, dim=-1))
    return 1.0 - cosine, torch.where(norm == 0, 0.0, 1.0).to(norm.dtype)


def _divide(values: Tensor, scale: Tensor) -> Tensor:
    """The quotient, and 0 where the scale is 0."""
    return torch.where(scale == 0, 0.0, values / scale)


def _sum(directions: list[Tensor]) -> Tensor:
    return directions[0] if len(directions) == 1 else directions[0] + directions[1]


def _without_zeros(scale: Tensor) -> Tensor:
    """Infinity instead of 0, so that dividing by it gives 0; warns once if there is any."""
    if scale.all():
        return scale
    is_zero = scale == 0
    warnings.warn(
        f"{int(is_zero.sum())} of {len(scale)} rows end in a zero state, which no token "
        "approached: their normalised scores are 0; use normalize=False for the distances",
        stacklevel=3,
    )
    return scale.masked_fill(is_zero, math.inf)
