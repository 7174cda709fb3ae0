"""Masks that vectors make of themselves, number by number, as in `x * (x > 0)`.

What is left of a token then is its own, also where that is nothing but zeros. A mask of padding is
made of ids, of lengths or of whole vectors, and what it hides is not read.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from captum_rnn.states.operations import CONVERSIONS, name_of, names

_COMPARISONS = names(
    "gt ge lt le greater greater_equal less less_equal isnan isfinite isinf "
    "__gt__ __ge__ __lt__ __le__"
)
_SAME = CONVERSIONS | names("__invert__ logical_not bitwise_not")


class OwnMasks:
    """The masks of one run that its vectors made of themselves."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[Tensor, Tensor]] = {}

    def after(
        self, func: Callable[..., Any], args: tuple[Any, ...], known: dict[int, Tensor], output: Any
    ) -> None:
        """Remembers a mask that a function made.

        Args:
            func: The function.
            args: Its arguments.
            known: The places of those of its arguments that are known.
            output: What it answered.
        """
        if not args or not isinstance(args[0], Tensor) or not isinstance(output, Tensor):
            return
        source, name = args[0], name_of(func)
        if output.shape != source.shape:
            return
        if name in _COMPARISONS and source.is_floating_point() and list(known) == [id(source)]:
            self._of[id(output)] = output, known[id(source)]
        elif name in _SAME and (found := self._of.get(id(source))) is not None:
            self._of[id(output)] = output, found[1]

    def lies_over(self, value: Any, known: dict[int, Tensor]) -> bool:
        """Whether a value is a mask that the vectors of known places have made of themselves."""
        found = self._of.get(id(value))
        return found is not None and all(torch.equal(found[1], own) for own in known.values())
