"""Texts without some of their tokens."""

import torch
from torch import Tensor


def keep_tokens(ids: Tensor, keep: Tensor, *, pad_id: int = 0) -> Tensor:
    """Keeps the marked tokens of each text, in order, moved together to the left.

    Args:
        ids: Token ids (batch, time).
        keep: Boolean mask (batch, time) of the tokens that stay.
        pad_id: What stands behind the last token that stays.

    Returns:
        Token ids (batch, most tokens kept in a row, but at least 1).

    Example:
        >>> ids = torch.tensor([[5, 6, 7], [8, 9, 0]])
        >>> keep_tokens(ids, torch.tensor([[True, False, True], [False, True, False]])).tolist()
        [[5, 7], [9, 0]]
    """
    kept_first = torch.argsort((~keep).to(torch.uint8), dim=1, stable=True)
    lengths = keep.sum(dim=1)
    width = max(1, int(lengths.max()))
    behind = torch.arange(width, device=ids.device) >= lengths.unsqueeze(1)
    return ids.gather(1, kept_first)[:, :width].masked_fill(behind, pad_id)
