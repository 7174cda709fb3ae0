"""What a call of `attribute` is given, and how scores are brought into the shape of its inputs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

Lengths: TypeAlias = Tensor | tuple[Tensor | None, ...] | None


def check_inputs(inputs: object) -> tuple[Tensor, ...]:
    """Returns the input tensors as a tuple.

    Raises:
        TypeError: Neither a tensor nor a tuple of tensors.
        ValueError: No tensor at all, or an empty one.
    """
    if isinstance(inputs, PackedSequence):
        raise TypeError(
            "inputs is a PackedSequence; expected the padded tensor: pass a model that packs it "
            "itself, with the recurrent module as layer"
        )
    tensors = inputs if isinstance(inputs, tuple) else (inputs,)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            given = "a tuple that holds a" if tensors is inputs else "a"
            raise TypeError(
                f"inputs is {given} {type(tensor).__name__}; expected a tensor or a tuple of them"
            )
        if tensor.numel() == 0:
            raise ValueError(
                f"inputs is empty: its shape is {tuple(tensor.shape)}; expected at least one row "
                "with at least one token"
            )
    if not tensors:
        raise ValueError("inputs is an empty tuple; expected at least one tensor")
    return tensors


@dataclass(frozen=True)
class InputLayout:
    """The layout of one input tensor.

    Attributes:
        shape: The tensor's shape: (batch, time, ...), (time, batch, ...) or (time, features).
        batch_first: Whether the batch comes before the time.
        unbatched: Whether there is no batch axis.
    """

    shape: torch.Size
    batch_first: bool = True
    unbatched: bool = False

    @property
    def batch(self) -> int:
        """Number of rows."""
        return 1 if self.unbatched else self.shape[0 if self.batch_first else 1]

    @property
    def time(self) -> int:
        """Number of tokens in a row, padding included."""
        return self.shape[0 if self.unbatched or not self.batch_first else 1]

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes of the tokens, where the input does not turn out to have others."""
        return tuple(range(1 if self.unbatched else 2))

    def arrange(self, scores: Tensor, axes: tuple[int, ...] | None = None) -> Tensor:
        """Brings scores into the shape of the input.

        A token's score is shared equally over its features, so that their sum is the score; scores
        of the features themselves stay as they are.

        Args:
            scores: Scores over the axes of the tokens, or of the input's shape.
            axes: These axes; None: those before the features.

        Example:
            >>> InputLayout(torch.Size([1, 2, 4])).arrange(torch.tensor([[1.0, 2.0]])).sum(-1)
            tensor([[1., 2.]])
        """
        axes = self.axes if axes is None else axes
        features = [size if axis not in axes else 1 for axis, size in enumerate(self.shape)]
        if math.prod(features) == 1 or scores.dim() == len(self.shape):
            return scores.reshape(self.shape).contiguous()
        tokens = [size if axis in axes else 1 for axis, size in enumerate(self.shape)]
        shares = scores.new_full(features, 1.0 / math.prod(features))
        return (scores.reshape(tokens) * shares).contiguous()

    def steps(self, scores: Tensor, axes: tuple[int, ...]) -> Tensor:
        """Scores over the axes of the tokens, from those or from scores of the input's shape."""
        is_of_features = scores.dim() == len(self.shape)
        return (self.gather(scores, axes) if is_of_features else scores).contiguous()

    def gather(self, attributions: Tensor, axes: tuple[int, ...] | None = None) -> Tensor:
        """The scores of the tokens, over their axes, in attributions of the input's shape."""
        axes = self.axes if axes is None else axes
        features = [axis for axis in range(len(self.shape)) if axis not in axes]
        return attributions.sum(features) if features else attributions

    def of_rows(self, scores: Tensor) -> Tensor:
        """The sum of the scores of each row's tokens (batch,), in float64.

        Args:
            scores: Scores over the axes of the tokens, or of the input's shape.
        """
        if self.unbatched:
            return scores.sum(dtype=torch.float64).reshape(1)
        rows = scores if self.batch_first else scores.transpose(0, 1)
        return rows.flatten(1).sum(1, dtype=torch.float64)


