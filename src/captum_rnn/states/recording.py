"""What a recurrent layer did in one forward pass, as a plain record.

The only place that knows hooks, packed sequences, directions and `batch_first`. Everything above
reads a `Trajectory`, whose axes are the same for every layer and layout.
"""

import contextlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from captum_rnn.functional import check_lengths


class TokenSequence(PackedSequence):
    """A packed sequence that remembers which tokens of the input it holds; see `pack_tokens`.

    Attributes:
        read: Boolean mask (batch, time), true where the token is in the sequence.
    """

    read: Tensor


def pack_tokens(embedded: Tensor, read: Tensor) -> TokenSequence:
    """Packs the tokens that `read` marks, wherever they stand, for a recurrent layer.

    The other tokens never reach the layer, so its state is carried over them, as in frameworks
    with masked time steps. Attributions score them exactly 0.

    A row without any marked token cannot be packed by torch: it runs one step on its first
    position, and the model has to replace that row's final state by zeros.

    Args:
        embedded: Embedded tokens (batch, time, features).
        read: Boolean mask (batch, time).

    Returns:
        The packed sequence, sorted by length inside; the layer's final states come back in the
        order of the batch.

    Raises:
        ValueError: `read` is not a boolean mask of the first two axes of `embedded`.

    Example:
        >>> read = torch.tensor([[True, False, True]])
        >>> tokens = pack_tokens(torch.tensor([[[0.0], [1.0], [2.0]]]), read)
        >>> tokens.data.tolist()
        [[0.0], [2.0]]
    """
    if read.dtype != torch.bool or read.shape != embedded.shape[:2]:
        raise ValueError(
            f"read has dtype {read.dtype} and shape {tuple(read.shape)}; expected a boolean mask "
            f"of shape (batch, time) = {tuple(embedded.shape[:2])}, as embedded has them"
        )
    batch, time = read.shape
    read_first = torch.argsort((~read).to(torch.uint8), dim=1, stable=True)
    places = read_first + time * torch.arange(batch, device=read.device).unsqueeze(1)
    steps = read.sum(1).clamp(min=1).cpu()
    packed = pack_padded_sequence(places, steps, batch_first=True, enforce_sorted=False)
    tokens = TokenSequence(
        embedded.flatten(0, 1)[packed.data],
        packed.batch_sizes,
        packed.sorted_indices,
        packed.unsorted_indices,
    )
    tokens.read = read
    return tokens


@dataclass(frozen=True)
class LayerCall:
    """One call of a recurrent layer: its input, its initial hidden state and its output."""

    input: Tensor | PackedSequence
    initial: Tensor | None
    output: Tensor | PackedSequence


@dataclass(frozen=True)
class Trajectory:
    """The states of a recurrent layer's top level between the tokens that it read.

    Boundary t lies before token t and after token t − 1. The forward direction passes the
    boundaries upwards from its initial state at 0, the backward direction downwards from its
    initial state at `lengths`.

    Attributes:
        paths: For each direction, the states (batch, time + 1, hidden) at the boundaries, in
            float32 at least. `paths[0][b, t]` has read the tokens before boundary t, `paths[1][b,
            t]` those after it. Boundaries beyond `lengths[b]` hold whatever the layer put there.
        lengths: Number of tokens in each row (batch,), 0 for a row of `pack_tokens` without any;
            `None`: all rows are full.
        read: For a layer fed by `pack_tokens`, the mask (batch, input time) of the tokens it read;
            otherwise None and token t is input t.
        is_packed: Whether the layer's input was a packed sequence, which stops at `lengths`.
    """

    paths: tuple[Tensor, ...]
    lengths: Tensor | None = None
    read: Tensor | None = None
    is_packed: bool = False

    @property
    def time(self) -> int:
        """Number of steps of the longest row."""
        return self.paths[0].shape[1] - 1

    def at_inputs(self, scores: Tensor, time: int) -> Tensor:
        """Puts the scores (batch, self.time) of the steps where their tokens stand in the input.

        Args:
            scores: Scores of the layer's steps (batch, self.time).
            time: Number of tokens in the input, padding included.

        Returns:
            Scores (batch, time); 0 for tokens that the layer did not read.
        """
        if self.read is None:
            return scores if time == self.time else F.pad(scores, (0, time - self.time))
        steps = torch.arange(self.time, device=scores.device)
        placed = scores.new_zeros(self.read.shape)
        placed[self.read] = scores[steps < self.read.sum(1, keepdim=True)]
        return placed


def recurrent_layer(layer: object) -> nn.RNNBase:
    """Returns `layer`, or what `torch.compile` wraps in it, if it is recurrent.

    Raises:
        TypeError: It is no `nn.RNN`, `nn.LSTM`, `nn.GRU` or a subclass of them.
    """
    if isinstance(layer, (nn.RNN, nn.LSTM, nn.GRU)):
        return layer
    if hasattr(layer, "_orig_mod"):
        return recurrent_layer(layer._orig_mod)
    kind = layer.__name__ if isinstance(layer, type) else type(layer).__name__
    raise TypeError(
        f"the layer is of type {kind}, which is not recurrent; pass the nn.RNN, nn.LSTM or nn.GRU "
        "of the model as layer, e.g. HiddenStateDeltaAttribution(model, model.lstm)"
    )


