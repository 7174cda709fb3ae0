"""One forward pass, and what the recurrent layer in it was given and answered."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from captum_rnn.states.calls import layer_call, leaves, read_by, renested, states_given
from captum_rnn.states.following import Following
from captum_rnn.states.hooks import (
    LayerCall,
    LayerData,
    compiled_code_runs_eagerly,
    watched,
)
from captum_rnn.states.keeping import copied_again, late_copy
from captum_rnn.states.kernels import KernelCalls
from captum_rnn.states.layers import (
    can_be_watched,
    recurrent_layer,
    refuse_what_is_not_recurrent,
    runs_torchs_own_code,
)


@dataclass(frozen=True)
class ReadGradient:
    """Derivatives of the explained value with respect to what the model read of a layer call.

    Attributes:
        output: Like the call's output, or None if the model does not use it.
        final: Like the call's final states, each None if the model does not use it.
    """

    output: LayerData | None
    final: tuple[Tensor | None, ...]


@dataclass
class Recording:
    """What layers did in one run of a model, where nobody can change it any more.

    Attributes:
        calls: The calls of the layers, in their order.
            What each was given, its input and its initial states, is part of the model's graph.
        layers: Which of the layers each call is of.
        from_answers: Whether each call's initial states are made of answers of the layers.
    """

    calls: list[LayerCall] = field(default_factory=list)
    layers: list[int] = field(default_factory=list)
    from_answers: list[bool] = field(default_factory=list)

    @property
    def leaves(self) -> list[Tensor]:
        """What the model read of all calls: each call's outputs, then its final states."""
        return [leaf for call in self.calls for leaf in (data_of(call.output), *call.final)]


def record(
    layers: list[nn.Module],
    forward: Callable[[], Any],
    *,
    differentiable: bool = False,
    following: Following | None = None,
) -> Recording:
    """Runs `forward` once and records what `layers` do in it, in this thread alone.

    The layers themselves run under `no_grad`. The hooks are taken off again whatever happens.

    Args:
        layers: The recurrent layers.
        forward: Runs the model.
        differentiable: Whether what the model reads of the layers are leaves of its graph. It then
            reads copies of them, which it may change in place. Otherwise there is no graph behind
            them.
        following: Follows the places of the model's inputs meanwhile.

    Raises:
        TypeError: A layer was called or answered in a way that `nn.RNNBase` does not.
    """
    if not all(map(can_be_watched, layers)):
        forward()  # which may raise an error of its own
        refuse_what_is_not_recurrent(layers)
    recording = Recording()

    def keep(call: LayerCall, read: Tensor | None = None) -> tuple[LayerCall, list[Any]]:
        # What the model alone made in inference mode may still be scored and differentiated.
        with torch._C.DisableTorchFunction(), torch.inference_mode(in_inference):
            torch.set_grad_enabled(differentiable)
            kept = _kept(call, copies, differentiable=differentiable)
            handed = _handed(kept, copies) if differentiable else [call.output, *call.final]
            if following is not None:
                following.copied(data_of(call.input) if read is None else read, data_of(kept.input))
                following.touch([data_of(handed[0]), *handed[1:]])
        return kept, handed

    def before(index: int) -> None:
        with torch._C.DisableTorchFunction():
            if following is not None:
                following.check_seen()
            if not kernels.begin(layers[index]):
                torch.set_grad_enabled(False)
        if unfollowed and following is not None:  # nothing in torch's own layers is an input's
            inside.enter_context(torch._C.DisableTorchFunction())

    def after(
        index: int, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> Any:
        inside.close()
        is_cell = isinstance(module, nn.RNNCellBase)
        with torch._C.DisableTorchFunction():
            with torch.enable_grad():  # a cell's input is reshaped, as part of the graph
                kind = module if is_cell else recurrent_layer(module)
                call = layer_call(kind, args, kwargs, output)
            torch.set_grad_enabled(differentiable)
            if following is not None:
                following.is_graph_off = not differentiable
            inner = kernels.end(call)
            read = read_by(args, kwargs) if is_cell else None
            begun = states_given(args, kwargs) if inner is None else inner.call.initial or ()
            if following is not None:
                recording.from_answers.append(any(map(following.is_of_answers, begun)))
            call, kept, handed = inner or (call, *keep(call, read))
            recording.layers.append(index)
            recording.calls.append(kept)
            answer = None
            if differentiable and inner is None:
                answer = renested(module, output, handed[0], handed[1:])
            if following is not None:
                following.answered(leaves(output if answer is None else answer))
            return answer

    in_inference, enabled = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    hooked = differentiable and any(layer._forward_hooks for layer in layers)
    kernels = KernelCalls(keep)
    plain = all(map(runs_torchs_own_code, layers))
    copies = late_copy if plain else torch.clone  # of outputs, which other code may have kept
    unfollowed = plain and not any(isinstance(layer, nn.RNNCellBase) for layer in layers)
    with contextlib.ExitStack() as entered, contextlib.ExitStack() as inside:
        entered.enter_context(torch.set_grad_enabled(enabled))
        if following is not None:
            entered.enter_context(following)
        if not plain:
            entered.enter_context(kernels)
        entered.enter_context(watched(layers, before, after))
        entered.enter_context(_saved_as_copies(following, hooked=hooked))
        entered.enter_context(compiled_code_runs_eagerly())
        forward()
    return recording


def _saved_as_copies(
    following: Following | None, *, hooked: bool
) -> contextlib.AbstractContextManager[Any]:
    """Copies what autograd saves, where code that was never differentiated may change it in place.

    Hooks are written for inference, and what normalises float inputs has not needed their graph.
    """
    of_floats = following is not None and following.has_floats
    if not hooked and not of_floats:
        return contextlib.nullcontext()

    def pack(tensor: Tensor) -> Tensor:
        if hooked:
            return tensor.clone()
        is_weight = tensor.is_leaf and tensor.requires_grad
        return tensor if is_weight or not tensor.is_floating_point() else late_copy(tensor)

    return torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved)


