r"""Comprehensiveness and sufficiency: the prediction without the top tokens, and with them alone.

For a text x with predicted class c, whose share f of highest-scoring tokens is T_f,

.. math::
    \text{comprehensiveness} = \frac{1}{|F|} \sum_{f \in F} p_c(x) - p_c(x \setminus T_f), \qquad
    \text{sufficiency} = \frac{1}{|F|} \sum_{f \in F} p_c(x) - p_c(T_f).

Both are the areas over the perturbation curve of DeYoung et al., "ERASER: A Benchmark to Evaluate
Rationalized NLP Models", ACL 2020, section 4.2, with its fractions F = 1, 5, 10, 20 and 50 %.
Tokens are removed, not masked: what remains is moved together.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from captum_rnn.evaluation.draws import text_draws
from captum_rnn.evaluation.prediction import (
    TOKEN_BUDGET,
    Predict,
    predict_in_batches,
    predicted_class,
)
from captum_rnn.evaluation.removal import keep_tokens
from captum_rnn.evaluation.validation import check_scores

FRACTIONS = (0.01, 0.05, 0.10, 0.20, 0.50)
"""The shares of the tokens that the benchmark ERASER removes."""

_TIE_STREAM = 1


def comprehensiveness(
    predict: Predict,
    ids: Tensor,
    scores: Tensor,
    *,
    probabilities: Tensor | None = None,
    fractions: Sequence[float] = FRACTIONS,
    pad_id: int = 0,
    seed: int = 0,
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
        pad_id: The id of the positions that the model does not read.
        seed: Orders tokens of equal score, which would otherwise be ranked by position.
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
    top = _top_tokens(ids, scores, fractions, pad_id, seed)
    kept = ~top & (ids != pad_id)
    return _mean_drop(predict, ids, kept, probabilities, pad_id, token_budget)


def sufficiency(
    predict: Predict,
    ids: Tensor,
    scores: Tensor,
    *,
    probabilities: Tensor | None = None,
    fractions: Sequence[float] = FRACTIONS,
    pad_id: int = 0,
    seed: int = 0,
    token_budget: int = TOKEN_BUDGET,
) -> Tensor:
    """How far the predicted class loses probability with the top tokens alone; lower is better.

    Arguments, rounding, answer and errors are those of `comprehensiveness`.
    """
    top = _top_tokens(ids, scores, fractions, pad_id, seed)
    return _mean_drop(predict, ids, top, probabilities, pad_id, token_budget)


def importance_ranks(ids: Tensor, scores: Tensor, *, pad_id: int = 0, seed: int = 0) -> Tensor:
    """Ranks the tokens of each text by signed score, 0 for the highest.

    Tokens of equal score come in an order drawn from `seed` and the text; tokens that the model
    does not read come last.

    Args:
        ids: Token ids (batch, time).
        scores: Attribution scores (batch, time).
        pad_id: The id of the positions that the model does not read.
        seed: Seed of the order among equal scores.

    Returns:
        Ranks (batch, time) from 0, on the device of `ids`.

    Example:
        >>> importance_ranks(torch.tensor([[4, 0, 6, 5]]), torch.tensor([[0.1, 9.0, -0.2, 0.7]]))
        tensor([[1, 3, 2, 0]])
    """
    ties = text_draws(ids, seed=seed, stream=_TIE_STREAM, pad_id=pad_id).numpy()
    falling = -scores.detach().to("cpu", torch.float64).numpy()
    not_read = (ids == pad_id).cpu().numpy()
    order = np.lexsort((ties, falling, not_read), axis=-1)
    return torch.from_numpy(np.argsort(order, axis=-1)).to(ids.device)


def _top_tokens(
    ids: Tensor, scores: Tensor, fractions: Sequence[float], pad_id: int, seed: int
) -> Tensor:
    """Masks (fractions, batch, time) of the highest-scoring tokens that the model reads."""
    check_scores(ids, scores, pad_id)
    if not fractions or not all(0 < fraction <= 1 for fraction in fractions):
        raise ValueError(
            f"fractions is {list(fractions)}; expected one or more shares of the tokens in (0, 1], "
            "such as 0.2 for a fifth"
        )
    read = ids != pad_id
    shares = read.sum(dim=1) * torch.tensor(fractions, device=ids.device).double().unsqueeze(1)
    counts = (shares + 0.5).floor().clamp(min=1)
    ranks = importance_ranks(ids, scores, pad_id=pad_id, seed=seed)
    return (ranks < counts.unsqueeze(2)) & read


def _mean_drop(
    predict: Predict,
    ids: Tensor,
    kept: Tensor,
    probabilities: Tensor | None,
    pad_id: int,
    token_budget: int,
) -> Tensor:
    """Mean fall (batch,) of the predicted class over reductions (fractions, batch, time).

    NaN for a text without tokens.
    """
    whole, predicted = predicted_class(
        predict, ids, probabilities, pad_id=pad_id, token_budget=token_budget
    )
    fractions, batch, time = kept.shape
    kept = kept.reshape(fractions * batch, time)
    reduced = predict_in_batches(
        predict,
        kept.sum(dim=1),
        lambda rows: keep_tokens(ids[rows % batch], kept[rows], pad_id=pad_id),
        token_budget,
    )
    of_predicted = reduced.gather(1, predicted.repeat(fractions).unsqueeze(1))
    drop = (whole - of_predicted.reshape(fractions, batch)).mean(dim=0)
    return drop.masked_fill((ids == pad_id).all(dim=1).cpu(), math.nan)
