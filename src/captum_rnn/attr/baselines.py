"""Baselines as a user gives them, and what the recurrent layer would have read of them."""

from collections.abc import Callable
from numbers import Real
from typing import Any, TypeAlias

import torch
from torch import Tensor

from captum_rnn._captum import run_forward
from captum_rnn.attr.inputs import InputLayout, check_inputs
from captum_rnn.attr.records import Run
from captum_rnn.states.baseline import Baselines, at_steps, baseline_inputs

GivenBaselines: TypeAlias = float | Tensor | tuple[float | Tensor, ...] | None


def as_baselines(
    given: GivenBaselines, inputs: tuple[Tensor, ...], layouts: list[InputLayout]
) -> tuple[Tensor, ...]:
    """A baseline for each input, of its shape; of ids, also their vectors (*shape, features).

    Raises:
        TypeError: A baseline that is neither a number nor a tensor, or floats as ids.
        ValueError: Not one for each input, or a shape that does not fit.
    """
    each = given if isinstance(given, tuple) else (given,)
    if len(each) != len(inputs):
        raise ValueError(
            f"baselines has {len(each)} entry(ies) for {len(inputs)} input tensor(s); pass a tuple "
            "with one for each of them"
        )
    return tuple(map(_as_baseline, each, inputs, layouts))


def _as_baseline(given: Any, tensor: Tensor, layout: InputLayout) -> Tensor:
    """One baseline, of the shape of its input."""
    of_ids = not tensor.is_floating_point()
    if isinstance(given, Real) and not isinstance(given, bool):
        given = torch.tensor(given)
        if of_ids and given.is_floating_point():
            raise TypeError(f"baselines is {given}, but the inputs are ids; expected an id")
    if not isinstance(given, Tensor) or given.dtype == torch.bool or given.is_complex():
        kind = given.dtype if isinstance(given, Tensor) else type(given).__name__
        raise TypeError(f"baselines is of type {kind}; expected a number or a tensor of numbers")
    placed: Tensor = given.detach().to(tensor.device)
    shape = tuple(tensor.shape)
    if of_ids and given.is_floating_point():
        shape = (*shape, given.shape[-1] if given.dim() else 1)
    else:
        placed = placed.to(tensor.dtype)
    if given.dim() == len(shape) - 1 and not layout.unbatched:
        placed = placed.unsqueeze(0 if layout.batch_first else 1)  # one row for all
    try:
        return placed.expand(shape)
    except RuntimeError as error:
        raise ValueError(
            f"baselines has shape {tuple(given.shape)}; expected {shape}, or what broadcasts to "
            "it: a number, features, a row without its batch axis"
        ) from error


def read_baselines(
    forward_func: Callable[..., Any],
    run: Run,
    inputs: Any,
    baselines: GivenBaselines,
    additional_forward_args: Any,
) -> list[Tensor]:
    """For each record what the layer would have read (time, rows, features) of baselines.

    Args:
        forward_func: The model.
        run: Its run on the inputs themselves.
        inputs: The inputs.
        baselines: The baselines, as the user gave them.
        additional_forward_args: Further arguments of the model, the same as for the inputs.
    """
    tensors = check_inputs(inputs)
    if len(run.modules) > 1:
        raise ValueError(
            f"baselines are given for {len(run.modules)} layers, but they say what one layer would "
            "have read: pass that layer alone, or leave baselines out"
        )
    following = Baselines(tensors, as_baselines(baselines, tensors, run.layouts))
    read = baseline_inputs(
        run.modules[0],
        lambda: run_forward(forward_func, following.inputs, None, additional_forward_args),
        following,
        run.calls,
    )
    return [at_steps(read, record.numbers) for record in run.records]