def one_for_each_input(lengths: Lengths, inputs: int) -> tuple[Tensor | None, ...]:
    """The lengths of each input tensor; ValueError if there are not as many as inputs."""
    each = lengths if isinstance(lengths, tuple) else (lengths,)
    if lengths is None:
        each = (None,) * inputs
    if len(each) != inputs:
        raise ValueError(
            f"lengths has {len(each)} entry(ies) for {inputs} input tensor(s); pass a tuple with "
            "one entry for each of them"
        )
    return each


def is_of_positions(target: Any) -> bool:
    """Whether a target says a position, too, as of a tagger."""
    rows = target if isinstance(target, list) else [target]
    return any(isinstance(of_row, tuple) for of_row in rows)


def target_out_of_range(target: Any, output: Any, of: str = "model") -> ValueError:
    """The error that says which classes there are in the output of the model, or of its head."""
    shape = tuple(getattr(output, "shape", ()))
    remedy = ""
    if len(shape) == 1:
        remedy = "; it has no axis of classes: leave target out, or keep the axis of the batch"
    elif len(shape) == 2:
        remedy = f"; expected classes from 0 to {shape[1] - 1}"
    elif len(shape) > 2:
        axes = ", ".join(["position"] * (len(shape) - 2) + ["class"])
        remedy = f"; it has {len(shape)} axes: pass a tuple ({axes}), each counted from 0"
    return ValueError(f"target {target} does not fit the {of}'s output of shape {shape}{remedy}")


def not_a_tensor(answer: Any) -> TypeError:
    """The error that says what a model answered instead of a tensor, and what to write."""
    kind, take = type(answer).__name__, None
    if isinstance(answer, Mapping):
        names = [name for name, value in answer.items() if isinstance(value, Tensor)]
        take = f"[{names[0]!r}]" if names else None
    elif isinstance(answer, (tuple, list)):
        numbers = [i for i, value in enumerate(answer) if isinstance(value, Tensor)]
        take = f"[{numbers[0]}]" if numbers else None
    else:
        held = [
            name
            for name, value in getattr(answer, "__dict__", {}).items()
            if isinstance(value, Tensor)
        ]
        take = f".{held[0]}" if held else None
    remedy = (
        f"explain `lambda *args: model(*args){take}`"
        if take
        else "explain a function that returns the scores of the classes"
    )
    return TypeError(
        f"the model answered with a {kind}; expected a tensor (batch, classes): {remedy}"
    )


def explained(output: Any, rows: int) -> Tensor:
    """The explained value of each row, which must be one number."""
    if not isinstance(output, Tensor):
        raise not_a_tensor(output)
    shape = tuple(output.shape)
    if not output.is_floating_point():
        raise ValueError(
            f"the model answered with {output.dtype} numbers, such as classes by argmax, which "
            "have no derivative and change by jumps; return the scores of the classes, and pass "
            "the class as target"
        )
    if output.numel() != rows:
        if not shape:
            remedy = (
                f"it is one number for all {rows} rows, such as a mean loss: return one for each "
                'row, e.g. by reduction="none"'
            )
        elif len(shape) > 2:
            axes = ", ".join(["position"] * (len(shape) - 2) + ["class"])
            remedy = f"it has {len(shape)} axes: pass a tuple ({axes}) as target"
        elif shape[0] != rows:
            remedy = (
                f"it has {shape[0]} row(s) for {rows} of the inputs; keep the axis of the batch, "
                "add it to a single text by inputs.unsqueeze(0), and pass batch_first=False if the "
                "first axis of the inputs is the time"
            )
        else:
            remedy = "pass the class as target"
        raise ValueError(
            f"the model's output has shape {shape}, but one number for each row is explained; "
            f"{remedy}"
        )
    return output.reshape(-1)


def ends_in_padding(tensor: Tensor, time_axis: int) -> bool:
    """Whether a row seems to end in padding: in zeros, or in one id twice."""
    if not isinstance(tensor, Tensor) or tensor.dim() < 2 or not tensor.numel():
        return False
    last = tensor.select(time_axis, -1)
    is_zero = (last == 0).flatten(1).all(1) if last.dim() > 1 else last == 0
    if not tensor.is_floating_point() and tensor.shape[time_axis] > 1:
        same = last == tensor.select(time_axis, -2)
        is_zero = is_zero | (same.flatten(1).all(1) if same.dim() > 1 else same)
    return bool(is_zero.any())
