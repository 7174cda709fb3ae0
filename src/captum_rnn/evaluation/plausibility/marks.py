"""How far scores agree with the words that a person, a lexicon or the task marks.

Gold masks are over token positions. What a model reads need not be what people mark: a faithful
score of a poor model is not plausible, so these measures do not replace those of faithfulness.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from captum_rnn.evaluation.faithfulness.ranking import importance_ranks
from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.validation import check_marks, check_scores
from captum_rnn.extras import import_extra

TOKEN_F1 = Measure(
    "token_f1",
    "token F1",
    "higher",
    "Share of the marked words among as many highest-scoring words.",
)
AVERAGE_PRECISION = Measure(
    "average_precision",
    "average precision",
    "higher",
    "Average precision of finding the marked words by their scores.",
)
POINTING = Measure(
    "pointing",
    "pointing",
    "higher",
    "Whether the highest-scoring word is a marked one.",
)
SIGN = Measure(
    "sign",
    "sign",
    "higher",
    "Share of the words of known polarity whose score has the right sign.",
)


def token_f1(
    ids: Tensor, scores: Tensor, gold: Tensor, *, pad_id: int = 0, seed: int | None = None
) -> Tensor:
    """F1 of the highest-scoring tokens, as many as are marked, against the marked tokens.

    With k tokens marked and the k highest-scoring ones chosen, precision, recall and F1 are one
    number: the share of the marked tokens among those chosen.

    Args:
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        scores: Attribution scores (batch, time), ranked by their signed value.
        gold: Boolean mask (batch, time) of the marked tokens; marks on tokens that the model does
            not read are ignored.
        pad_id: The id of the positions that the model does not read.
        seed: Seed of the order among tokens of equal score; None puts the earlier token first.

    Returns:
        One number in [0, 1] for each text (batch,), in double precision on the CPU; NaN for a text
        without a marked token.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers or `gold` is not boolean.
        ValueError: Shapes do not match, or a score is NaN.

    Source: the token F1 of DeYoung et al., "ERASER: A Benchmark to Evaluate Rationalized NLP
    Models", ACL 2020, at the true number of tokens.

    Example:
        >>> gold = torch.tensor([[True, False, True]])
        >>> token_f1(torch.tensor([[4, 5, 6]]), torch.tensor([[0.9, 0.8, 0.1]]), gold)
        tensor([0.5000], dtype=torch.float64)
    """
    marked = check_marks(ids, scores, gold, pad_id)
    ranks = importance_ranks(ids, scores, pad_id=pad_id, seed=seed).cpu()
    chosen = ranks < marked.sum(dim=1, keepdim=True)
    return (chosen & marked).sum(dim=1).double() / marked.sum(dim=1)  # 0 / 0 is NaN


def pointing_accuracy(
    ids: Tensor, scores: Tensor, gold: Tensor, *, pad_id: int = 0, seed: int | None = None
) -> Tensor:
    """Whether the highest-scoring token of each text is a marked one.

    Arguments and errors are those of `token_f1`.

    Returns:
        1 or 0 for each text (batch,), in double precision on the CPU; NaN for a text without a
        marked token.

    Source: the pointing game of Zhang et al., "Top-Down Neural Attention by Excitation Backprop",
    ECCV 2016.

    Example:
        >>> gold = torch.tensor([[True, False, True]])
        >>> pointing_accuracy(torch.tensor([[4, 5, 6]]), torch.tensor([[0.9, 0.8, 0.1]]), gold)
        tensor([1.], dtype=torch.float64)
    """
    marked = check_marks(ids, scores, gold, pad_id)
    top = importance_ranks(ids, scores, pad_id=pad_id, seed=seed).cpu() == 0
    hit = (top & marked).any(dim=1).double()
    return hit.masked_fill(~marked.any(dim=1), math.nan)


def average_precision(ids: Tensor, scores: Tensor, gold: Tensor, *, pad_id: int = 0) -> Tensor:
    """Average precision of finding the marked tokens by their scores.

    `sklearn.metrics.average_precision_score` for each text: tokens of equal score are found
    together, so that the order among them does not matter and constant scores have the share of
    marked tokens. Needs scikit-learn.

    Args:
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        scores: Attribution scores (batch, time), ranked by their signed value.
        gold: Boolean mask (batch, time) of the marked tokens; marks on tokens that the model does
            not read are ignored.
        pad_id: The id of the positions that the model does not read.

    Returns:
        One number in (0, 1] for each text (batch,), in double precision on the CPU; NaN for a text
        without a marked token.

    Raises:
        ImportError: scikit-learn is not installed.
        TypeError: `ids` is not a tensor of whole numbers or `gold` is not boolean.
        ValueError: Shapes do not match, or a score is NaN or infinite.

    Example:
        >>> gold = torch.tensor([[True, False, True]])
        >>> average_precision(torch.tensor([[4, 5, 6]]), torch.tensor([[0.9, 0.8, 0.1]]), gold)
        tensor([0.8333], dtype=torch.float64)
    """
    marked = check_marks(ids, scores, gold, pad_id)
    score_text = _sklearn_metrics().average_precision_score
    numbers = scores.detach().to("cpu", torch.float64)
    read = (ids != pad_id).cpu()
    return torch.tensor(
        [
            score_text(marked[row, tokens].numpy(), numbers[row, tokens].numpy())
            if marked[row].any()
            else math.nan
            for row, tokens in enumerate(read)
        ],
        dtype=torch.float64,
    )


def sign_accuracy(
    ids: Tensor, scores: Tensor, polarity: Tensor, positive: Tensor, *, pad_id: int = 0
) -> Tensor:
    """Share of the tokens of known polarity whose score has the right sign.

    Args:
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        scores: Attribution scores (batch, time).
        polarity: 1 for a token that speaks for the positive class, -1 for one that speaks against
            it, 0 where it is not known (batch, time).
        positive: Boolean, for each text (batch,), whether its scores explain the positive class;
            where not, a token that speaks against it should score above 0.
        pad_id: The id of the positions that the model does not read.

    Returns:
        One number in [0, 1] for each text (batch,), in double precision on the CPU; NaN for a text
        without a token of known polarity. A score of 0 has no sign and counts as wrong.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: Shapes do not match, or a score is NaN.

    Example:
        >>> ids, scores = torch.tensor([[4, 5, 6]]), torch.tensor([[0.5, 0.2, -0.1]])
        >>> sign_accuracy(ids, scores, torch.tensor([[-1, 0, -1]]), torch.tensor([True]))
        tensor([0.5000], dtype=torch.float64)
    """
    check_scores(ids, scores, pad_id)
    if polarity.shape != ids.shape or positive.shape != ids.shape[:1]:
        raise ValueError(
            f"polarity has shape {tuple(polarity.shape)} and positive {tuple(positive.shape)} for "
            f"ids of shape {tuple(ids.shape)}; expected one polarity for each token (batch, time) "
            "and one answer for each text (batch,)"
        )
    expected = polarity.cpu() * torch.where(positive.cpu(), 1, -1).unsqueeze(1)
    known = (expected != 0) & (ids != pad_id).cpu()
    agree = known & (scores.detach().cpu().sign() == expected.sign())
    return agree.sum(dim=1).double() / known.sum(dim=1)  # 0 / 0 is NaN


def lexicon_polarity(
    tokens: Sequence[Sequence[str]], lexicon: Mapping[str, int], *, width: int | None = None
) -> Tensor:
    """Looks up the polarity of every token; what is not 0 is marked.

    Args:
        tokens: The tokens of each text.
        lexicon: 1 or -1 for each word of known polarity.
        width: Number of columns, that of the token ids; None takes the longest text.

    Returns:
        1, -1 or 0 (texts, width), 0 for an unlisted word and behind the end of a text.

    Raises:
        ValueError: A polarity in use is neither 1 nor -1 nor 0.

    Example:
        >>> lexicon_polarity([["not", "good"], ["awful"]], {"good": 1, "awful": -1})
        tensor([[ 0,  1],
                [-1,  0]])
    """
    longest = max(map(len, tokens), default=0)
    polarity = torch.zeros(len(tokens), longest if width is None else width, dtype=torch.long)
    for row, text in enumerate(tokens):
        signs = [lexicon.get(token, 0) for token in text[: polarity.shape[1]]]
        if not set(signs) <= {-1, 0, 1}:
            raise ValueError(
                f"the lexicon gives {sorted(set(signs) - {-1, 0, 1})} for a word; expected the "
                "polarities 1, -1 and 0: take the sign of graded ones"
            )
        polarity[row, : len(signs)] = torch.tensor(signs, dtype=torch.long)
    return polarity


def _sklearn_metrics() -> Any:
    return import_extra("sklearn.metrics", "benchmark", "average precision")
