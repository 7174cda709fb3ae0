"""Baselines as a user gives them, and what the recurrent layer would have read of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, TypeAlias

import torch
from torch import Tensor

from captum_rnn._captum import run_forward
from captum_rnn.attr.inputs import InputLayout
from captum_rnn.attr.records import Run
from captum_rnn.states.baseline import Baselines, at_steps, given_on_baselines, of_members
from captum_rnn.states.joining import Joined
from captum_rnn.states.stepped import given_step_by_step

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
        exact = torch.int64 if isinstance(given, Integral) else torch.float64
        given = torch.tensor(given, dtype=exact)
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


def on_baselines(
    forward_func: Callable[..., Any],
    run: Run,
    baselines: GivenBaselines,
    additional_forward_args: Any,
    *,
    whole_runs: bool = False,
) -> Run:
    """A run with what its layers, and what reads inputs beside them, would have read of baselines.

    Args:
        forward_func: The model.
        run: Its run on the inputs themselves.
        baselines: The baselines, as the user gave them.
        additional_forward_args: Further arguments of the model, the same as for the inputs.
        whole_runs: Whether a layer above another one reads what that makes of the baselines in a
            run of its own; else what each of its steps makes of them from the state it was in.

    Raises:
        ValueError: Baselines that do not fit, or layers that run otherwise on them.
    """
    run = replace(run, baselines=as_baselines(baselines, run.inputs, run.layouts))
    following = run.reads_baselines()
    by_steps = len(run.modules) > 1 and any(run.depends) and not whole_runs
    given_on = given_step_by_step if by_steps else given_on_baselines
    with run.forward.from_the_same_start():
        given = given_on(
            run.modules,
            lambda: run_forward(forward_func, following.inputs, None, additional_forward_args),
            following,
            run.calls,
            owners_of(run),
        )
    records = [
        replace(
            record,
            baseline=at_steps(of_members(given.read, joined.members), record.numbers),
            first_baseline=_first_states(joined, given.initial),
        )
        for record, joined in zip(run.records, run.joined, strict=True)
    ]
    return replace(run, records=records, reads_instead=_beside(run, following))


def owners_of(run: Run) -> list[int]:
    """Which of the layers each call is of: the first, where only one is looked at."""
    return [0] * len(run.calls) if run.graph is None else run.graph.recording.layers


def zeros_for(run: Run) -> tuple[float | Tensor, ...]:
    """A zero for each float input, and for ids vectors of zeros, as long as those they stand for.

    Raises:
        ValueError: No vectors are looked up by the ids.
    """
    assert run.graph is not None
    found: list[float | Tensor] = []
    first = 0
    for tensor in run.inputs:
        last = first + tensor.numel()
        widths = [
            entry.vectors.shape[-1]
            for entry in run.graph.entries
            if bool(((entry.places >= first) & (entry.places < last)).any())
        ]
        if not tensor.is_floating_point() and not widths:
            raise ValueError(
                "the model looks no vectors up by ids, as far as can be followed, so that none of "
                "zeros can stand for them; explain the embedded tokens"
            )
        is_float = tensor.is_floating_point()
        found.append(0.0 if is_float else torch.zeros(*tensor.shape, widths[0]))
        first = last
    return tuple(found)


def _first_states(
    joined: Joined, initial: Sequence[tuple[Tensor, ...] | None]
) -> tuple[Tensor, ...] | None:
    """The states that a trajectory begins with on baselines; None where it is given none."""
    if joined.call.initial is None:
        return None
    found = tuple(state.clone() for state in joined.call.initial)
    for number, is_linked in zip(joined.members, joined.is_linked, strict=True):
        given = initial[number]
        if not is_linked and given is not None:
            for state, instead in zip(found, given, strict=True):
                rows = state.reshape(len(instead), -1, state.shape[-1])
                rows[:, joined.rows_of(number)] = instead.to(state)
    return found


def _beside(run: Run, following: Baselines) -> list[Tensor | None]:
    """What stands on baselines at each entry of the graph; None where nothing reads it beside."""
    if run.graph is None:
        return []
    found: list[Tensor | None] = []
    entries = [*following.entries, *[None] * len(run.graph.entries)]
    for own, other in zip(run.graph.entries, entries, strict=False):
        same = other is not None and other.vectors.shape == own.vectors.shape
        found.append(other.vectors if other is not None and same else None)
    return found
