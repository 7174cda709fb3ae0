"""How good the scores of all cells are, each distinct ranking and each perturbed text once."""

from dataclasses import dataclass

import torch
from torch import Tensor

from captum_rnn.evaluation import PerturbedPredictions, leave_one_out, rank_correlations
from captum_rnn.evaluation.faithfulness.erasure import FRACTIONS, fraction_counts
from captum_rnn.evaluation.faithfulness.ranking import importance_ranks, top_tokens

MEASURES = ("comprehensiveness", "sufficiency", "spearman_leave_one_out")

_MASKS_AT_ONCE = 2**26
"""Most positions of the masks that are held at one time."""


@dataclass(frozen=True)
class Measured:
    """What was found of the cells on one batch of texts.

    Attributes:
        values: Numbers (measures, cells, batch), in the order of `MEASURES`; NaN where a text has
            no such number.
        rankings: Number of distinct rankings of a text among all cells.
    """

    values: Tensor
    rankings: int


def measure_cells(perturbed: PerturbedPredictions, scores: Tensor, *, seed: int) -> Measured:
    """Comprehensiveness, sufficiency and Spearman's correlation with leave-one-out.

    The same as `captum_rnn.evaluation.measure_rankings` and `rank_correlations` find, without the
    curves: cells that rank the words of a text alike share one ranking.

    Args:
        perturbed: Predictions for perturbed versions of the texts, each with a word.
        scores: Scores (cells, batch, time).
        seed: Seed of the order among words of equal score.

    Returns:
        What was found.
    """
    scores = scores.detach().cpu().double()
    ranks = importance_ranks(perturbed.ids, scores, pad_id=perturbed.pad_id, seed=seed)
    drops, rankings = _drops(perturbed, ranks)
    truth = leave_one_out(perturbed)
    correlations = rank_correlations(perturbed.ids, scores, truth, pad_id=perturbed.pad_id)
    return Measured(torch.cat([drops, correlations.unsqueeze(0)]), rankings)


def _drops(perturbed: PerturbedPredictions, ranks: Tensor) -> tuple[Tensor, int]:
    """Comprehensiveness and sufficiency (2, cells, batch), and the number of distinct rankings."""
    cells, batch, _ = ranks.shape
    rows = torch.arange(batch).expand(cells, batch).unsqueeze(-1)
    named = torch.cat([rows, ranks], dim=-1).flatten(0, 1)
    distinct, place = torch.unique(named, dim=0, return_inverse=True)
    counts = fraction_counts(perturbed.lengths, FRACTIONS)
    size = max(1, _MASKS_AT_ONCE // (2 * counts.shape[0] * ranks.shape[2]))
    parts = [
        _drops_of_rankings(perturbed, part[:, 0], part[:, 1:], counts)
        for part in torch.split(distinct, size)
    ]
    return torch.cat(parts, dim=1)[:, place].reshape(2, cells, batch), len(distinct)


def _drops_of_rankings(
    perturbed: PerturbedPredictions, rows: Tensor, ranks: Tensor, counts: Tensor
) -> Tensor:
    """Comprehensiveness and sufficiency (2, rankings) of rankings (rankings, time) of some rows."""
    top = top_tokens(ranks, counts[:, rows])
    kept = torch.stack([~top, top])  # (2, fractions, rankings, time)
    asked = rows.expand(kept.shape[:-1])
    answers = perturbed.probabilities(asked.reshape(-1), kept.flatten(0, 2))
    classes = perturbed.predicted[asked].reshape(-1, 1)
    probabilities = answers.gather(1, classes).reshape(asked.shape)
    return (perturbed.probability[rows] - probabilities).mean(dim=1)
