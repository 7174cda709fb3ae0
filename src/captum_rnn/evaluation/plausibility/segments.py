"""Documents put together from texts of different classes: does a score find the right part?"""

import math
from typing import NamedTuple

from torch import Tensor

from captum_rnn.evaluation.faithfulness.ranking import importance_ranks
from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.validation import check_scores

TOP = Measure(
    "top",
    "hybrid, top word",
    "higher",
    "Whether the highest-scoring word lies in a review of the predicted class.",
)
BOTTOM = Measure(
    "bottom",
    "hybrid, bottom word",
    "higher",
    "Whether the lowest-scoring word lies in a review of the other class.",
)


class SegmentPointing(NamedTuple):
    """Whether the extreme tokens of each document lie in segments of the right class (batch,).

    Attributes:
        top: 1 where the highest-scoring token lies in a segment of the explained class, else 0.
        bottom: 1 where the lowest-scoring token lies in a segment of another class, else 0.
    """

    top: Tensor
    bottom: Tensor


def segment_pointing(
    ids: Tensor,
    scores: Tensor,
    token_labels: Tensor,
    explained: Tensor,
    *,
    pad_id: int = 0,
    seed: int | None = None,
) -> SegmentPointing:
    """Where the extreme tokens of documents made of several texts lie.

    The pointing game of Poerner, Roth and Schütze, "Evaluating neural network explanation methods
    using hybrid documents and morphosyntactic agreement", ACL 2018, which asks for the
    top token; the bottom token is asked for as well.

    Args:
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        scores: Attribution scores (batch, time) of the class in `explained`.
        token_labels: The class of the segment that each token comes from (batch, time).
        explained: The class that the scores explain, such as the predicted one (batch,).
        pad_id: The id of the positions that the model does not read.
        seed: Seed of the order among tokens of equal score; None takes the earliest of them for the
            top and for the bottom.

    Returns:
        Two numbers for each document, in double precision on the CPU. `top` is NaN for a document
        without a segment of the explained class, `bottom` for one without a segment of another.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: Shapes do not match, or a score is NaN.

    Example:
        >>> import torch
        >>> ids, scores = torch.tensor([[4, 5, 6, 7]]), torch.tensor([[0.1, 0.9, -0.3, 0.2]])
        >>> segment_pointing(ids, scores, torch.tensor([[1, 1, 0, 0]]), torch.tensor([1]))
        SegmentPointing(top=tensor([1.], dtype=torch.float64),
                        bottom=tensor([1.], dtype=torch.float64))
    """
    check_scores(ids, scores, pad_id)
    if token_labels.shape != ids.shape or explained.shape != ids.shape[:1]:
        raise ValueError(
            f"token_labels has shape {tuple(token_labels.shape)} and explained "
            f"{tuple(explained.shape)} for ids of shape {tuple(ids.shape)}; expected one class for "
            "each token (batch, time) and for each document (batch,)"
        )
    read = (ids != pad_id).cpu()
    right = token_labels.cpu() == explained.cpu().unsqueeze(1)
    return SegmentPointing(
        _points_into(ids, scores, right & read, pad_id, seed),
        _points_into(ids, -scores, ~right & read, pad_id, seed),
    )


def segment_labels(segments: Tensor, labels: Tensor) -> Tensor:
    """Gives every token the class of the segment that it comes from.

    Args:
        segments: Number of the segment of each token (batch, time), negative where there is none.
        labels: Class of each segment (batch, segments).

    Returns:
        Classes (batch, time); -1 where there is no segment.

    Example:
        >>> import torch
        >>> segment_labels(torch.tensor([[0, 0, 1, -1]]), torch.tensor([[1, 0]]))
        tensor([[ 1,  1,  0, -1]])
    """
    return labels.gather(1, segments.clamp(min=0)).masked_fill(segments < 0, -1)


def _points_into(
    ids: Tensor, scores: Tensor, part: Tensor, pad_id: int, seed: int | None
) -> Tensor:
    """1 where the highest-scoring token lies in a part (batch, time), NaN where that is empty."""
    top = importance_ranks(ids, scores, pad_id=pad_id, seed=seed).cpu() == 0
    return (top & part).any(dim=1).double().masked_fill(~part.any(dim=1), math.nan)
