"""Arguments of a model that hold as many as there are tokens, and may be something else."""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from captum_rnn._captum import run_forward
from captum_rnn.attr.subtexts import SubTexts

_APART = 1e-4
"""Of the size of two values, what is more than rounding between them."""


def check_counts_tokens(parts: SubTexts, forward_func: Callable[..., Any]) -> None:
    """Raises ValueError if an integer of each text, equal to its number of tokens, is none.

    A number of tokens that is one too small is as good as a text without its last token. A class or
    a language that happens to have that number is not.

    Args:
        parts: The sub-texts of the texts.
        forward_func: The model.
    """
    row = parts.tokens.sum(1).argmax()
    kept = parts.tokens[row]
    if int(kept.sum()) < 2:
        return
    shorter = kept & (kept.cumsum(0) < kept.sum())
    for place in parts.counting:
        smaller = partial(_with_one_less, forward_func, place)
        is_count = False
        with contextlib.suppress(ValueError):  # the model fails on the one or the other
            first, second = (
                parts.values(forward_func, row.reshape(1), tokens.unsqueeze(0), run_as=run_as)
                for tokens, run_as in ((kept, smaller), (shorter, None))
            )
            is_count = bool(parts.agree(first, second, rtol=_APART, atol=_APART / 10).all())
        if not is_count:
            raise ValueError(
                f"additional_forward_args[{place}] holds the numbers of tokens, but the model does "
                "not read it as such: with one less it does not leave the last token out. Pass "
                "lengths if they are, or let forward_func bring along what counts no tokens"
            )


def _with_one_less(
    forward_func: Callable[..., Any], place: int, inputs: Tensor, target: Any, arguments: Any
) -> Any:
    changed = [each - 1 if number == place else each for number, each in enumerate(arguments)]
    return run_forward(forward_func, inputs, target, tuple(changed))
