"""Every stacked layer and direction of a recurrent module, step by step in its order of reading.

Fused modules return the top layer's states only. A lower layer is run alone, on the recorded input
of the stack; the cells then recompute what happened inside each step.
"""

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from captum_rnn.functional.proof import Proof
from captum_rnn.functional.stack import LayerPass, Stack, reverse_rows
from captum_rnn.states.hooks import LayerCall, LayerData
from captum_rnn.states.layers import runs_torchs_own_code
from captum_rnn.states.recording import ReadGradient
from captum_rnn.states.weights import cell_of, layer_alone


def unstack_gates(
    layer: nn.RNNBase, call: LayerCall, gradient: ReadGradient | None = None
) -> Stack:
    """Recovers what every stacked layer and direction of the module read and became.

    Args:
        layer: The layer that was called.
        call: The recorded call.
        gradient: What the classifier reads of it; None: nothing.

    Raises:
        ValueError: The layer drops out between its layers, which cannot be repeated, or computes
            something else than the torch layer it extends.
    """
    if layer.training and layer.dropout > 0 and layer.num_layers > 1:
        raise ValueError(
            f"{type(layer).__name__} drops out between its layers at random, so that the lower "
            "ones cannot be recovered; call model.eval() first"
        )
    inputs, ends = time_first(call.input, layer.batch_first)
    unread = ReadGradient(None, (None,) * len(call.final))
    unstacking = _Unstacking(layer, call, gradient or unread, ends)
    layers = []
    for layer_index in range(layer.num_layers):
        outputs = unstacking.outputs(layer_index, inputs)
        layers.append(unstacking.passes(layer_index, inputs, outputs))
        inputs = outputs
    is_torchs = call.of_kernel or runs_torchs_own_code(layer)
    passes = list(itertools.chain.from_iterable(layers))
    if not is_torchs:
        for passed in passes:
            passed.prove()
    if layer.num_layers > 1 or not is_torchs:
        _check_ends(passes, [passed.states for passed in passes], call.final[0])
        if not is_torchs and layer.mode == "LSTM":
            _check_ends(passes, [passed.steps.cells for passed in passes], call.final[1])
    return Stack(layers, ends)


def reads_of(
    stack: Stack, layer: nn.Module, call: LayerCall, gradient: ReadGradient
) -> list[list[tuple[Tensor, Tensor | None]]]:
    """What the classifier reads of all layers and directions that `unstack_gates` recovered.

    Args:
        stack: The stacked layers.
        layer: The layer.
        call: The recorded call.
        gradient: What the classifier reads of it.

    Returns:
        `LayerPass.read` and `LayerPass.read_cells` of each layer and direction.
    """
    assert isinstance(layer, nn.RNNBase)
    unstacking = _Unstacking(layer, call, gradient, stack.ends)
    return [
        [
            unstacking.reads(layer_index, direction, p.states[1:])
            for direction, p in enumerate(passes)
        ]
        for layer_index, passes in enumerate(stack.layers)
    ]


