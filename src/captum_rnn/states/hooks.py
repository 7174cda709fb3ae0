"""What hooks on a recurrent layer need: a call of the layer as a record, and hooks that run."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from captum_rnn.states.weights import running_rounding, running_weights

LayerData: TypeAlias = Tensor | PackedSequence


@dataclass(frozen=True)
class LayerCall:
    """One call of a recurrent layer, in the layer's own layout.

    Attributes:
        input: What the layer read.
        initial: The initial states (h_0,) or (h_0, c_0), if any were given.
        output: The top level's states after every step.
        final: The final states (h_n,) or (h_n, c_n) of all levels.
        weights: The weights that the layer computed with, by name.
        arguments: All that it was called with, by position and by name.
        rounding: The relative rounding error of the arithmetic that it ran in.
    """

    input: LayerData
    initial: tuple[Tensor, ...] | None
    output: LayerData
    final: tuple[Tensor, ...]
    weights: Mapping[str, Tensor]
    rounding: float
    arguments: tuple[tuple[Any, ...], dict[str, Any]]


def compiled_code_runs_eagerly() -> contextlib.AbstractContextManager[Any]:
    """A model under `torch.compile` skips the hooks of its inner modules unless it runs eagerly."""
    compiler_in_use = "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance")
    return torch.compiler.set_stance("force_eager") if compiler_in_use else contextlib.nullcontext()


@contextlib.contextmanager
def watched(
    modules: list[nn.Module],
    before: Callable[[], None],
    after: Callable[[int, nn.Module, tuple[Any, ...], dict[str, Any], Any], Any],
) -> Iterator[None]:
    """Watches the calls of modules in this thread alone, and takes the hooks off whatever happens.

    Another thread that runs a module at the same time may meet the hooks while they are put on or
    taken off, when torch passes them no named arguments; they do nothing there.

    Args:
        modules: The modules.
        before: Runs before each call of one of them.
        after: Runs after it, with the index of the module and what a forward hook is given; what it
            returns, unless None, stands for the module's answer.
    """
    ours = threading.get_ident()

    def before_call(module: nn.Module, *_: Any) -> None:
        if threading.get_ident() == ours:
            before()

    def after_call(index: int) -> Callable[..., Any]:
        def hook(module: nn.Module, args: tuple[Any, ...], *rest: Any) -> Any:
            if threading.get_ident() != ours:
                return None
            kwargs, output = rest
            return after(index, module, args, kwargs, output)

        return hook

    handles = []
    try:
        for index, module in enumerate(modules):
            handles.append(module.register_forward_pre_hook(before_call))
            # Before the caller's own hooks: what they make of the states is part of the head.
            hook = module.register_forward_hook(after_call(index), with_kwargs=True, prepend=True)
            handles.append(hook)
        yield
    finally:
        for handle in handles:
            handle.remove()


def layer_call(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> LayerCall:
    """What a forward hook of a recurrent layer is told of one call.

    Args:
        module: The layer.
        args: Its positional arguments.
        kwargs: Its named arguments.
        output: Its answer.

    Raises:
        TypeError: It was called or answered in a way that `nn.RNNBase` does not.
    """
    layer_input = args[0] if args else kwargs.get("input")
    initial = args[1] if len(args) > 1 else kwargs.get("hx")
    answered_like_torch = isinstance(output, tuple) and len(output) == 2
    if not answered_like_torch or not isinstance(layer_input, (Tensor, PackedSequence)):
        raise TypeError(
            f"{type(module).__name__} was called or answered unlike the torch layer it extends; "
            "expected layer(input, hx=None) -> (output, final state)"
        )
    given = None if initial is None else _as_tuple(initial)
    final = _as_tuple(output[1])
    return LayerCall(
        layer_input,
        given,
        output[0],
        final,
        running_weights(module),
        running_rounding(final[0]),
        (args, kwargs),
    )


def _as_tuple(states: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """(h,) or an LSTM's (h, c)."""
    return states if isinstance(states, tuple) else (states,)
