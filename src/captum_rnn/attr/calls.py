"""What a call of `attribute` may hold besides its inputs, and what the model may answer."""

from typing import Any, TypeAlias

from torch import Tensor

Lengths: TypeAlias = Tensor | tuple[Tensor | None, ...] | None


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


def target_out_of_range(target: Any, output: Any, of: str = "model") -> ValueError:
    """The error that says which classes there are in the output of the model, or of its head."""
    shape = tuple(getattr(output, "shape", ()))
    classes = f"; expected classes from 0 to {shape[-1] - 1}" if len(shape) > 1 else ""
    return ValueError(f"target {target} does not fit the {of}'s output of shape {shape}{classes}")


def explained(output: Any, rows: int) -> Tensor:
    """The explained value of each row, which must be one number."""
    if isinstance(output, Tensor) and output.numel() == rows:
        return output.reshape(-1)
    given = f"has shape {tuple(output.shape)}" if isinstance(output, Tensor) else "is no tensor"
    raise ValueError(
        f"the model's output {given}, but one number for each row is explained; pass the class as "
        "target"
    )
