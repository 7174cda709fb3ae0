"""The call of torch's own kernel in the forward of a subclass that does more than that.

Packing, scaling, dropping weights, normalising the outputs: what stands before and behind the one
call of the kernel has no part in its recurrence. It is then the kernel's call that is recorded,
and the rest of the subclass belongs to the model around it.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.overrides import TorchFunctionMode

from captum_rnn.states.hooks import LayerCall, watched
from captum_rnn.states.layers import runs_torchs_own_code
from captum_rnn.states.weights import running_rounding

_KERNELS = {
    torch.lstm: "LSTM",
    torch.gru: "GRU",
    torch.rnn_tanh: "RNN_TANH",
    torch.rnn_relu: "RNN_RELU",
}


class Caught(NamedTuple):
    """A call of a kernel: as it was, what is kept of it, and what the subclass goes on with."""

    call: LayerCall
    kept: LayerCall
    handed: Sequence[Any]

    def is_all_of(self, call: LayerCall) -> bool:
        """Whether the subclass read and answered the same as its kernel, with its own weights."""
        same_input = _data(call.input) is _data(self.call.input)
        same_output = _data(call.output) is _data(self.handed[0])
        used = self.call.weights.items()
        same_weights = all(call.weights.get(n) is w for n, w in used)
        return same_input and same_output and same_weights and self._same_states(call)

    def _same_states(self, call: LayerCall) -> bool:
        """Whether it began with the states that the subclass was given, and answered its own."""
        order = call.input.sorted_indices if isinstance(call.input, PackedSequence) else None
        assert self.call.initial is not None
        initial = call.initial or [torch.zeros_like(state) for state in self.call.initial]
        same_initial = _equal(initial, self.call.initial, order)
        return same_initial and _equal(call.final, self.handed[1:], order)


class KernelCalls(TorchFunctionMode):
    """Catches what subclasses of torch's layers ask its kernels, in the thread that entered it.

    Args:
        keep: What is kept of a call, and what the subclass is to go on with: the output and the
            final states.
    """

    def __init__(self, keep: Callable[[LayerCall], tuple[LayerCall, Sequence[Any]]]) -> None:
        super().__init__()
        self._keep = keep
        self._layer: nn.RNNBase | None = None
        self._caught: list[Caught] = []

    def begin(self, layer: nn.Module) -> bool:
        """Begins with a call of a layer; returns whether it may do more than torch's kernel."""
        is_more = isinstance(layer, nn.RNNBase) and not runs_torchs_own_code(layer)
        self._layer, self._caught = (layer if is_more else None), []  # type: ignore[assignment]
        return is_more

    def stop(self) -> list[Caught]:
        """Ends with the call of the layer; returns the calls of kernels in it."""
        caught, self._layer, self._caught = self._caught, None, []
        return caught

    def end(self, call: LayerCall) -> Caught | None:
        """The one call of a kernel in a call of a layer; None: it is the layer's, or not one."""
        caught = self.stop()
        if len(caught) != 1 or caught[0].is_all_of(call):
            return None
        return caught[0]

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        layer = self._layer
        if layer is None or _KERNELS.get(func) != layer.mode:
            return func(*args, **(kwargs or {}))
        with torch.no_grad():
            answer = func(*args, **(kwargs or {}))
        call = _kernel_call(layer, args, answer)
        if call is None:
            return answer
        self._caught.append(Caught(call, *self._keep(call)))
        output, *states = self._caught[-1].handed
        return _data(output), *states


@contextlib.contextmanager
def kernels_answer(
    layer: nn.Module, answer: Callable[[LayerCall], Sequence[Any]]
) -> Iterator[None]:
    """Inside it, `answer` says what the kernel in a subclass answers: output and final states."""
    kernels = KernelCalls(lambda call: (call, answer(call)))

    def before(index: int) -> None:
        kernels.begin(layer)

    def after(*_: Any) -> None:
        kernels.stop()

    with kernels, watched([layer], before, after):
        yield


def _kernel_call(layer: nn.RNNBase, args: tuple[Any, ...], answer: Any) -> LayerCall | None:
    """The call as one of the layer; None: with weights of another form than the layer's."""
    packed = isinstance(args[3], (list, tuple))
    data, initial = (args[0], args[2]) if packed else args[:2]
    used: Sequence[Tensor] = args[3 if packed else 2]
    own = [weight for weight in layer._flat_weights if weight is not None]
    if [weight.shape for weight in used] != [weight.shape for weight in own]:
        return None
    if not packed and args[-1] != layer.batch_first:
        return None
    output, *final = answer
    given = initial if isinstance(initial, (list, tuple)) else (initial,)
    return LayerCall(
        PackedSequence(data, args[1]) if packed else data,
        tuple(given),
        PackedSequence(output, args[1]) if packed else output,
        tuple(final),
        dict(zip(layer._flat_weights_names, used, strict=True)),
        running_rounding(output),
        ((), {}),
        of_kernel=True,
    )


def _equal(states: Sequence[Tensor], of_kernel: Sequence[Tensor], order: Tensor | None) -> bool:
    """Whether they are the same, those of the kernel being in the `order` of a packed sequence."""
    with torch._C.DisableTorchFunction():
        return len(states) == len(of_kernel) and all(
            one.numel() == other.numel()
            and torch.equal(one.reshape(other.shape) if order is None else one[:, order], other)
            for one, other in zip(states, of_kernel, strict=True)
        )


def _data(states: Any) -> Any:
    return states.data if isinstance(states, PackedSequence) else states
