"""Hidden-state delta: how much nearer each token brought the state to where it ended.

The method is due to Su Jianlin (2017), "RNN模型中输入的重要性的评估", Scientific Spaces,
archives/4582.
"""

import math
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from captum_rnn.functional.checks import (
    Distance,
    Readout,
    check_distance,
    check_lengths,
    check_readout,
)
from captum_rnn.functional.path import StatePath
from captum_rnn.functional.readout import read_out

_NORM_ORDERS = {"l1": 1.0, "linf": math.inf}
_NUMBERS_IN_CACHE = 1 << 17
"""Numbers of which a core's cache holds a few copies."""


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
        TypeError: States that are no tensor, or lengths that are no integers.

    Example:
        >>> states = torch.tensor([[[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]])
        >>> hidden_state_delta(states)
        tensor([[0.2000, 0.8000]])
        >>> hidden_state_delta(states, distance="projection")
        tensor([[0.3600, 0.6400]])
    """
    if not isinstance(states, Tensor):
        raise TypeError(f"states is of type {type(states).__name__}; expected a tensor")
    if states.dim() != 3 or states.shape[1] < 2:
        raise ValueError(
            f"states has shape {tuple(states.shape)}; expected (batch, time + 1, hidden) with the "
            "initial state first and at least one token"
        )
    if lengths is not None:
        lengths = check_lengths(lengths, len(states), states.shape[1] - 1, states.device)
    check_distance(distance)
    path = StatePath.of_states(states)
    return readout_delta([path], lengths, distance=distance, normalize=normalize)


def readout_delta(
    paths: Sequence[StatePath],
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
        paths: The states of the forward direction and, for a bidirectional layer, of the backward
            one.
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
        ValueError: A position out of range, an unknown distance or readout.
    """
    check_distance(distance)
    readout = check_readout(readout)
    raw, scale = [], []
    for path in paths:
        path, target, passed = read_out(path, lengths, readout)
        after, zero_distance = _distances(path.outputs, target, distance)
        first = _first_distance(path, target, zero_distance, distance)
        gains = path.before(after, first) - after
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
    paths: Sequence[StatePath],
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
        The sums (batch,); 0 for a row without tokens.

    Example:
        >>> states = torch.tensor([[[1.0, 0.0], [3.0, 0.0], [3.0, 4.0]]])
        >>> path = StatePath.of_states(states)
        >>> readout_total([path], distance="l1"), readout_delta([path], distance="l1").sum(1)
        (tensor([0.8571]), tensor([0.8571]))
    """
    check_distance(distance)
    readout = check_readout(readout)
    covered, scale = [], []
    for path in paths:
        path, target, _ = read_out(path, lengths, readout)
        ends = torch.cat([path.first(), target], 1)
        distances, zero_distance = _distances(ends, target, distance)
        covered.append(distances[:, :1] - distances[:, 1:])
        scale.append(zero_distance)
    total = _sum(covered)
    if normalize:
        total = quotient(total, _sum(scale))
    total = total.squeeze(1)
    return total if lengths is None else total.masked_fill(lengths == 0, 0.0)


def _first_distance(
    path: StatePath, target: Tensor, zero_distance: Tensor, distance: Distance
) -> Tensor:
    """The distance (batch, 1) of the initial state from the target."""
    if path.initial is not None:
        return _distances(path.initial, target, distance)[0]
    # Also from a zero target, a zero state has cosine 0.
    return torch.ones_like(zero_distance) if distance == "cosine" else zero_distance


def _distances(states: Tensor, target: Tensor, distance: Distance) -> tuple[Tensor, Tensor]:
    """Distances (batch, time) from the target (batch, 1, hidden), and the zero state's.

    The latter, (batch, 1), is what the scores are normalised by.
    """
    precise = torch.promote_types(states.dtype, torch.float32)
    target = target.to(precise)
    if distance in ("l1", "linf"):
        order = _NORM_ORDERS[distance]
        distances = torch.linalg.vector_norm(states - target, order, dim=-1)
        return distances, torch.linalg.vector_norm(target, order, dim=-1)
    if distance == "l2":
        return _l2_distances(states, target)
    norm = scaled_norm(target)
    direction = quotient(target, norm.unsqueeze(1))
    with torch.autocast(states.device.type, enabled=False):
        along = torch.matmul(states.to(precise), direction.transpose(1, 2)).squeeze(2)
    if distance == "projection":
        return norm - along, norm
    cosine = quotient(along, scaled_norm(states.to(precise)))
    return 1.0 - cosine, torch.where(norm == 0, 0.0, 1.0).to(precise)


def _l2_distances(states: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """The distances (batch, time) of the states from the target, and its norm (batch, 1).

    Squares below the smallest number of float32, 1e-38, vanish, and above the largest one, 3e38,
    they are infinite. Only rows where that may cost more than rounding does are computed again.
    """
    norm: Tensor = torch.linalg.vector_norm(target, dim=-1)
    rows = max(1, _NUMBERS_IN_CACHE // max(1, states[0].numel()))
    parts = zip(torch.split(states, rows), torch.split(target, rows), strict=True)
    each = [torch.linalg.vector_norm(part - end, dim=-1) for part, end in parts]
    distances = each[0] if len(each) == 1 else torch.cat(each)
    shortest, longest = map(float, norm.aminmax())
    if shortest > 1e-10 and longest < 1e18 and float(distances.amax()) < 1e18:
        return distances, norm
    in_range = (norm > 1e-10) & (norm < 1e18) & (distances < 1e18).all(1, keepdim=True)
    steps = states - target
    scaled = [scaled_norm(vectors) for vectors in (steps, target)]
    return torch.where(in_range, distances, scaled[0]), torch.where(in_range, norm, scaled[1])


def scaled_norm(vectors: Tensor) -> Tensor:
    """L2 norms over the last dimension, whatever their order of magnitude.

    The vectors are scaled to a largest component of 1 before they are squared, as BLAS does.
    """
    largest = vectors.abs().amax(-1, keepdim=True)
    unit = torch.where((largest > 0) & largest.isfinite(), largest, 1.0)
    norms: Tensor = torch.linalg.vector_norm(vectors / unit, dim=-1)
    return norms * unit.squeeze(-1)


def quotient(values: Tensor, scale: Tensor) -> Tensor:
    """The quotient, and 0 where the scale is 0."""
    return torch.where(scale == 0, 0.0, values / scale)


def _sum(directions: list[Tensor]) -> Tensor:
    return directions[0] if len(directions) == 1 else directions[0] + directions[1]


def _without_zeros(scale: Tensor) -> Tensor:
    """Infinity instead of 0, so that dividing by it gives 0; warns once if there is any."""
    if 0.0 not in scale.flatten().tolist():
        return scale
    is_zero = scale == 0
    warnings.warn(
        f"{int(is_zero.sum())} of {len(scale)} rows end in a zero state, which no token "
        "approached: their normalised scores are 0; use normalize=False for the distances",
        stacklevel=3,
    )
    return scale.masked_fill(is_zero, math.inf)
