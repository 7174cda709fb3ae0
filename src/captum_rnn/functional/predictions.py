"""Scores of every step for every prediction, where a model answers after each step."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from captum_rnn.functional.checks import Distance, check_distance
from captum_rnn.functional.hidden_state import quotient, scaled_norm
from captum_rnn.functional.logit import Reads, gains_along
from captum_rnn.functional.path import StatePath

_PREDICTIONS_AT_ONCE = 32

Aggregate: TypeAlias = Literal["last", "sum", "window"]


def hidden_state_matrix(
    paths: Sequence[StatePath],
    steps: Tensor,
    lengths: Tensor | None = None,
    *,
    distance: Distance = "l2",
    normalize: bool = True,
) -> Tensor:
    r"""Hidden-state delta of every step towards the state that each prediction reads.

    .. math:: \frac{\lVert h_p - h_{t-1} \rVert - \lVert h_p - h_t \rVert}{\lVert h_p \rVert},
              \qquad t \le p

    A row of it is `captum_rnn.functional.readout_delta` with the step as its readout.

    Args:
        paths: The states of the forward direction and, for a bidirectional layer, of the backward
            one, whose steps t ≥ p lead to its state at p.
        steps: The step whose state each prediction reads (predictions,).
        lengths: Number of tokens in each row (batch,); None: all rows are full.
        distance: As for `captum_rnn.functional.hidden_state_delta`.
        normalize: As there.

    Returns:
        Scores (batch, prediction, time); 0 for predictions and steps beyond a row's length, and
        for predictions that read a zero state, when normalised.

    Example:
        >>> path = StatePath.of_states(torch.tensor([[[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]]))
        >>> hidden_state_matrix([path], torch.tensor([0, 1]))
        tensor([[[1.0000, 0.0000],
                 [0.2000, 0.8000]]])
    """
    check_distance(distance)
    scores, scale = [], []
    for path in paths:
        gains, zero_distance = _gains(path, steps, distance)
        scores.append(gains)
        scale.append(zero_distance)
    total = torch.stack(scores).sum(0) if len(scores) > 1 else scores[0]
    if normalize:
        total = quotient(total, torch.stack(scale).sum(0).unsqueeze(2))
    return within_rows(total, steps, lengths)


def _gains(path: StatePath, steps: Tensor, distance: Distance) -> tuple[Tensor, Tensor]:
    """How much nearer each step brought the states, and the zero states' distances.

    Returns:
        (batch, predictions, time) and (batch, predictions).
    """
    states = torch.cat([path.first(), path.outputs], 1)
    states = states.to(torch.promote_types(states.dtype, torch.float32))
    between = _Distances(states, distance)
    zero_distance = between.of_zero.index_select(1, steps)
    found = []
    for part in torch.split(steps, _PREDICTIONS_AT_ONCE):
        # A forward direction is not asked beyond the last step that is read.
        end = path.outputs.shape[1] if path.backward else int(part.amax()) + 1
        until = path._replace(outputs=path.outputs[:, :end])
        distances = between.of(end + 1, part + 1)
        first, after = distances[:, :1], distances[:, 1:]
        gains = (until.before(after, first) - after).transpose(1, 2)
        found.append(F.pad(_on_the_way(gains, path, part), (0, path.outputs.shape[1] - end)))
    return torch.cat(found, 1), zero_distance


class _Distances:
    """Distances between the states of a path, the initial one first.

    The L2 distances of float32 are found by one matrix product in float64, in which no square
    vanishes and what small distances lose is below the rounding of float32. Those of float64 are
    taken one by one, of states that are scaled.

    Args:
        states: (batch, time + 1, hidden).
        distance: As for `hidden_state_matrix`.
    """

    def __init__(self, states: Tensor, distance: Distance) -> None:
        self._distance, self._states = distance, states
        order = {"l1": 1.0, "linf": torch.inf}.get(distance)
        self._order, self._by_product = order, distance == "l2" and states.dtype == torch.float32
        if self._by_product:
            self._states = states.double()
            self._squares = self._states.square().sum(2)
            norms = self._squares.sqrt().float()
        elif order is not None:
            norms = torch.linalg.vector_norm(states, order, dim=-1)
        else:
            norms = scaled_norm(states)
        self._norms = norms
        zero = torch.where(norms == 0, 0.0, 1.0).to(norms) if distance == "cosine" else norms
        self.of_zero = zero[:, 1:]
        """Of the zero state from the state after each step (batch, time)."""

    def of(self, end: int, targets: Tensor) -> Tensor:
        """From the first `end` states to `targets`, by number (batch, end, predictions)."""
        states, chosen = self._states[:, :end], self._states.index_select(1, targets)
        if self._by_product:
            squares = self._squares[:, :end].unsqueeze(2)
            found = torch.baddbmm(squares, states, chosen.transpose(1, 2), alpha=-2)
            found += self._squares.index_select(1, targets).unsqueeze(1)
            return found.clamp_(min=0).sqrt_().float()
        if self._order is not None:
            return torch.cdist(states, chosen, self._order)
        if self._distance == "l2":
            largest = states.abs().amax((1, 2), keepdim=True)
            unit = torch.where((largest > 0) & largest.isfinite(), largest, 1.0)
            apart = "donot_use_mm_for_euclid_dist"
            return torch.cdist(states / unit, chosen / unit, compute_mode=apart) * unit
        norm = self._norms.index_select(1, targets).unsqueeze(2)
        along = torch.bmm(states, quotient(chosen, norm).transpose(1, 2))
        if self._distance == "projection":
            return norm.transpose(1, 2) - along
        return 1.0 - quotient(along, self._norms[:, :end].unsqueeze(2))


def logit_matrix(
    paths: Sequence[StatePath],
    reads: Sequence[Reads],
    steps: Tensor,
    lengths: Tensor | None = None,
) -> Tensor:
    r"""Logit delta of every step for predictions that each read the output of one step.

    .. math:: \langle h_t - h_{t-1}, \partial f_p / \partial h_p \rangle, \qquad t \le p

    A row of it is `captum_rnn.functional.logit.logit_delta` of one prediction.

    Args:
        paths: The states of each direction.
        reads: For each direction, the derivatives of all predictions.
        steps: The step that each prediction reads (predictions,).
        lengths: Number of tokens in each row (batch,); None: all rows are full.

    Returns:
        Scores (batch, prediction, time).

    Example:
        >>> path = StatePath.of_states(torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]]]))
        >>> reads = Reads(torch.tensor([[[3.0, -1.0], [1.0, 1.0]]]), None)
        >>> logit_matrix([path], [reads], torch.tensor([0, 1])).tolist()
        [[[3.0, 0.0], [1.0, 2.0]]]
    """
    scores = []
    for path, read in zip(paths, reads, strict=True):
        if read.outputs is not None:
            gains = gains_along(path, read.outputs.index_select(1, steps)).transpose(1, 2)
            scores.append(_on_the_way(gains, path, steps))
    return within_rows(torch.stack(scores).sum(0), steps, lengths)


def _on_the_way(gains: Tensor, path: StatePath, steps: Tensor) -> Tensor:
    """The gains (batch, prediction, time) of steps that lead to the state that is read, else 0."""
    time = torch.arange(gains.shape[2], device=gains.device)
    read_at = steps.unsqueeze(1)
    return gains.where(time >= read_at if path.backward else time <= read_at, 0.0)


def within_rows(scores: Tensor, steps: Tensor | None, lengths: Tensor | None) -> Tensor:
    """Scores (batch, prediction, time, ...), and 0 beyond the lengths (batch,) of the rows.

    Args:
        scores: The scores.
        steps: The step that each prediction reads (predictions,); None: no single one.
        lengths: The lengths; None: all rows are full.
    """
    if lengths is None:
        return scores
    time = torch.arange(scores.shape[2], device=scores.device)
    ends = lengths.reshape(-1, 1, 1)
    beyond = time >= ends if steps is None else (time >= ends) | (steps.unsqueeze(1) >= ends)
    return scores.masked_fill(_with_axes(beyond, scores), 0.0)


def check_aggregate(aggregate: Aggregate | None, window: int | None) -> None:
    """Raises ValueError for an unknown aggregate, or a window that is missing or not used."""
    if aggregate is not None and aggregate not in get_args(Aggregate):
        raise ValueError(
            f"aggregate is {aggregate!r}; expected None, "
            + ", ".join(map(repr, get_args(Aggregate)))
        )
    if (aggregate == "window") != (window is not None):
        raise ValueError(
            f"aggregate is {aggregate!r} and window is {window!r}; pass the number of steps as "
            'window with aggregate="window", and with nothing else'
        )
    if window is not None and (isinstance(window, bool) or window < 0):
        raise ValueError(f"window is {window!r}; expected a number of steps, 0 or more")


def aggregated(
    matrix: Tensor, aggregate: Aggregate, steps: Tensor | None, window: int | None = None
) -> Tensor:
    """One score a step of those for all predictions.

    Args:
        matrix: Scores (batch, prediction, time, ...).
        aggregate: ``"last"``: each step's score for the prediction that is made after it.
            ``"sum"``: for all of them together. ``"window"``: for those within `window` steps.
        steps: The step after which each prediction is made (predictions,); None: no single one.
        window: See above.

    Returns:
        Scores (batch, time, ...).

    Raises:
        ValueError: Predictions of no single step, for anything else than the sum.

    Example:
        >>> matrix = torch.tensor([[[1.0, 0.0, 0.0], [2.0, 3.0, 0.0], [4.0, 5.0, 6.0]]])
        >>> steps = torch.arange(3)
        >>> aggregated(matrix, "last", steps), aggregated(matrix, "window", steps, 1)
        (tensor([[1., 3., 6.]]), tensor([[3., 8., 6.]]))
    """
    if aggregate == "sum":
        return matrix.sum(1)
    if steps is None:
        raise ValueError(
            f'aggregate is "{aggregate}", which asks after which step each prediction is made, but '
            "they do not each read one step of the layer that is the same in all rows; use "
            'aggregate="sum" or None, or explain the rows one by one'
        )
    time = torch.arange(matrix.shape[2], device=matrix.device)
    near = (time - steps.unsqueeze(1)).abs() <= (window or 0)
    return matrix.where(_with_axes(near.unsqueeze(0), matrix), 0.0).sum(1)


def _with_axes(mask: Tensor, scores: Tensor) -> Tensor:
    """A mask (batch, prediction, time) over scores that may have further axes."""
    return mask.reshape(*mask.shape, *[1] * (scores.dim() - 3))
