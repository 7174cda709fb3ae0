"""Masks that vectors make of themselves, number by number, as in `x * (x > 0)`.

What is left of a token then is its own, also where that is nothing but zeros. A mask of padding is
made of ids, of lengths or of whole vectors, and what it hides is not read.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from captum_rnn.states.operations import (
    CONVERSIONS,
    FLAT,
    MASKINGS,
    WRITES,
    name_of,
    names,
    tensors,
    writes,
)

_COMPARISONS = names(
    "gt ge lt le greater greater_equal less less_equal isnan isfinite isinf "
    "__gt__ __ge__ __lt__ __le__"
)
_SAME = CONVERSIONS | names("__invert__ logical_not bitwise_not")


class OwnMasks:
    """The masks of one run that its vectors made of themselves."""

    def __init__(self) -> None:
        self._of: dict[int, tuple[Tensor, Tensor | None]] = {}

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
        if name in _COMPARISONS and source.is_floating_point():
            self._of[id(output)] = output, known.get(id(source))
        elif name in _SAME and (found := self._of.get(id(source))) is not None:
            self._of[id(output)] = output, found[1]

    def lies_over(self, value: Any, known: dict[int, Tensor]) -> bool:
        """Whether a value is a mask that the vectors of known places have made of themselves."""
        _, own = self._of.get(id(value), (None, None))
        return own is not None and all(torch.equal(own, places) for places in known.values())

    def before_flat(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Tensor | None:
        """What a function is given that has no derivative somewhere, if the graph tells its places.

        Args:
            func: The function, which is about to run.
            args: Its arguments.
            kwargs: Its named arguments.
        """
        name, given = name_of(func), list(tensors(args, kwargs))
        is_masked = name in MASKINGS | WRITES and any(id(value) in self._of for value in given)
        if not (is_masked or name in FLAT):
            return None
        source = next((value for value in given if value.requires_grad), None)
        if source is None:
            return None
        return source.clone() if writes(func, kwargs) else source
