"""The model with all its arguments, to be run again and again."""

import contextlib
import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor

from captum_rnn._captum import run_forward
from captum_rnn.attr.inputs import not_a_tensor, target_out_of_range
from captum_rnn.states.same_start import SameStart


class Forward:
    """The model with all its arguments: each call runs it and selects what the target says.

    Attributes:
        selected: What the last call returned.
        start: What an earlier run began with, as each call then does; None: as it comes.
    """

    def __init__(
        self,
        forward_func: Callable[..., Any],
        inputs: tuple[Tensor, ...],
        target: Any,
        additional_forward_args: Any,
        start: SameStart | None = None,
    ) -> None:
        self.start = start
        self._model = _Answering(forward_func)
        self._arguments = inputs, target, additional_forward_args
        self.selected: Any = None

    def on(self, inputs: tuple[Tensor, ...]) -> "Forward":
        """The same model with other inputs."""
        return Forward(self._model._forward_func, inputs, *self._arguments[1:], self.start)

    def from_the_same_start(self) -> contextlib.AbstractContextManager[Any]:
        """Inside it, the model begins with what the earlier run began with."""
        return contextlib.nullcontext() if self.start is None else self.start.again()

    def __call__(self) -> Any:
        """Runs the model; ValueError for a target that is none of its classes."""
        self._model.answer, target = None, self._arguments[1]
        try:
            with self.from_the_same_start():
                self.selected = run_forward(self._model, *self._arguments)
        except (AssertionError, AttributeError, IndexError, RuntimeError, TypeError) as error:
            answer = self._model.answer
            if answer is None or target is None:
                raise
            if not isinstance(answer, Tensor):
                raise not_a_tensor(answer) from error
            if isinstance(error, AssertionError) and answer.dim() > 1:
                raise
            raise target_out_of_range(target, answer) from error
        answer = self._model.answer
        if isinstance(answer, Tensor) and answer.dim() > 2 and isinstance(target, int):
            raise target_out_of_range(target, answer)
        return self.selected


class _Answering:
    """A model that remembers its last answer."""

    # Captum inspects the signature of what it runs, which takes as long as a short forward.
    __signature__: ClassVar[inspect.Signature] = inspect.signature(lambda *args: None)

    def __init__(self, forward_func: Callable[..., Any]) -> None:
        self._forward_func = forward_func
        self.answer: Any = None

    def __call__(self, *args: Any) -> Any:
        self.answer = self._forward_func(*args)
        return self.answer