def record_calls(layer: nn.RNNBase, forward: Callable[[], Any]) -> list[LayerCall]:
    """Runs `forward` once and returns what `layer` was given and answered, call by call.

    The hook is taken off again whatever happens.

    Raises:
        TypeError: The layer was called or answered in a way that `nn.RNNBase` does not.
    """
    calls: list[LayerCall] = []

    def record(
        module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
    ) -> None:
        calls.append(_layer_call(module, args, kwargs, output))

    handle = layer.register_forward_hook(record, with_kwargs=True)
    try:
        with _compiled_code_runs_eagerly():
            forward()
    finally:
        handle.remove()
    return calls


def _compiled_code_runs_eagerly() -> contextlib.AbstractContextManager[Any]:
    """A model under `torch.compile` skips the hooks of its inner modules unless it runs eagerly."""
    compiler_in_use = "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance")
    return torch.compiler.set_stance("force_eager") if compiler_in_use else contextlib.nullcontext()


def _layer_call(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> LayerCall:
    layer_input = args[0] if args else kwargs.get("input")
    initial = args[1] if len(args) > 1 else kwargs.get("hx")
    if isinstance(initial, tuple):  # an LSTM's (h_0, c_0)
        initial = initial[0]
    answered_like_torch = isinstance(output, tuple) and len(output) == 2
    if not answered_like_torch or not isinstance(layer_input, (Tensor, PackedSequence)):
        raise TypeError(
            f"{type(module).__name__} was called or answered unlike the torch layer it extends; "
            "expected layer(input, hx=None) -> (output, final state)"
        )
    return LayerCall(layer_input, initial, output[0])


def trajectory(layer: nn.RNNBase, call: LayerCall, lengths: Tensor | None = None) -> Trajectory:
    """Turns one recorded call into states with named axes, in the order of the batch.

    Args:
        layer: The layer that was called.
        call: The recorded call.
        lengths: Real tokens of each row (batch,) where the layer also ran over their padding.

    Raises:
        ValueError: Lengths that the call contradicts.
        TypeError: Lengths that are no integers.
    """
    outputs, ends = _padded_outputs(layer, call)
    if lengths is not None:
        lengths = check_lengths(lengths, outputs.shape[0], outputs.shape[1], outputs.device)
        if ends is not None:
            _check_agreement(lengths, ends)
    read = getattr(call.input, "read", None)
    if lengths is None:
        lengths = ends if read is None else read.sum(1)
    directions = 2 if layer.bidirectional else 1
    initial = _initial_states(call.initial, outputs, directions)
    if directions == 1:
        paths: tuple[Tensor, ...] = (_forward_path(outputs, initial[0]),)
    else:
        forward, backward = outputs.chunk(2, dim=-1)
        paths = (_forward_path(forward, initial[0]), _backward_path(backward, initial[1], ends))
    return Trajectory(paths, lengths, read, ends is not None)


def _padded_outputs(layer: nn.RNNBase, call: LayerCall) -> tuple[Tensor, Tensor | None]:
    """The top level's outputs (batch, time, direction · hidden); a packed sequence's lengths."""
    if not isinstance(call.output, PackedSequence):
        return _batch_first(call.output, layer.batch_first), None
    outputs, steps = pad_packed_sequence(call.output, batch_first=True)
    return outputs, steps.to(outputs.device)


def _check_agreement(lengths: Tensor, steps: Tensor) -> None:
    differs = lengths != steps
    if differs.any():
        row = int(differs.int().argmax())
        raise ValueError(
            f"lengths[{row}] is {int(lengths[row])}, but the layer's packed sequence holds "
            f"{int(steps[row])} steps in that row; leave lengths out for a packed sequence, and if "
            "the model sorts its batch before packing, let pack_padded_sequence do that with "
            "enforce_sorted=False"
        )


def _batch_first(output: Tensor, batch_first: bool) -> Tensor:
    if output.dim() == 2:  # an unbatched (time, features) call
        return output.unsqueeze(0)
    return output if batch_first else output.transpose(0, 1)


def _initial_states(initial: Tensor | None, outputs: Tensor, directions: int) -> Tensor:
    """The top level's initial states (direction, batch, 1, hidden), in float32 at least."""
    batch, hidden = len(outputs), outputs.shape[-1] // directions
    dtype = torch.promote_types(outputs.dtype, torch.float32)
    if initial is None:
        return outputs.new_zeros(directions, batch, 1, hidden, dtype=dtype)
    return initial[-directions:].reshape(directions, batch, 1, hidden).to(dtype)


def _forward_path(outputs: Tensor, initial: Tensor) -> Tensor:
    return torch.cat([initial, outputs], 1)


def _backward_path(outputs: Tensor, initial: Tensor, ends: Tensor | None) -> Tensor:
    path = torch.cat([outputs, initial], 1)
    if ends is not None:
        path[torch.arange(len(ends), device=ends.device), ends] = initial.squeeze(1)
    return path
