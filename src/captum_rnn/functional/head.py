"""Logit delta through a head of any form: the change of its output over each step."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from captum_rnn.functional.checks import Readout, check_readout
from captum_rnn.functional.path import StatePath
from captum_rnn.functional.readout import ReadOut, read_out


def head_delta(
    paths: Sequence[StatePath],
    head: Callable[[Tensor], Tensor],
    lengths: Tensor | None = None,
    *,
    readout: Readout = "final",
) -> Tensor:
    r"""Scores each token by the change that its step makes of what the head says.

    .. math:: f(h_t) - f(h_{t-1})

    The scores of a row sum to :math:`f(h_n) - f(h_0)`, whatever the head.

    Of two directions, which no token moves at the same time, each gets its Shapley value: its steps
    are scored with the other direction where it ended and where it began, and the mean of both
    counts,

    .. math:: \tfrac12 \big( f(h_t, b_\text{end}) - f(h_{t-1}, b_\text{end})
              + f(h_t, b_\text{start}) - f(h_{t-1}, b_\text{start}) \big)

    for the forward direction h and likewise for the backward direction b. The scores of both add
    up, and sum to the change from both starts to both ends.

    Args:
        paths: The states of the forward direction and, for a bidirectional layer, of the backward
            one.
        head: Maps states (batch, states, direction · hidden) to one number each (batch, states); it
            is called once.
        lengths: Number of tokens in each row (batch,); `None`: all rows are full.
        readout: Which state the head reads; see `captum_rnn.functional.readout_delta`.

    Returns:
        Scores (batch, time). Beyond the end of a row they mean nothing.

    Raises:
        ValueError: A position out of range or an unknown readout.

    Example:
        >>> path = StatePath.of_states(torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 3.0]]]))
        >>> head_delta([path], lambda states: states.square().sum(-1))
        tensor([[1., 9.]])
    """
    ways = [read_out(path, lengths, check_readout(readout)) for path in paths]
    if len(ways) == 1:
        return _gains(ways[0], head(_states(ways[0])))
    forward, backward = ways
    trials = [_beside(forward, state) for state in (backward.target, backward.path.first())]
    trials += [_beside(backward, state) for state in (forward.target, forward.path.first())]
    values = head(torch.cat(trials, 1)).chunk(4, 1)
    forward_gains = _gains(forward, (values[0] + values[1]) / 2)
    return forward_gains + _gains(backward, (values[2] + values[3]) / 2)


def _states(way: ReadOut) -> Tensor:
    """The initial state, and that after each token (batch, time + 1, hidden)."""
    return torch.cat([way.path.first(), way.path.outputs], 1)


def _beside(way: ReadOut, other: Tensor) -> Tensor:
    """The states of one direction beside one of the other's (batch, time + 1, 2 · hidden)."""
    moving = _states(way)
    parts = [moving, other.expand(-1, moving.shape[1], -1)]
    return torch.cat(parts[::-1] if way.path.backward else parts, 2)


def _gains(way: ReadOut, values: Tensor) -> Tensor:
    """Differences of the head's values (batch, time + 1) over the steps that lead to the target."""
    first, after = values[:, :1], values[:, 1:]
    gains = after - way.path.before(after, first)
    return gains if way.passed is None else torch.where(way.passed, gains, 0.0)
