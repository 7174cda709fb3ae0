"""The path of the states that a recurrent layer's outputs show, with named axes."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from captum_rnn.functional import check_lengths
from captum_rnn.functional.logit import Reads
from captum_rnn.functional.path import StatePath
from captum_rnn.states.calls import as_output, shown_state
from captum_rnn.states.hooks import LayerCall, LayerData
from captum_rnn.states.layers import LayerForm, form_of
from captum_rnn.states.packing import padded
from captum_rnn.states.recording import ReadGradient


@dataclass(frozen=True)
class Trajectory:
    """The states of one stacked layer of a recurrent module, token by token.

    Attributes:
        directions: The states that each direction passes through, the forward direction first.
        lengths: Number of tokens in each row (batch,), 0 for a row of `pack_tokens` without any;
            `None`: all rows are full.
        read: For a layer fed by `pack_tokens`, the mask (batch, input time) of the tokens it read;
            otherwise None and token t is input t.
        is_packed: Whether the layer's input was a packed sequence, which stops at `lengths`.
    """

    directions: tuple[StatePath, ...]
    lengths: Tensor | None = None
    read: Tensor | None = None
    is_packed: bool = False

    @cached_property
    def paths(self) -> tuple[Tensor, ...]:
        """For each direction, the states at the boundaries (batch, time + 1, hidden)."""
        return tuple(path.states() for path in self.directions)

    @property
    def time(self) -> int:
        """Number of steps of the longest row."""
        return self.directions[0].outputs.shape[1]

    @property
    def is_empty(self) -> bool:
        """Whether no row has any tokens."""
        return self.lengths is not None and not bool(self.lengths.any())

    def without_padding(self, scores: Tensor) -> Tensor:
        """The scores (batch, self.time, ...), and exactly 0 beyond a row's length."""
        if self.lengths is None:
            return scores
        beyond = torch.arange(self.time, device=scores.device) >= self.lengths.unsqueeze(1)
        return scores.masked_fill(beyond.view(*beyond.shape, *[1] * (scores.dim() - 2)), 0.0)

    def cut_at(self, ends: Tensor) -> "Trajectory":
        """The same, but that no row has more tokens than `ends` (rows,) says."""
        lengths = ends.clamp(max=self.time) if self.lengths is None else self.lengths.minimum(ends)
        return replace(self, lengths=lengths)

    def without_rows(self, rows: Tensor) -> "Trajectory":
        """The same, but that rows (rows,) count as if they had no tokens."""
        return self.cut_at(torch.full_like(rows, self.time, dtype=torch.int64).masked_fill(rows, 0))

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


def trajectory(layer: nn.Module, call: LayerCall, lengths: Tensor | None = None) -> Trajectory:
    """Turns one recorded call into states with named axes, in the order of the batch.

    Args:
        layer: The layer that was called.
        call: The recorded call.
        lengths: Real tokens of each row (batch,) where the layer also ran over their padding.

    Raises:
        ValueError: Lengths that the call contradicts.
        TypeError: Lengths that are no integers.
    """
    form = form_of(layer)
    outputs, ends = _padded(call.output, form.batch_first)
    if lengths is not None and hasattr(call.input, "read"):
        raise ValueError(
            "lengths is given for a layer that is fed by pack_tokens, which knows its tokens; "
            "leave lengths out"
        )
    if lengths is not None:
        lengths = check_lengths(lengths, outputs.shape[0], outputs.shape[1], outputs.device)
        if ends is not None:
            _check_agreement(lengths, ends)
    read = getattr(call.input, "read", None)
    if lengths is None:
        lengths = ends if read is None else read.sum(1)
    directions = form.directions
    paths = (
        StatePath(_initial_state(form, call, direction), part, direction == 1, ends)
        for direction, part in enumerate(outputs.chunk(directions, dim=-1))
    )
    return Trajectory(tuple(paths), lengths, read, ends is not None)


def given_to(layer: nn.Module, call: LayerCall, path: Trajectory) -> Tensor:
    """What the layer read at each step (batch, time, features), and 0 beyond a row's length."""
    padded, _ = _padded(call.input, form_of(layer).batch_first)
    return path.without_padding(padded)


def read_gradients(layer: nn.Module, call: LayerCall, gradient: ReadGradient) -> list[Reads]:
    """What the classifier reads of each direction of the top layer, in the order of the batch.

    Raises:
        ValueError: It reads what a layer that is not torch's hands on and does not output.
    """
    form = form_of(layer)
    directions = form.directions
    outputs: list[Tensor | None] = [None] * directions
    if gradient.output is not None:
        padded, _ = _padded(gradient.output, form.batch_first)
        outputs = list(padded.chunk(directions, dim=-1))
    final: list[Tensor | None] = [None] * directions
    if not form.has_gates:
        return [Reads(outputs[0], _read_of_shown(layer, call, gradient))]
    if gradient.final[0] is not None:
        top = gradient.final[0][-directions:]
        final = list(top.reshape(directions, -1, top.shape[-1]))
    return [Reads(*parts) for parts in zip(outputs, final, strict=True)]


def _read_of_shown(layer: nn.Module, call: LayerCall, gradient: ReadGradient) -> Tensor | None:
    """What is read of the last output, where the layer hands that on as its state."""
    shown = shown_state(call, form_of(layer).batch_first)
    for number, of_final in enumerate(gradient.final):
        if of_final is not None and number != shown and of_final.any():
            raise ValueError(
                f"the model reads a state of {type(layer).__name__} that is not its output, but "
                "this method scores steps of the output; use AdjointDeltaAttribution, which reads "
                "both"
            )
    found = None if shown is None else gradient.final[shown]
    return None if found is None else as_output(found)


def _padded(data: LayerData, batch_first: bool) -> tuple[Tensor, Tensor | None]:
    """(batch, time, direction · hidden), and the lengths of a packed sequence."""
    if not isinstance(data, PackedSequence):
        return _batch_first(data, batch_first), None
    return padded(data)


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


def _initial_state(form: LayerForm, call: LayerCall, direction: int) -> Tensor | None:
    """The initial state (batch, 1, hidden) of one direction; None: zeros."""
    if call.initial is None:
        return None
    if not form.has_gates:
        shown = shown_state(call, form.batch_first)
        return None if shown is None else as_output(call.initial[shown]).unsqueeze(1)
    state = call.initial[0][direction - form.directions]
    return state.reshape(-1, 1, state.shape[-1])
