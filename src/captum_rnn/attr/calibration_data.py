"""What a calibration is learnt from: batches without labels, and what each token of them did."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from captum_rnn._captum import run_forward
from captum_rnn.attr.inputs import Lengths, not_a_tensor
from captum_rnn.attr.records import Record, Run
from captum_rnn.functional.calibration import distance_bins
from captum_rnn.functional.stack import Stack
from captum_rnn.states.layers import form_of
from captum_rnn.states.recovery import unstack
from captum_rnn.states.trajectory import read_gradients


class Batch(NamedTuple):
    """Arguments of `attribute`, for what takes batches.

    Example:
        >>> loader = [(torch.ones(2, 5), torch.tensor([5, 3]), torch.tensor([0, 1]))]
        >>> batches = [Batch(ids, lengths, lengths) for ids, lengths, labels in loader]
        >>> batches[0].lengths
        tensor([5, 3])
    """

    inputs: Any
    additional_forward_args: Any = None
    lengths: Lengths = None


def read_batches(batches: Iterable[Any], lengths_at: int | None = None) -> Iterator[Batch]:
    """Brings batches as data loaders give them into one form.

    Args:
        batches: Each the inputs, alone or as the only entry of a tuple or list, or a `Batch`.
        lengths_at: Which entry of longer tuples or lists holds the lengths, which the model is
            given too; the first is the inputs, and all others are labels, which are left out.

    Raises:
        TypeError: One is of another form, so that it is not known what its entries are.
    """
    for given in batches:
        if isinstance(given, (Batch, Tensor)):
            yield given if isinstance(given, Batch) else Batch(given)
            continue
        entries = len(given) if isinstance(given, (tuple, list)) else 0
        if entries == 1:
            yield Batch(given[0])
        elif entries > 1 and lengths_at is not None and 0 < lengths_at < entries:
            lengths = given[lengths_at]
            yield Batch(given[0], lengths, lengths)
        else:
            what = f" of {entries} entries" if isinstance(given, (tuple, list)) else ""
            raise TypeError(
                f"a batch is a {type(given).__name__}{what}, of which only you know what they are; "
                "expected the inputs, or (Batch(ids) for ids, labels in loader) with "
                "captum_rnn.attr.Batch(inputs, additional_forward_args, lengths), or lengths_at=1 "
                "where entry 1 holds the lengths that the model is given"
            )


def check_has_cells(layer: nn.Module) -> None:
    """Raises ValueError unless the layer has cell states."""
    if not form_of(layer).has_cells:
        raise ValueError(
            f"with_cells is True, but the layer is a {type(layer).__name__}, which has no cell "
            "state; leave with_cells out"
        )


def class_targets(
    forward_func: Callable[..., Any], batch: Batch, classes: Sequence[int] | None
) -> dict[int, int | None]:
    """For each class to learn, the target that selects it.

    Args:
        forward_func: The model, which runs once where `classes` is None.
        batch: A batch for it.
        classes: The classes; None: all columns of the model's output.

    Raises:
        ValueError: Classes that are no columns, or an output that has no columns for classes.
        TypeError: An output that is no tensor.
    """
    if classes is not None:
        if not classes or not all(type(number) is int and number >= 0 for number in classes):
            raise ValueError(
                f"classes is {list(classes)}; expected one or more columns of the model's output, "
                "counted from 0"
            )
        return {number: number for number in classes}
    with torch.no_grad():
        output = run_forward(forward_func, batch.inputs, None, batch.additional_forward_args)
    shape = tuple(output.shape) if isinstance(output, Tensor) else ()
    if not isinstance(output, Tensor):
        raise not_a_tensor(output)
    if len(shape) not in (1, 2):
        raise ValueError(
            f"the model's output has shape {shape}; expected (batch, classes), or one number a row"
        )
    if len(shape) == 1 or shape[1] == 1:
        return {0: None}
    return {number: number for number in range(shape[1])}


def top_steps(layer: nn.Module, record: Record, *, with_cells: bool = False) -> Tensor:
    """The steps that the top layer took, in the order of the text.

    From the state before the step, or from the state that the record's baseline leads to.

    Args:
        layer: The recurrent layer.
        record: What it did.
        with_cells: Go on over the cell states of an LSTM; without a baseline, the record's states
            do already.

    Returns:
        Steps (batch, time, direction, state). Beyond the end of a row they mean nothing.
    """
    if record.baseline is None:
        up, *down = (path.diff(dim=1) for path in record.path.paths)
        return torch.stack([up, *(-steps for steps in down)], 2)
    stack = unstack(layer, record.call)
    steps = []
    for passed, (states, cells) in zip(
        stack.layers[-1], stack.stepped_with(record.baseline)[-1], strict=True
    ):
        of_direction = stack.shown(passed.states[1:] - states)
        if with_cells:
            of_direction = torch.cat([of_direction, passed.steps.cells[1:] - cells], -1)
        steps.append(of_direction)
    return _in_text_order(stack, steps)


def top_adjoints(layer: nn.Module, record: Record, *, with_cells: bool = False) -> Tensor:
    """Derivatives of the output with respect to the top layer's state after each token.

    They go through all later steps; of an LSTM the cell state is held fixed at the token itself.

    Args:
        layer: The recurrent layer.
        record: What it did.
        with_cells: Go on over the cell states of an LSTM, with the state held fixed.

    Returns:
        Derivatives (batch, time, direction, state), in the order of the text.

    Raises:
        ValueError: The classifier reads states that no vector is learnt for.
    """
    assert record.gradient is not None
    _check_read_is_learnt(layer, record, with_cells=with_cells)
    stack = unstack(layer, record.call, record.gradient)
    derivatives = []
    for passed in stack.layers[-1]:
        adjoint = passed.cell.multipliers(
            passed.steps, passed.read, passed.read_cells, of_inputs=False
        )
        of_direction = stack.of_shown(adjoint.states[1:])
        if with_cells:
            assert adjoint.cells is not None
            of_direction = torch.cat([of_direction, adjoint.cells[1:]], -1)
        derivatives.append(of_direction)
    return _in_text_order(stack, derivatives)


def _check_read_is_learnt(layer: nn.Module, record: Record, *, with_cells: bool) -> None:
    """Raises ValueError if the classifier reads states that no vector is learnt for.

    Args:
        layer: The recurrent layer.
        record: What it did, and what the classifier reads of it.
        with_cells: Whether vectors for the top layer's cell states are learnt.
    """
    assert record.gradient is not None
    form = form_of(layer)
    if not form.has_gates:
        read_gradients(layer, record.call, record.gradient)
        return
    for number, states in enumerate(record.gradient.final):
        if states is None:
            continue
        name = "c_n" if number else "h_n"
        if states[: -form.directions].any():
            raise ValueError(
                f"the model reads {name} of layers below the top of {type(layer).__name__}, for "
                "which CalibratedDeltaAttribution learns no vectors; use AdjointDeltaAttribution "
                "or LogitDeltaAttribution, or fit with a teacher"
            )
        if number and not with_cells and states.any():
            raise ValueError(
                f"the model reads c_n, the cell states of {type(layer).__name__}, for which no "
                "vectors are learnt; pass with_cells=True, or fit with a teacher"
            )


def step_bins(record: Record, bins: int) -> Tensor:
    """The bin of each of the layer's steps (batch, time, direction), by distance from the end.

    The end is that of the direction's own reading.
    """
    path = record.path
    outputs = path.directions[0].outputs
    steps = torch.arange(path.time, device=outputs.device).expand(outputs.shape[:2])
    ends = path.time if path.lengths is None else path.lengths.unsqueeze(1)
    if bins == 1:
        return torch.zeros_like(steps).unsqueeze(2).expand(-1, -1, len(path.directions))
    distances = [steps if d.backward else (ends - 1 - steps).clamp(min=0) for d in path.directions]
    return distance_bins(torch.stack(distances, 2))


def of_tokens(values: list[Tensor], run: Run) -> Tensor:
    """The values of the steps that read tokens, without padding, of all records together.

    Args:
        values: For each record of the run, values of its steps (rows, time, ...).
        run: The model's run.

    Returns:
        Values (steps, ...), the rows following each other.
    """
    return torch.cat([of_record.flatten(0, 1) for of_record in values])[_read_tokens(run)]


def taught_scores(answer: Any, run: Run) -> Tensor:
    """A teacher's scores of the tokens that each step read (steps,), in the order of `of_tokens`.

    Args:
        answer: What the teacher returned: attributions of each input.
        run: The model's run over the same inputs.

    Raises:
        ValueError: It is not one tensor (batch, time, ...) for each input, as the inputs are.
    """
    given = answer if isinstance(answer, tuple) else (answer,)
    expected = [tuple(layout.shape[:2]) for layout in run.layouts]
    found = [tuple(part.shape[:2]) if isinstance(part, Tensor) else () for part in given]
    if found != expected:
        described = [
            tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__ for part in given
        ]
        raise ValueError(
            f"the teacher answered with {described}; expected scores whose first two axes are "
            f"those of the inputs, {expected}"
        )
    in_shape = [
        part.detach().reshape(*layout.shape, -1).sum(-1)
        for part, layout in zip(given, run.layouts, strict=True)
    ]
    return run.at_steps(tuple(in_shape))[_read_tokens(run)]


def _in_text_order(stack: Stack, directions: list[Tensor]) -> Tensor:
    """From (time, batch, state) of each direction to (batch, time, direction, state)."""
    ordered = [stack.reorder(steps, direction) for direction, steps in enumerate(directions)]
    return torch.stack(ordered, 2).transpose(0, 1)


def _read_tokens(run: Run) -> Tensor:
    """Which of all steps (steps,) read a token, or several with others, and no padding."""
    real, is_read = [], torch.split(run.placement.is_read, list(run.placement.counts))
    for index, (record, of_record) in enumerate(zip(run.records, is_read, strict=True)):
        ones = record.path.paths[0].new_ones(len(record.rows), record.path.time)
        steps = record.path.without_padding(ones).flatten().bool()
        real.append(steps if index in run.mixed else steps & of_record)
    return torch.cat(real)
