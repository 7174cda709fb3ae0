"""Checks that all metrics share."""

import torch
from torch import Tensor


def check_ids(ids: Tensor) -> None:
    """Makes sure that `ids` is a non-empty batch of token ids.

    Args:
        ids: Token ids (batch, time).

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: `ids` is not two-dimensional, or has no row or no column.
    """
    if not isinstance(ids, Tensor):
        raise TypeError(
            f"ids is a {type(ids).__name__}; expected a tensor of token ids (batch, time): "
            "pad the texts to one length and wrap them with torch.tensor"
        )
    if ids.is_floating_point() or ids.is_complex() or ids.dtype == torch.bool:
        raise TypeError(f"ids has dtype {ids.dtype}; expected whole numbers, such as torch.long")
    if ids.dim() != 2 or 0 in ids.shape:
        raise ValueError(
            f"ids has shape {tuple(ids.shape)}; expected (batch, time) with at least one text and "
            "one position"
        )


def check_scores(ids: Tensor, scores: Tensor, pad_id: int) -> None:
    """Makes sure that `scores` has one number for each token of a non-empty batch.

    Args:
        ids: Token ids (batch, time).
        scores: Attribution scores (batch, time).
        pad_id: The id of the positions that the model does not read.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers.
        ValueError: The shapes differ, or a token that the model reads scores NaN.
    """
    check_ids(ids)
    if scores.shape != ids.shape:
        raise ValueError(
            f"scores has shape {tuple(scores.shape)} but ids has {tuple(ids.shape)}; expected one "
            "score for each token: sum scores of embedded inputs over the features first"
        )
    read = (ids != pad_id).to(scores.device)
    not_a_number = (scores.isnan() & read).any(dim=1).nonzero().flatten().tolist()
    if not_a_number:
        raise ValueError(
            f"scores of row {not_a_number[0]} hold NaN ({len(not_a_number)} rows do), which has no "
            "rank; drop these texts or repair the method that scored them"
        )


def check_marks(ids: Tensor, scores: Tensor, marks: Tensor, pad_id: int) -> Tensor:
    """Makes sure that there is a score and a mark for each token.

    Args:
        ids: Token ids (batch, time).
        scores: Attribution scores (batch, time).
        marks: Boolean mask (batch, time).
        pad_id: The id of the positions that the model does not read.

    Returns:
        The marks on tokens that the model reads (batch, time), on the CPU.

    Raises:
        TypeError: `ids` is not a tensor of whole numbers or `marks` is not boolean.
        ValueError: The shapes differ, or a token that the model reads scores NaN.
    """
    check_scores(ids, scores, pad_id)
    if marks.dtype != torch.bool:
        raise TypeError(
            f"the mask of marked tokens has dtype {marks.dtype}; expected torch.bool: compare a "
            "polarity or a count with 0 first"
        )
    if marks.shape != ids.shape:
        raise ValueError(
            f"the mask of marked tokens has shape {tuple(marks.shape)} but ids has "
            f"{tuple(ids.shape)}; expected one mark for each token"
        )
    return (marks.to(ids.device) & (ids != pad_id)).cpu()
