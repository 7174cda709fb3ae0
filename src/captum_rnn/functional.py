"""The mathematics of the hidden-state scores: states in, scores out; no modules, no hooks.

States lie at boundaries between tokens. Boundary 0 precedes the first token, boundary t follows
token t − 1, so `time` tokens have `time + 1` boundaries. A direction of reading runs from the
boundary `begin` to the boundary `end`: upwards for the forward direction, downwards for the
backward one. Token t lies between the boundaries t and t + 1.

The method is due to Su Jianlin (2017), "RNN模型中输入的重要性的评估", Scientific Spaces,
archives/4582.
"""

import math
import warnings
from typing import Literal, NamedTuple, TypeAlias, get_args

import torch
from torch import Tensor

Distance: TypeAlias = Literal["l2", "l1", "linf", "cosine", "projection"]
Readout: TypeAlias = Literal["final", "mean", "max"] | int | Tensor

_NORM_ORDERS = {"l2": 2.0, "l1": 1.0, "linf": math.inf}


class Scores(NamedTuple):
    """Token scores and the value that they must sum to."""

    tokens: Tensor
    """Score of each token (batch, time); 0 beyond a row's length."""
    total: Tensor
    """What the scores of a row sum to (batch,), computed from its two end points alone."""


class _Approach(NamedTuple):
    raw: Tensor  # (batch, time) by how much each token brought the state nearer to the target
    total: Tensor  # (batch,) by how much all of them did
    scale: Tensor  # (batch,) distance of the zero state from the target


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
    lengths = check_lengths(lengths, len(states), states.shape[1] - 1, states.device)
    return readout_delta(
        states.unsqueeze(2), lengths, distance=check_distance(distance), normalize=normalize
    ).tokens


def readout_delta(
    states: Tensor,
    lengths: Tensor,
    *,
    readout: Readout = "final",
    distance: Distance = "l2",
    normalize: bool = True,
) -> Scores:
    """Scores each token by how much nearer it brought the state that the classifier reads.

    The raw scores of both directions add up, and so do the distances of their zero states, by
    whose sum `normalize` divides. With one direction and the final state this is
    `hidden_state_delta`.

    Args:
        states: States at the boundaries (batch, time + 1, direction, hidden), the forward
            direction first; see the module's text.
        lengths: Number of tokens in each row (batch,).
        readout: ``"final"``: each direction's own last state. Positions (an int, or integers
            (batch,), 0-based, negative from the end of each row): both directions' outputs at
            that token; the forward direction scores the tokens up to it, the backward direction
            those from it on. ``"mean"``, ``"max"``: the pooled outputs; the trajectory is then
            the running mean or maximum, which starts at the initial state.
        distance: As for `hidden_state_delta`.
        normalize: As for `hidden_state_delta`.

    Returns:
        The scores (batch, time) and what they must sum to (batch,).

    Raises:
        ValueError: A position out of range.
    """
    parts = []
    for direction in range(states.shape[2]):
        path = states[:, :, direction].to(torch.promote_types(states.dtype, torch.float32))
        begin, end = _span(lengths, readout, backward=direction == 1)
        if isinstance(readout, str) and readout != "final":
            path = running_pool(path, begin, readout, backward=direction == 1)
        parts.append(_approach(path, begin, end, distance))
    raw = sum((part.raw for part in parts[1:]), parts[0].raw)
    total = sum((part.total for part in parts[1:]), parts[0].total)
    if not normalize:
        return Scores(raw, total)
    scale = sum((part.scale for part in parts[1:]), parts[0].scale)
    _warn_of_zero_targets(scale)
    return Scores(_divide(raw, scale.unsqueeze(1)), _divide(total, scale))


def running_pool(
    states: Tensor, begin: Tensor, pooling: Literal["mean", "max"], *, backward: bool = False
) -> Tensor:
    """The mean or maximum of all outputs since `begin`, at every boundary.

    Args:
        states: States at the boundaries (batch, time + 1, hidden).
        begin: The boundary (batch,) at which the direction starts. Its initial state is where the
            running pool starts, and is not pooled.
        pooling: ``"mean"`` or ``"max"``.
        backward: The direction runs downwards from `begin`.

    Returns:
        Pooled states (batch, time + 1, hidden); before `begin` the states as they were.

    Example:
        >>> states = torch.tensor([[[9.0], [1.0], [3.0]]])
        >>> running_pool(states, torch.tensor([0]), "mean").flatten().tolist()
        [9.0, 1.0, 2.0]
    """
    if backward:
        last = states.shape[1] - 1
        return running_pool(states.flip(1), last - begin, pooling).flip(1)
    outputs_read = torch.arange(states.shape[1], device=states.device) - begin.unsqueeze(1)
    is_output = (outputs_read > 0).unsqueeze(2)
    if pooling == "mean":
        sums = states.masked_fill(~is_output, 0.0).cumsum(1)
        pooled = sums / outputs_read.clamp(min=1).unsqueeze(2)
    else:
        pooled = states.masked_fill(~is_output, -math.inf).cummax(1).values
    return torch.where(is_output, pooled, states)


def check_distance(distance: str) -> Distance:
    """Returns `distance` if it is known; raises ValueError otherwise."""
    if distance not in get_args(Distance):
        known = ", ".join(repr(name) for name in get_args(Distance))
        raise ValueError(f"distance is {distance!r}; expected one of {known}")
    return distance  # type: ignore[return-value]