@dataclass(frozen=True)
class _Unstacking:
    layer: nn.RNNBase
    call: LayerCall
    gradient: ReadGradient
    ends: Tensor | None

    @property
    def directions(self) -> int:
        return 2 if self.layer.bidirectional else 1

    def outputs(self, layer_index: int, inputs: Tensor) -> Tensor:
        """The states (time, batch, direction · state) of a stacked layer."""
        if layer_index == self.layer.num_layers - 1:
            return time_first(self.call.output, self.layer.batch_first)[0]
        alone = layer_alone(self.layer, self.call.weights, layer_index)
        dtype = self.call.weights["weight_ih_l0"].dtype
        fed: LayerData = inputs.to(dtype)
        if self.ends is not None:
            fed = pack_padded_sequence(inputs.to(dtype), self.ends.cpu(), enforce_sorted=False)
        rows = slice(layer_index * self.directions, (layer_index + 1) * self.directions)
        initial = self.call.initial and tuple(
            state.reshape(-1, inputs.shape[1], state.shape[-1])[rows].to(dtype).contiguous()
            for state in self.call.initial
        )
        if initial is not None and alone.mode != "LSTM":
            outputs, _ = alone(fed, initial[0])
        else:
            outputs, _ = alone(fed, initial)
        return time_first(outputs, batch_first=False)[0]

    def passes(self, layer_index: int, inputs: Tensor, outputs: Tensor) -> list[LayerPass]:
        """What the directions of a stacked layer read and became."""
        return [
            self._pass(layer_index, direction, inputs, part)
            for direction, part in enumerate(outputs.chunk(self.directions, dim=-1))
        ]

    def _pass(self, layer_index: int, direction: int, inputs: Tensor, outputs: Tensor) -> LayerPass:
        index = layer_index * self.directions + direction
        if direction == 1:
            inputs, outputs = reverse_rows(inputs, self.ends), reverse_rows(outputs, self.ends)
        initial = self._initial(0, index, outputs)
        read, read_cells = self.reads(layer_index, direction, outputs)
        return LayerPass(
            cell=cell_of(self.layer, self.call.weights, layer_index, direction),
            inputs=inputs,
            states=torch.cat([initial.unsqueeze(0), outputs]),
            initial_cell=self._initial(1, index, outputs) if self._has_cells else None,
            read=read,
            read_cells=read_cells,
            proof=self._proof(layer_index, direction),
            final_cell=self._final_cell(index, outputs) if self._has_cells else None,
        )

    def _proof(self, layer_index: int, direction: int) -> Proof:
        names = (", forward direction", ", backward direction") if self.directions == 2 else ("",)
        where = f"what the weights of layer {layer_index}{names[direction]} make of it"
        remedy = ""
        if self.call.of_kernel or runs_torchs_own_code(self.layer):
            remedy = (
                f"; leave the weights, the input and the output of {type(self.layer).__name__} as "
                "they are until attribute is done"
            )
        rounding = self.call.rounding
        if self.layer.mode == "LSTM" and self.layer.proj_size:
            rounding *= 8  # terms of either sign are added up once more, after they were rounded
        return Proof(where, rounding, self.ends, direction == 1, remedy)

    @property
    def _has_cells(self) -> bool:
        return bool(self.layer.mode == "LSTM")

    def _final_cell(self, index: int, like: Tensor) -> Tensor:
        states = self.call.final[1]
        return states.reshape(-1, like.shape[1], states.shape[-1])[index].to(like.dtype)

    def _initial(self, part: int, index: int, like: Tensor) -> Tensor:
        batch = like.shape[1]
        if self.call.initial is None:
            width = self.layer.hidden_size if part == 1 else like.shape[2]
            return like.new_zeros(batch, width)
        states = self.call.initial[part]
        return states.reshape(-1, batch, states.shape[-1])[index].to(like.dtype)

    def reads(
        self, layer_index: int, direction: int, outputs: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """What is read of a direction's states (time, batch, state), and of its cell states."""
        index = layer_index * self.directions + direction
        of_cells = self._read_at_end(1, index, outputs) if self._has_cells else None
        return self._read(layer_index, direction, outputs), of_cells

    def _read(self, layer_index: int, direction: int, outputs: Tensor) -> Tensor:
        """What is read of the states: of the top layer its outputs, of every layer h_n."""
        read = self._read_at_end(0, layer_index * self.directions + direction, outputs)
        of_output = self.gradient.output
        if layer_index == self.layer.num_layers - 1 and of_output is not None:
            gradients, _ = time_first(of_output, self.layer.batch_first)
            part = gradients.chunk(self.directions, dim=-1)[direction]
            part = reverse_rows(part, self.ends) if direction == 1 else part
            read = part if read is None else read + part
        return torch.zeros_like(outputs) if read is None else read

    def _read_at_end(self, part: int, index: int, like: Tensor) -> Tensor | None:
        """A derivative with respect to a final state, put at the last step of each row."""
        gradient = self.gradient.final[part]
        if gradient is None:
            return None
        time, batch = like.shape[:2]
        gradient = gradient.reshape(-1, batch, gradient.shape[-1])[index].to(like.dtype)
        read = like.new_zeros(time, batch, gradient.shape[-1])
        last = torch.full((batch,), time, device=like.device) if self.ends is None else self.ends
        read[last - 1, torch.arange(batch, device=like.device)] = gradient
        return read


def time_first(data: LayerData, batch_first: bool) -> tuple[Tensor, Tensor | None]:
    """(time, batch, features) in float32 at least, and the lengths of a packed sequence.

    It may be a view of what is laid out otherwise.
    """
    ends = None
    if isinstance(data, PackedSequence):
        padded, lengths = pad_packed_sequence(data)
        ends = lengths.to(padded.device)
    elif data.dim() == 2:  # an unbatched (time, features) call
        padded = data.unsqueeze(1)
    else:
        padded = data.transpose(0, 1) if batch_first else data
    dtype = torch.promote_types(padded.dtype, torch.float32)
    return padded.to(dtype), ends


def _check_ends(passes: list[LayerPass], states: list[Tensor], final: Tensor) -> None:
    """Every layer and direction has to end where the module said that it ended.

    Args:
        passes: The layers and directions.
        states: Hidden or cell states of each (time + 1, batch, state).
        final: The last ones, as the layer returned them.
    """
    each_final = final.reshape(len(passes), states[0].shape[1], -1)
    for passed, path, seen in zip(passes, states, each_final, strict=True):
        passed.proof.check_end(passed.at_end(path), seen.to(path.dtype))
