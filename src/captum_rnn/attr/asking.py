"""Runs of a model whose head is asked what it reads, for methods that need no derivative else."""

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.utils.checkpoint import CheckpointError

from captum_rnn.attr.inputs import check_inputs, is_of_positions
from captum_rnn.attr.records import Record, Run
from captum_rnn.states.beyond import ends_read
from captum_rnn.states.layers import form_of
from captum_rnn.states.modes import made_in_inference_mode, training_modes

Times: TypeAlias = tuple[tuple[int, ...], ...]
"""The number of steps of each input."""


def asked_run(
    run: Callable[..., Run],
    given: tuple[Any, ...],
    forward_func: Callable[..., Any],
    *,
    wanted: bool,
    unknown: str,
) -> Run:
    """One run of a model that asks the head what it reads, if the head can be asked.

    Args:
        run: Runs it on `given`, and with `looks` asks.
        given: The arguments.
        forward_func: The model.
        wanted: Whether a head that cannot be differentiated is an error.
        unknown: What cannot be said where the head cannot be asked, for a warning.
    """
    leaves = torch.is_inference_mode_enabled()
    if leaves and made_in_inference_mode(forward_func):
        warnings.warn(
            "the model holds tensors that torch.inference_mode() made, so that its head cannot "
            f"be asked {unknown}; call attribute under torch.no_grad()",
            stacklevel=4,
        )
        return run(*given)
    with torch.inference_mode(False) if leaves else contextlib.nullcontext():
        given = _outside_inference_mode(given) if leaves else given
        try:
            return run(*given, looks=True)
        except RuntimeError as error:
            if wanted or not _has_no_derivative(error):
                raise
    return run(*given)


def may_carry(run: Run, target: Any, additional_forward_args: Any) -> bool:
    """Whether a layer that is called by steps may take some over padding, and carry none on.

    Only a model that is told what is padding, or sees it by its inputs. Tokens behind a position
    that is asked for are read by nothing either, and are no padding.
    """
    told = run.tells_ends or additional_forward_args is not None
    return run.is_stepped and told and len(run.modules) == 1 and not is_of_positions(target)


def without_unread(run: Run, target: Any, additional_forward_args: Any) -> Run:
    """The run without the steps behind which nothing is read, if it `may_carry` states over them.

    Where what is read is known.
    """
    if not may_carry(run, target, additional_forward_args):
        return run
    records = [
        record if any(index in read for read in run.depends) else _without(record)
        for index, record in enumerate(run.records)
    ]
    return replace(run, records=records)


def _without(record: Record) -> Record:
    form, gradient = form_of(record.layer), record.gradient
    if gradient is None or form.directions > 1 or not form.has_gates:
        return record
    ends = ends_read(record.layer, record.call, record.path, gradient)
    return replace(record, path=record.path.cut_at(ends))


class CalledOnce:
    """Lengths of inputs over which a layer was called once, so that all that it did is read."""

    def __init__(self) -> None:
        self._known: dict[tuple[bool, ...], set[Times]] = {}

    def holds(self, forward_func: Callable[..., Any], times: Times) -> bool:
        """Whether the layer is called once over inputs of some numbers of steps."""
        known = self._known.get(training_modes(forward_func), set())
        return any(all(a <= b for a, b in zip(times, other, strict=True)) for other in known)

    def add(self, forward_func: Callable[..., Any], times: Times, run: Run) -> None:
        """Remembers a run over inputs of some numbers of steps, if it called the layer once."""
        if called_once(run):
            self._known.setdefault(training_modes(forward_func), set()).add(times)


def called_once(run: Run) -> bool:
    """Whether a layer was called once for each input, and not over a single step of many."""
    stepped = run.tells_ends and any(of_run.steps.time == 1 for of_run in run.joined)
    return len(run.calls) == len(run.inputs) and not stepped


def times_of(inputs: Any, *, batch_first: bool) -> Times:
    """The number of steps of each input."""
    axis = 1 if batch_first else 0
    return tuple(tuple(tensor.shape[axis : axis + 1]) for tensor in check_inputs(inputs))


def _outside_inference_mode(given: Any) -> Any:
    """Arguments that a graph may hold: copies of the tensors that inference mode has made."""
    if isinstance(given, Tensor):
        return given.clone() if given.is_inference() else given
    if type(given) in (tuple, list):
        return type(given)(map(_outside_inference_mode, given))
    if type(given) is dict:
        return {name: _outside_inference_mode(value) for name, value in given.items()}
    return given


def _has_no_derivative(error: RuntimeError) -> bool:
    """Whether a head could be run, and not be differentiated.

    NumPy takes no tensor with a graph behind it; a layer inside a checkpoint, and what is changed
    after it was saved, have no backward pass.
    """
    known = ("requires grad", "modified by an inplace operation")
    return isinstance(error, CheckpointError) or any(part in str(error) for part in known)