def check_readout(readout: Readout) -> Readout:
    """Returns `readout` if it is a known name or holds positions.

    Raises:
        ValueError: An unknown name, or positions of another shape than (batch,).
        TypeError: Neither a name nor integers.
    """
    expected = 'expected "final", "mean", "max", an int or an integer tensor of positions (batch,)'
    if isinstance(readout, Tensor):
        if readout.is_floating_point() or readout.is_complex() or readout.dtype == torch.bool:
            raise TypeError(f"readout is a tensor of dtype {readout.dtype}; {expected}")
        if readout.dim() != 1:
            raise ValueError(f"readout is a tensor of shape {tuple(readout.shape)}; {expected}")
    elif isinstance(readout, str):
        if readout not in ("final", "mean", "max"):
            raise ValueError(f"readout is {readout!r}; {expected}")
    elif isinstance(readout, bool) or not isinstance(readout, int):
        raise TypeError(f"readout is of type {type(readout).__name__}; {expected}")
    return readout


def check_lengths(
    lengths: Tensor | None, batch: int, time: int, device: torch.device | None = None
) -> Tensor:
    """Returns the lengths (batch,) on `device`; `time` for every row if None.

    Raises:
        ValueError: Another shape than (batch,), or a length outside 1 to `time`.
        TypeError: No tensor of integers.
    """
    if lengths is None:
        return torch.full((batch,), time, device=device)
    expected = f"expected an integer tensor of shape ({batch},), each length from 1 to {time}"
    if not isinstance(lengths, Tensor):
        raise TypeError(f"lengths is of type {type(lengths).__name__}; {expected}")
    if lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
        raise TypeError(f"lengths has dtype {lengths.dtype}; {expected}")
    if lengths.shape != (batch,):
        raise ValueError(f"lengths has shape {tuple(lengths.shape)}; {expected}")
    lengths = lengths.to(device=device, dtype=torch.int64)
    outside = (lengths < 1) | (lengths > time)
    if outside.any():
        row = int(outside.int().argmax())
        raise ValueError(f"lengths[{row}] is {int(lengths[row])}; {expected}")
    return lengths


def _span(lengths: Tensor, readout: Readout, *, backward: bool) -> tuple[Tensor, Tensor]:
    """The boundaries (batch,) where a direction begins and where the state it is read at lies."""
    begin, end = torch.zeros_like(lengths), lengths
    if backward:
        begin, end = end, begin
    if isinstance(readout, str):
        return begin, end
    positions = _positions(readout, lengths)
    return begin, (positions if backward else positions + 1)


def _positions(readout: int | Tensor, lengths: Tensor) -> Tensor:
    positions = torch.as_tensor(readout, device=lengths.device).to(torch.int64)
    if positions.dim() == 1 and positions.shape != lengths.shape:
        raise ValueError(
            f"readout holds {len(positions)} positions for {len(lengths)} rows; expected one a row"
        )
    positions = positions.expand_as(lengths)
    outside = (positions < -lengths) | (positions >= lengths)
    if outside.any():
        row = int(outside.int().argmax())
        length = int(lengths[row])
        raise ValueError(
            f"readout position {int(positions[row])} of row {row} is out of range; the row has "
            f"{length} token(s), so positions go from {-length} to {length - 1}"
        )
    return torch.where(positions < 0, positions + lengths, positions)


def _approach(states: Tensor, begin: Tensor, end: Tensor, distance: Distance) -> _Approach:
    rows = torch.arange(len(states), device=states.device)
    distances, scale = _distances(states, states[rows, end], distance)
    gains = distances[:, :-1] - distances[:, 1:]
    steps = torch.arange(gains.shape[1], device=gains.device)
    first, last = torch.minimum(begin, end), torch.maximum(begin, end)
    passed = (steps >= first.unsqueeze(1)) & (steps < last.unsqueeze(1))
    upwards = torch.where(begin <= end, 1, -1).unsqueeze(1)
    raw = torch.where(passed, gains * upwards, 0.0)
    return _Approach(raw, distances[rows, begin] - distances[rows, end], scale)


def _distances(states: Tensor, target: Tensor, distance: Distance) -> tuple[Tensor, Tensor]:
    """Distances (batch, time + 1) from the target (batch, hidden), and that of the zero state."""
    if distance in _NORM_ORDERS:
        order = _NORM_ORDERS[distance]
        distances = torch.linalg.vector_norm(states - target.unsqueeze(1), order, dim=-1)
        return distances, torch.linalg.vector_norm(target, order, dim=-1)
    norm = torch.linalg.vector_norm(target, dim=-1)
    along = torch.einsum("bth,bh->bt", states, _divide(target, norm.unsqueeze(1)))
    if distance == "projection":
        return norm.unsqueeze(1) - along, norm
    cosine = _divide(along, torch.linalg.vector_norm(states, dim=-1))
    return 1.0 - cosine, torch.where(norm == 0, 0.0, 1.0).to(norm.dtype)


def _divide(values: Tensor, scale: Tensor) -> Tensor:
    """The quotient; 0 where the value or the scale is, so that NaN never reaches the padding."""
    return torch.where((values == 0) | (scale == 0), 0.0, values / scale)


def _warn_of_zero_targets(scale: Tensor) -> None:
    zero_targets = int((scale == 0).sum())
    if zero_targets:
        warnings.warn(
            f"{zero_targets} of {len(scale)} rows end in a zero state, which no token approached: "
            "their normalised scores are 0; use normalize=False for the distances themselves",
            stacklevel=2,
        )
