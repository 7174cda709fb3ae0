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

from captum_rnn.evaluation.perturbed import PerturbedPredictions
from captum_rnn.evaluation.prediction import TOKEN_BUDGET, Predict
from captum_rnn.evaluation.faithfulness.ranking import importance_ranks, top_tokens
from captum_rnn.evaluation.validation import check_scores

FRACTIONS = (0.01, 0.05, 0.10, 0.20, 0.50)
"""The shares of the tokens that the benchmark ERASER removes."""


def comprehensiveness(
    predict: Predict,
    ids: Tensor,
    scores: Tensor,
    *,
    probabilities: Tensor | None = None,
    fractions: Sequence[float] = FRACTIONS,
    replacement_id: int | None = None,
    pad_id: int = 0,
    seed: int | None = None,
    token_budget: int = TOKEN_BUDGET,
) -> Tensor:
    """How far the predicted class loses probability without the top tokens; higher is better.

    Only the tokens that the model reads count, ranked by their signed score. A share of n tokens
    is rounded to the nearest whole number (halves up) and is at least one token.

    Args:
        predict: The classifier.
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        scores: Attribution scores (batch, time).
        probabilities: Probabilities (batch, classes) of the whole texts, where they are known.
        fractions: Shares of the tokens to remove, each in (0, 1]; the answer is the mean over them.
        replacement_id: What takes the place of the tokens, such as the id of the unknown word; None
            removes them.
        pad_id: The id of the positions that the model does not read.
        seed: Seed of the order among tokens of equal score; None puts the earlier token first.
        token_budget: Most tokens of one forward pass, padding included.

    Returns:
        One number in [-1, 1] for each text (batch,), in double precision on the CPU; NaN for a text
        without a single token that the model reads.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: Shapes do not match, a score is NaN or a fraction is outside (0, 1].

    Example:
        A classifier whose class 1 is as probable as the share of tens in three positions.

        >>> def predict(ids):
        ...     share = (ids == 10).sum(1) / 3
        ...     return torch.stack([1 - share, share], 1)
        >>> ids = torch.tensor([[10, 10, 3]])
        >>> comprehensiveness(predict, ids, torch.tensor([[0.9, 0.5, 0.1]]), fractions=[0.3, 0.6])
        tensor([0.5000], dtype=torch.float64)
    """
    check_scores(ids, scores, pad_id)
    perturbed = PerturbedPredictions(
        predict,
        ids,
        probabilities=probabilities,
        replacement_id=replacement_id,
        pad_id=pad_id,
        token_budget=token_budget,
    )
    counts = fraction_counts(perturbed.lengths, fractions)
    top = top_tokens(importance_ranks(perturbed.ids, scores, pad_id=pad_id, seed=seed), counts)
    return mean_drop(perturbed, perturbed.of_predicted(~top))


def sufficiency(
    predict: Predict,
    ids: Tensor,
    scores: Tensor,
    *,
    probabilities: Tensor | None = None,
    fractions: Sequence[float] = FRACTIONS,
    replacement_id: int | None = None,
    pad_id: int = 0,
    seed: int | None = None,
    token_budget: int = TOKEN_BUDGET,
) -> Tensor:
    """How far the predicted class loses probability with the top tokens alone; lower is better.

    Arguments, rounding, answer and errors are those of `comprehensiveness`; with a `replacement_id`
    it is the other tokens that are replaced.
    """
    check_scores(ids, scores, pad_id)
    perturbed = PerturbedPredictions(
        predict,
        ids,
        probabilities=probabilities,
        replacement_id=replacement_id,
        pad_id=pad_id,
        token_budget=token_budget,
    )
    counts = fraction_counts(perturbed.lengths, fractions)
    top = top_tokens(importance_ranks(perturbed.ids, scores, pad_id=pad_id, seed=seed), counts)
    return mean_drop(perturbed, perturbed.of_predicted(top))


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
