"""Where in a text the scores lie: recurrent classifiers tend to credit what they read last."""

import math

import torch
from torch import Tensor

from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.validation import check_scores

LAST_FIFTH = Measure(
    "last_fifth",
    "score on the last fifth",
    None,
    "Share of the absolute score that lies on the last 20 % of the words.",
)
TAIL_SHARE = 0.2


def tail_mass(ids: Tensor, scores: Tensor, *, share: float = TAIL_SHARE, pad_id: int = 0) -> Tensor:
    r"""Share of the absolute score that lies on the last tokens of each text.

    .. math::
        \frac{\sum_{t > n - m} |s_t|}{\sum_{t} |s_t|}, \qquad m = \lceil \text{share} \cdot n \rceil

    over the n tokens that the model reads.

    Args:
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        scores: Attribution scores (batch, time).
        share: Share of the tokens that counts as the end, in (0, 1].
        pad_id: The id of the positions that the model does not read.

    Returns:
        One number in [0, 1] for each text (batch,), in double precision on the CPU; NaN for a text
        without tokens and where all scores are 0.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: Shapes do not match, a score is NaN or `share` is outside (0, 1].

    Example:
        >>> tail_mass(torch.tensor([[5, 6, 7, 8, 9, 0]]), torch.tensor([[0.0, -1, 0, 0, 3, 8]]))
        tensor([0.7500], dtype=torch.float64)
    """
    check_scores(ids, scores, pad_id)
    read = (ids != pad_id).cpu()
    size = scores.detach().to("cpu", torch.float64).abs().masked_fill(~read, 0)
    from_the_end = read.flip(1).cumsum(dim=1).flip(1)
    tail = from_the_end <= _tail_counts(read, share).unsqueeze(1)
    return size.masked_fill(~tail, 0).sum(dim=1) / size.sum(dim=1)  # 0 / 0 is NaN


def _tail_counts(read: Tensor, share: float) -> Tensor:
    """How many tokens (batch,) the end of each text has."""
    if not 0 < share <= 1:
        raise ValueError(
            f"share is {share}; expected a share of the tokens in (0, 1], such as 0.2 for a fifth"
        )
    return torch.tensor([math.ceil(share * length) for length in read.sum(dim=1).tolist()])
