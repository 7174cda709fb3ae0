"""Padding that a model leaves out, though nobody said where it is."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from captum_rnn.attr.subtexts import SubTexts


def check_padding_is_told(
    parts: SubTexts, forward_func: Callable[..., Any], whole: Tensor, *, of_all: bool
) -> None:
    """Raises ValueError if tokens that end a text are padding which the model leaves out.

    A layer that runs over padding reads tokens there. What a model with a mask says of a set of
    such tokens alone, e.g. the mean of nothing, is the value of no text. Tokens that an argument of
    the model counts are none, whatever it makes of them.

    Args:
        parts: The sub-texts of the texts.
        forward_func: The model.
        whole: What it says of the texts (batch,).
        of_all: Whether any set of tokens may be asked for, not only texts that miss one.
    """
    if parts.counts_tokens:
        return
    for seeming, side in ((_at_end(parts), "end"), (_at_end(parts, turned=True), "begin")):
        kept = parts.tokens & ~seeming
        left = kept.any(1) if of_all else kept.sum(1) == 1
        rows = ((seeming & parts.tokens).any(1) & left).nonzero().flatten()
        if not len(rows):
            continue
        values = parts.values(forward_func, rows, kept[rows])
        same = parts.round_alike(values, whole[rows])
        if same.any():
            row = int(rows[int(same.int().argmax())])
            count = int((seeming & parts.tokens)[row].sum())
            raise ValueError(
                f"the model says the same of row {row} without the {count} token(s) that it "
                f"{side}s with, which seem to be padding; pass lengths, here "
                f"{int(kept[row].sum())}, or let the model pack its batch"
            )


def _at_end(parts: SubTexts, *, turned: bool = False) -> Tensor:
    """Tokens (batch, time) that end a row in zeros, or in one id twice and more.

    `turned`: that it begins with, which are only zeros; what is read first may be forgotten.
    """
    inputs = parts.inputs.flip(1) if turned else parts.inputs
    is_zero = (inputs == 0).flatten(2).all(2) if inputs.dim() > 2 else inputs == 0
    alike = is_zero
    if not inputs.is_floating_point() and not turned and inputs.shape[1] > 1:
        same = inputs == inputs[:, -1:]
        same = same.flatten(2).all(2) if inputs.dim() > 2 else same
        alike = alike | (same & same[:, -2:].all(1, keepdim=True))
    found = alike.flip(1).int().cumprod(1).flip(1).bool()
    return found.flip(1) if turned else found
