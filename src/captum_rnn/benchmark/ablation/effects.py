"""What changing one choice does, on average over all other choices."""

import itertools

import torch
from torch import Tensor

from captum_rnn.benchmark.ablation.grid import AXES, Grid
from captum_rnn.benchmark.ablation.measures import MEASURES
from captum_rnn.benchmark.ablation.results import Effect
from captum_rnn.evaluation import rank_correlations
from captum_rnn.evaluation.bootstrap import mean_intervals


def marginal_effects(values: Tensor, alike: Tensor, grid: Grid, *, seed: int) -> list[Effect]:
    """Compares every option with the first of its axis, on the same texts.

    Every cell with the option is compared with the cell that differs in this axis only; a text's
    difference is the mean over these pairs, and the interval is over the texts. Texts on which a
    pair has no number count with the others of their pairs.

    Args:
        values: Numbers (measures, cells, texts) in the order of `MEASURES` and of `grid.cells`; NaN
            where there is none.
        alike: What `agreements` finds (options, texts).
        grid: The grid.
        seed: Seed of the resampling, 0 or greater.

    Returns:
        One effect for each option but the first of its axis, in the order of the axes.

    Example:
        >>> grid = Grid(distance=("l2", "l1"), normalize=(True, False))
        >>> values = torch.tensor([[[0.0, 1.0], [0.0, 1.0], [0.5, 1.5], [1.0, 2.0]]] * 3)
        >>> for effect in marginal_effects(values, torch.ones(2, 2), grid, seed=0):
        ...     print(effect.axis, effect.option, effect.pairs, effect.measures["sufficiency"].mean)
        distance l1 2 0.75
        normalize False 2 0.25
    """
    if not grid.other_options:
        return []
    measures, _, texts = values.shape
    table = values.reshape(measures, *grid.shape, texts)
    pairs = [
        (table.select(place, number) - table.select(place, 0)).flatten(1, -2)
        for place, options in enumerate(grid.shape, 1)
        for number in range(1, options)
    ]  # (measures, pairs, texts) each
    differences = torch.stack([of_pairs.nanmean(dim=1) for of_pairs in pairs])
    intervals = iter(mean_intervals(differences.flatten(0, 1).T, seed=seed))
    return [
        Effect(
            axis,
            option,
            grid.options(axis)[0],
            of_pairs.shape[1],
            dict(zip(MEASURES, itertools.islice(intervals, measures), strict=True)),
            agreement,
        )
        for (axis, option), of_pairs, agreement in zip(
            grid.other_options, pairs, mean_intervals(alike.T, seed=seed), strict=True
        )
    ]


def agreements(ids: Tensor, scores: Tensor, grid: Grid, *, pad_id: int) -> Tensor:
    """How far each option ranks the words as the first of its axis does, all else being first.

    Args:
        ids: Token ids (batch, time).
        scores: Scores (cells, batch, time) in the order of `grid.cells`.
        grid: The grid.
        pad_id: The id of the positions that the model does not read.

    Returns:
        Spearman's rank correlations (options, batch) in the order of `marginal_effects`.
    """
    table = scores.reshape(*grid.shape, *scores.shape[1:])
    first = (0,) * len(AXES)
    others = [
        table[(*first[:place], number, *first[place + 1 :])]
        for place, options in enumerate(grid.shape)
        for number in range(1, options)
    ]
    if not others:
        return torch.empty(0, len(ids), dtype=torch.float64)
    return rank_correlations(ids, torch.stack(others), table[first], pad_id=pad_id)
