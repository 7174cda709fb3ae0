"""How good the scores of a series' cells are: one score for each feature at each step."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

Predict: TypeAlias = Callable[[Tensor], Tensor]
"""Series (rows, time, features) to the explained number of each (rows,)."""

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)
"""The shares of the cells that `removal_effect` removes, one after the other."""

_ROWS_AT_ONCE = 2048


def cell_average_precision(
    scores: Tensor, cells: Tensor, present: Tensor | None = None, *, signed: bool = False
) -> Tensor:
    """Average precision of finding the known cells of each series; higher is better.

    AP = Σ_k (R_k − R_{k−1}) P_k over the distinct scores: tied cells are found together, so a score
    that is shared equally over the features gains nothing by their order.

    Args:
        scores: Scores (series, time, features).
        cells: True for the cells to find, of the same shape.
        present: True for the steps of each series (series, time); None: all. Others do not count.
        signed: Rank by the score itself, not by its magnitude.

    Returns:
        Average precision (series,); NaN for a series without a cell to find.

    Example:
        >>> scores = torch.tensor([[[0.1, -0.9], [0.5, 0.0]]])
        >>> cells = torch.tensor([[[False, True], [False, False]]])
        >>> [cell_average_precision(scores, cells, signed=s).item() for s in (False, True)]
        [1.0, 0.25]
    """
    ranked = scores if signed else scores.abs()
    counted = torch.ones_like(cells) if present is None else present.unsqueeze(2).expand_as(cells)
    return torch.stack(
        [
            _average_precision(ranked[row][counted[row]], cells[row][counted[row]])
            for row in range(len(scores))
        ]
    )


def _average_precision(scores: Tensor, wanted: Tensor) -> Tensor:
    if not wanted.any():
        return scores.new_tensor(torch.nan, dtype=torch.float64)
    ranked, order = scores.sort(descending=True)
    found = wanted[order].double().cumsum(0)
    last_of_tie = torch.cat([ranked[1:] != ranked[:-1], ranked.new_ones(1, dtype=torch.bool)])
    places = last_of_tie.nonzero()[:, 0]
    recalled = found[places] / found[-1]
    precision = found[places] / (places + 1)
    return (recalled.diff(prepend=recalled.new_zeros(1)) * precision).sum()


def replace_cells(
    values: Tensor,
    removed: Tensor,
    baseline: Tensor | None = None,
    present: Tensor | None = None,
) -> Tensor:
    """Series without some cells.

    Args:
        values: Series (series, time, features).
        removed: True for the cells to remove, of the same shape.
        baseline: What stands there instead, of a shape that broadcasts to `values`. None: the last
            value of the feature that was not removed is carried forward; where there is none
            before, the first one after; where nothing of the feature is left, its mean.
        present: True for the steps of each series (series, time); None: all. Others are not
            carried anywhere.

    Example:
        >>> values = torch.tensor([[[1.0], [2.0], [3.0]]])
        >>> replace_cells(values, torch.tensor([[[False], [True], [True]]])).flatten().tolist()
        [1.0, 1.0, 1.0]
        >>> replace_cells(values, torch.ones(1, 3, 1, dtype=torch.bool)).flatten().tolist()
        [2.0, 2.0, 2.0]
    """
    if baseline is not None:
        return torch.where(removed, baseline.to(values), values)
    time = values.shape[1]
    counted = torch.ones_like(removed) if present is None else present.unsqueeze(2)
    left = counted & ~removed
    steps = torch.arange(time, device=values.device).view(1, -1, 1).expand_as(removed)
    before = steps.masked_fill(~left, -1).cummax(1).values
    after = steps.masked_fill(~left, time - 1).flip(1).cummin(1).values.flip(1)
    carried = values.gather(1, torch.where(before >= 0, before, after))
    number = counted.expand_as(values).sum(1, keepdim=True)
    precise = torch.promote_types(values.dtype, torch.float32)  # a sum may be too large for half
    mean = torch.where(counted, values, 0).sum(1, keepdim=True, dtype=precise) / number
    instead = torch.where(left.any(1, keepdim=True), carried, mean.to(values))
    return torch.where(removed, instead, values)


@torch.no_grad()
def removal_effect(
    predict: Predict,
    values: Tensor,
    scores: Tensor,
    baseline: Tensor | None = None,
    present: Tensor | None = None,
    *,
    keep: bool = False,
    shares: Sequence[float] = SHARES,
) -> Tensor:
    """Comprehensiveness or sufficiency of cells (DeYoung et al. 2020), the mean over shares.

    The cells with the highest scores, sign kept, are removed: how much does the explained number
    fall? Higher is better. With `keep` they are all that is kept: how much is lost? Lower is
    better.

    Args:
        predict: The explained number, e.g. the probability of the predicted class.
        values: Series (series, time, features).
        scores: Their scores, of the same shape.
        baseline: What replaces a cell; None: the value before it. See `replace_cells`.
        present: True for the steps of each series (series, time); None: all. Others stay.
        keep: Remove all other cells instead.
        shares: Shares of a series' cells, at least one cell each.

    Returns:
        Mean fall of the explained number (series,).
    """
    ranks, counts = _ranks(scores, present)
    whole = predict(values)
    falls = []
    for share in shares:
        number = (share * counts).ceil().clamp(min=1)
        removed = ranks >= number if keep else ranks < number
        removed &= ranks < counts
        falls.append(whole - predict(replace_cells(values, removed, baseline, present)))
    return torch.stack(falls).mean(0)


@torch.no_grad()
def cumulative_difference(
    predict: Predict,
    values: Tensor,
    scores: Tensor,
    baseline: Tensor | None = None,
    present: Tensor | None = None,
    *,
    share: float = 0.1,
    steps: int = 25,
) -> Tensor:
    r"""Cumulative prediction difference: effects of removed cells that cannot cancel out.

    .. math:: \sum_k |f(x_{k}) - f(x_{k+1})|

    The cells of the greatest magnitude are removed group by group, and the changes added up without
    their sign. Higher is better.

    Args:
        predict: The explained number.
        values: Series (series, time, features).
        scores: Their scores, of the same shape.
        baseline: What replaces a cell; None: the value before it. See `replace_cells`.
        present: True for the steps of each series (series, time); None: all. Others stay.
        share: The share of the cells that is removed in the end.
        steps: In how many groups, at most one for each cell.

    Returns:
        The sums (series,).

    Source: Jang et al. (2025), "TIMING: Temporality-Aware Integrated Gradients for Time Series
    Explanation", ICML.
    """
    ranks, counts = _ranks(scores.abs(), present)
    before = predict(values)
    total = torch.zeros_like(before)
    for step in range(1, steps + 1):
        removed = ranks < (share * counts * step / steps).ceil().clamp(min=1)
        removed &= ranks < counts
        after = predict(replace_cells(values, removed, baseline, present))
        total += (before - after).abs()
        before = after
    return total


@torch.no_grad()
def cell_occlusion(predict: Predict, values: Tensor, baseline: Tensor | None = None) -> Tensor:
    """The exact effect of each cell alone: f(x) − f(x with the cell replaced).

    One pass for each cell.

    Args:
        predict: The explained number.
        values: Series (series, time, features).
        baseline: What replaces a cell; None: the value before it. See `replace_cells`.

    Returns:
        Effects (series, time, features).
    """
    number, time, features = values.shape
    alone = torch.eye(time * features, dtype=torch.bool, device=values.device)
    alone = alone.view(-1, time, features)
    effects = []
    for row in range(number):
        series, whole = values[row : row + 1], predict(values[row : row + 1])
        own = baseline
        if own is not None and own.dim() == 3 and len(own) == number:
            own = own[row : row + 1]
        changed = [
            predict(replace_cells(series.expand(len(part), -1, -1), part, own))
            for part in torch.split(alone, _ROWS_AT_ONCE)
        ]
        effects.append((whole - torch.cat(changed)).view(time, features))
    return torch.stack(effects)


def _ranks(scores: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor]:
    """The rank of each cell, 0 the highest score, absent steps last; and the number of cells."""
    shape = scores.shape
    ranked, counts = scores.double(), torch.full((shape[0], 1, 1), shape[1] * shape[2])
    if present is not None:
        ranked = ranked.masked_fill(~present.unsqueeze(2), -torch.inf)
        counts = (present.sum(1) * shape[2]).view(-1, 1, 1)
    order = ranked.flatten(1).argsort(dim=1, descending=True, stable=True)
    return order.argsort(dim=1).view(shape), counts.to(scores.device)
