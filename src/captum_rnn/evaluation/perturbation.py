"""Texts without some of their tokens, or with a stand-in for them."""

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
    lengths = keep.sum(dim=1)
    width = max(1, int(lengths.max()))
    filled = torch.arange(width, device=ids.device) < lengths.unsqueeze(1)
    return ids.new_full((len(ids), width), pad_id).masked_scatter(filled, ids.masked_select(keep))


def perturb_tokens(
    ids: Tensor, keep: Tensor, *, replacement_id: int | None = None, pad_id: int = 0
) -> Tensor:
    """Takes the information of all but the marked tokens from each text.

    The other tokens are removed, so that what stays is moved together, or each is replaced by
    `replacement_id`, so that the text keeps its length. Replacing by `pad_id`, which the model does
    not read, is removing.

    Args:
        ids: Token ids (batch, time); `pad_id` marks what the model does not read, at any position.
        keep: Boolean mask (batch, time) of the tokens that stay.
        replacement_id: What takes the place of the other tokens, such as the id of the unknown
            word; None removes them.
        pad_id: The id of the positions that the model does not read.

    Returns:
        Token ids (batch, most tokens left in a row, but at least 1), padded on the right.

    Example:
        >>> ids, keep = torch.tensor([[5, 6, 7, 0]]), torch.tensor([[True, False, True, False]])
        >>> perturb_tokens(ids, keep).tolist()
        [[5, 7]]
        >>> perturb_tokens(ids, keep, replacement_id=1).tolist()
        [[5, 1, 7]]
    """
    read = ids != pad_id
    if replacement_id is None or replacement_id == pad_id:
        return keep_tokens(ids, keep & read, pad_id=pad_id)
    return keep_tokens(ids.masked_fill(~keep, replacement_id), read, pad_id=pad_id)
