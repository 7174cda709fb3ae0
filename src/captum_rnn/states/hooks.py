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

from captum_rnn.states.modes import EAGER

LayerData: TypeAlias = Tensor | PackedSequence


@dataclass(frozen=True)
class LayerCall:
    """One call of a recurrent layer, in the layer's own layout.

    Attributes:
        input: What the layer read.
        initial: The initial states (h_0,) or (h_0, c_0), if any were given.
        output: The top layer's states after every step.
        final: The final states (h_n,) or (h_n, c_n) of all layers. Of a layer that is not torch's,
            the tensors that it answers with beside its output, and `initial` likewise.
        weights: The weights that the layer computed with, by name.
        arguments: All that it was called with, by position and by name.
        rounding: The relative rounding error of the arithmetic that it ran in.
        of_kernel: Whether it is the call of torch's kernel inside a subclass's forward.
    """

    input: LayerData
    initial: tuple[Tensor, ...] | None
    output: LayerData
    final: tuple[Tensor, ...]
    weights: Mapping[str, Tensor]
    rounding: float
    arguments: tuple[tuple[Any, ...], dict[str, Any]]
    of_kernel: bool = False

    @property
    def features(self) -> int:
        """Number of features that the layer reads at each step."""
        return self.input.data.shape[-1]


_REGISTERING = threading.Lock()
"""torch numbers hooks by counting up, and two threads at once would get one number."""


def compiled_code_runs_eagerly() -> contextlib.AbstractContextManager[Any]:
    """A model under `torch.compile` skips the hooks of its inner modules unless it runs eagerly."""
    compiler_in_use = "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance")
    return EAGER if compiler_in_use else contextlib.nullcontext()


@contextlib.contextmanager
def watched(
    modules: list[nn.Module],
    before: Callable[[int], None],
    after: Callable[[int, nn.Module, tuple[Any, ...], dict[str, Any], Any], Any],
) -> Iterator[None]:
    """Watches the calls of modules in this thread alone, and takes the hooks off whatever happens.

    Another thread that runs a module at the same time may meet the hooks while they are put on or
    taken off, when torch passes them no named arguments; they do nothing there.

    Args:
        modules: The modules.
        before: Runs before each call of one of them, with its index.
        after: Runs after it, with the index of the module and what a forward hook is given; what it
            returns, unless None, stands for the module's answer.
    """
    ours = threading.get_ident()

    def before_call(index: int) -> Callable[..., None]:
        def hook(*_: Any) -> None:
            if threading.get_ident() == ours:
                before(index)

        return hook

    def after_call(index: int) -> Callable[..., Any]:
        def hook(module: nn.Module, args: tuple[Any, ...], *rest: Any) -> Any:
            if threading.get_ident() != ours:
                return None
            kwargs, output = rest
            return after(index, module, args, kwargs, output)

        return hook

    handles = []
    try:
        with _REGISTERING:
            for index, module in enumerate(modules):
                handles.append(module.register_forward_pre_hook(before_call(index)))
                # Before the caller's own hooks: what they make of the states is part of the head.
                hook = module.register_forward_hook(
                    after_call(index), with_kwargs=True, prepend=True
                )
                handles.append(hook)
        yield
    finally:
        for handle in handles:
            handle.remove()