def _kept(
    call: LayerCall, copies: Callable[[Tensor], Tensor], *, differentiable: bool
) -> LayerCall:
    """Everything of a call, where nobody can change it; `copies` makes a copy of its outputs."""

    def copy(tensor: Tensor) -> Tensor:
        return tensor.detach().clone()

    def given(tensor: Tensor) -> Tensor:
        with torch.enable_grad():
            return copied_again(tensor)

    def leaf(tensor: Tensor) -> Tensor:
        return tensor.requires_grad_() if differentiable else tensor

    if differentiable:  # the methods that follow the gates, step by step
        call = replace(call, weights={name: copy(w) for name, w in call.weights.items()})
    return replace(
        call,
        arguments=_others_copied(call.arguments, call),
        input=with_data(call.input, given(data_of(call.input))),
        initial=call.initial and tuple(given(state) for state in call.initial),
        output=with_data(call.output, leaf(copies(data_of(call.output).detach()))),
        final=tuple(leaf(copy(state)) for state in call.final),
    )


def _others_copied(arguments: Any, call: LayerCall) -> Any:
    """Arguments with copies of the tensors that are neither the input nor the initial states."""
    if isinstance(arguments, Tensor):
        known = arguments is call.input or any(arguments is state for state in call.initial or ())
        return arguments if known else arguments.detach().clone()
    if type(arguments) in (tuple, list):
        return type(arguments)(_others_copied(part, call) for part in arguments)
    if type(arguments) is dict:
        return {name: _others_copied(part, call) for name, part in arguments.items()}
    return arguments


def _handed(call: LayerCall, copies: Callable[[Tensor], Tensor]) -> list[Any]:
    """What the model is to read of a call whose states are leaves: outputs and final states."""
    read = with_data(call.output, copies(data_of(call.output)))
    return [read, *(state.clone() for state in call.final)]


def record_calls(layer: nn.Module, forward: Callable[[], Any]) -> list[LayerCall]:
    """Runs `forward` once under `no_grad`; what `layer` was given and answered, call by call.

    Raises:
        TypeError: The layer was called or answered in a way that `nn.RNNBase` does not.
    """
    with torch.no_grad():
        return [detached(call) for call in record([layer], forward).calls]


def check_derivable() -> None:
    """Raises ValueError in inference mode, which rules derivatives out."""
    if torch.is_inference_mode_enabled():
        raise ValueError(
            "the method needs a derivative of the model's output, which torch.inference_mode() "
            "rules out; call it under torch.no_grad() instead"
        )


def read_gradients_of(values: Tensor, recording: Recording) -> list[ReadGradient]:
    """Derivatives of the sum of `values` with respect to what the model read of each call.

    Raises:
        ValueError: They do not depend on any call.
    """
    leaves = recording.leaves
    found: list[Tensor | None] = [None] * len(leaves)
    if values.requires_grad and leaves:
        found[:] = torch.autograd.grad(values.sum(), leaves, allow_unused=True, retain_graph=True)
    if recording.calls and all(gradient is None for gradient in found):
        raise ValueError(
            "the model's output does not depend on the output of the recurrent layer; pass the "
            "layer that the classifier reads, and a forward_func that answers with scores (no "
            "argmax), does not detach and leaves torch.inference_mode() behind the layer"
        )
    gradients = []
    for call in recording.calls:
        of_output, *of_final = [found.pop(0) for _ in range(1 + len(call.final))]
        data = None if of_output is None else with_data(call.output, of_output)
        gradients.append(ReadGradient(data, tuple(of_final)))
    return gradients


def detached(call: LayerCall) -> LayerCall:
    """A call outside any graph."""
    return replace(
        call,
        input=with_data(call.input, data_of(call.input).detach()),
        initial=call.initial and tuple(state.detach() for state in call.initial),
        output=with_data(call.output, data_of(call.output).detach()),
        final=tuple(state.detach() for state in call.final),
    )


def data_of(read: LayerData) -> Tensor:
    """The tensor, or the data of a packed sequence."""
    return read.data if isinstance(read, PackedSequence) else read


def with_data(like: LayerData, data: Tensor) -> LayerData:
    """The tensor itself, or a packed sequence like another one."""
    if not isinstance(like, PackedSequence):
        return data
    packed = type(like)(data, like.batch_sizes, like.sorted_indices, like.unsorted_indices)
    vars(packed).update(vars(like))
    return packed
