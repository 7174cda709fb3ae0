"""Estimates of leave-one-out compared with some exact removals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from captum_rnn.attr.leave_one_out import removal_effects
from captum_rnn.attr.removing import Texts


@dataclass(frozen=True)
class RemovalCheck:
    """How scores agree with exact removals of some tokens, in the order (batch, time).

    Attributes:
        removed: The tokens that were removed, one at a time, as a mask.
        estimated: Their scores; 0 elsewhere.
        exact: What their removal takes from the output; 0 elsewhere.
        correlation: Pearson correlation of the two in each row (batch,); NaN where a row has fewer
            than two tokens, or where either is the same for all.
    """

    removed: Tensor
    estimated: Tensor
    exact: Tensor
    correlation: Tensor


def check_removals(
    texts: Texts, forward_func: Callable[..., Any], scores: Tensor, tokens: int
) -> RemovalCheck:
    """Removes some tokens of each text, drawn by its number of tokens alone.

    Args:
        texts: The texts.
        forward_func: The model.
        scores: The scores of all tokens (batch, time).
        tokens: How many to remove of each text.
    """
    removed = torch.zeros_like(texts.tokens)
    for row, is_token in enumerate(texts.tokens):
        places = is_token.nonzero().flatten()
        generator = torch.Generator().manual_seed(0)
        drawn = torch.randperm(len(places), generator=generator)[:tokens]
        removed[row, places[drawn.to(places.device)]] = True
    exact = removal_effects(texts, forward_func, removed)
    estimated = scores.masked_fill(~removed, 0.0)
    return RemovalCheck(removed, estimated, exact, correlations(estimated, exact, removed))


def correlations(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """Pearson correlation of what is masked in each row (batch,); NaN where either is the same."""
    count = mask.sum(1, keepdim=True)
    apart = []
    for each in (first.double(), second.double()):
        one = each.gather(1, mask.int().argmax(1, keepdim=True))
        # From one of them, so that what is the same for all is exactly 0 apart.
        from_one = (each - one).masked_fill(~mask, 0.0)
        mean = from_one.sum(1, keepdim=True) / count
        apart.append((from_one - mean).masked_fill(~mask, 0.0))
    norms = apart[0].norm(dim=1) * apart[1].norm(dim=1)
    found: Tensor = ((apart[0] * apart[1]).sum(1) / norms).to(second)
    return found
