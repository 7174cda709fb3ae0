r"""Comprehensiveness and sufficiency: the prediction without the top tokens, and with them alone.

For a text x with predicted class c, whose share f of highest-scoring tokens is T_f,

.. math::
    \text{comprehensiveness} = \frac{1}{|F|} \sum_{f \in F} p_c(x) - p_c(x \setminus T_f), \qquad
    \text{sufficiency} = \frac{1}{|F|} \sum_{f \in F} p_c(x) - p_c(T_f).

Both are the areas over the perturbation curve of DeYoung et al., "ERASER: A Benchmark to Evaluate
Rationalized NLP Models", ACL 2020, section 4.2, with its fractions F = 1, 5, 10, 20 and 50 %.
Tokens are removed, and what remains is moved together; or each is replaced by one stand-in.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from captum_rnn.evaluation.faithfulness.ranking import importance_ranks, top_tokens
from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.perturbed import PerturbedPredictions
from captum_rnn.evaluation.validation import check_scores

FRACTIONS = (0.01, 0.05, 0.10, 0.20, 0.50)
"""The shares of the tokens that the benchmark ERASER removes."""


COMPREHENSIVENESS = Measure(
    "comprehensiveness",
    "comprehensiveness",
    "higher",
    "How much probability the predicted class loses when the words with the highest scores are "
    "removed: the mean over removing 1, 5, 10, 20 and 50 % of the words.",
)
SUFFICIENCY = Measure(
    "sufficiency",
    "sufficiency",
    "lower",
    "How much probability it loses when those words alone are left.",
)


def comprehensiveness(
    perturbed: PerturbedPredictions,
    scores: Tensor,
    *,
    fractions: Sequence[float] = FRACTIONS,
    seed: int | None = None,
) -> Tensor:
    """How far the predicted class loses probability without the top tokens; higher is better.

    Only the tokens that the model reads count, ranked by their signed score. A share of n tokens
    is rounded to the nearest whole number (halves up) and is at least one token.

    Example:
        A classifier whose class 1 is as probable as the share of tens in three positions.

        >>> def predict(ids):
        ...     share = (ids == 10).sum(1) / 3
        ...     return torch.stack([1 - share, share], 1)
        >>> perturbed = PerturbedPredictions(predict, torch.tensor([[10, 10, 3]]))
        >>> comprehensiveness(perturbed, torch.tensor([[0.9, 0.5, 0.1]]), fractions=[0.3, 0.6])
        tensor([0.5000], dtype=torch.float64)

    Args:
        perturbed: Predictions for perturbed versions of the texts.
        scores: Attribution scores (batch, time).
        fractions: Shares of the tokens to remove, each in (0, 1]; the answer is the mean over them.
        seed: Seed of the order among tokens of equal score; None puts the earlier token first.

    Returns:
        One number in [-1, 1] for each text (batch,), in double precision on the CPU; NaN for a text
        without a single token that the model reads.

    Raises:
        ValueError: Shapes do not match, a score is NaN or a fraction is outside (0, 1].
    """
    top = _top_fractions(perturbed, scores, fractions, seed)
    return mean_drop(perturbed, perturbed.of_predicted(~top))


def sufficiency(
    perturbed: PerturbedPredictions,
    scores: Tensor,
    *,
    fractions: Sequence[float] = FRACTIONS,
    seed: int | None = None,
) -> Tensor:
    """How far the predicted class loses probability with the top tokens alone; lower is better.

    Arguments, rounding, answer and errors are those of `comprehensiveness`; where `perturbed`
    replaces tokens, it is the other tokens that are replaced.
    """
    top = _top_fractions(perturbed, scores, fractions, seed)
    return mean_drop(perturbed, perturbed.of_predicted(top))


def _top_fractions(
    perturbed: PerturbedPredictions, scores: Tensor, fractions: Sequence[float], seed: int | None
) -> Tensor:
    """Masks (fractions, batch, time) of the highest-scoring tokens."""
    check_scores(perturbed.ids, scores, perturbed.pad_id)
    counts = fraction_counts(perturbed.lengths, fractions)
    ranks = importance_ranks(perturbed.ids, scores, pad_id=perturbed.pad_id, seed=seed)
    return top_tokens(ranks, counts)


def fraction_counts(lengths: Tensor, fractions: Sequence[float]) -> Tensor:
    """How many tokens each fraction of a text is, at least one.

    Args:
        lengths: Number of tokens of each text (batch,).
        fractions: Shares of the tokens, each in (0, 1].

    Returns:
        Whole numbers (fractions, batch).

    Raises:
        ValueError: There is no fraction, or one is outside (0, 1].
    """
    if not fractions or not all(0 < fraction <= 1 for fraction in fractions):
        raise ValueError(
            f"fractions is {list(fractions)}; expected one or more shares of the tokens in (0, 1], "
            "such as 0.2 for a fifth"
        )
    shares = torch.tensor(fractions, dtype=torch.float64).unsqueeze(1)
    return (shares * lengths + 0.5).floor().clamp(min=1).long()


def mean_drop(perturbed: PerturbedPredictions, probabilities: Tensor) -> Tensor:
    """Mean fall of the predicted class over some perturbations of each text.

    Args:
        perturbed: Predictions for perturbed versions of the texts.
        probabilities: Probability (..., perturbations, batch) of the predicted class.

    Returns:
        One number for each text (..., batch); NaN for a text without tokens.
    """
    drop = (perturbed.probability - probabilities).mean(dim=-2)
    return drop.masked_fill(perturbed.lengths == 0, math.nan)
