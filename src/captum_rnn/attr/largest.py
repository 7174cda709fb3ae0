"""One state that is read and the maximum of all of them, told apart where they are the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.attr.claimed_readout import reads_of, top_of
from captum_rnn.attr.records import Record, Run
from captum_rnn.functional import Readout, readout_delta
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.modes import tensors_kept
from captum_rnn.states.read_at import (
    fits,
    may_be_largest,
    readout_of,
    reads_one_step_each,
    unread_steps,
)
from captum_rnn.states.recording import data_of, with_data
from captum_rnn.states.rest import read_instead

_RAISED = (2.0**-6, 1.0)
"""By how much states are raised above the largest one, as shares of the range of all states."""


def with_largest(run: Run, forward_func: Callable[..., Any]) -> Run:
    """The run, with the readouts of records whose derivatives leave two of them open.

    Where the one state that is read of each row is the largest in each unit that is read, the
    model may as well read the maximum of all states. Then it is run on the states that it had and
    on higher ones at the steps of which nothing is read, which change nothing but a maximum.

    Args:
        run: The run, with derivatives of the answer.
        forward_func: The model, whose kept tensors stay as they are.

    Raises:
        ValueError: It reads one state of some rows, and of others nothing that shows which.
    """
    records = list(run.records)
    for index, record in enumerate(records):
        found = left_open(record)
        if found is None:
            continue
        shows = any(read.outputs is not None for read in reads_of(record))  # else it reads h_n
        is_largest = shows and _reads_largest(run, index, forward_func)
        if not is_largest and isinstance(found, str) and found == "max":
            raise ValueError(
                "the model reads one state of some rows, and nothing of others, as behind a ReLU "
                "that is at rest, so that it is not known which state it reads of them; explain "
                "the rows one by one, or a class that reads all of them"
            )
        records[index] = replace(record, readout="max" if is_largest else found)
    return replace(run, records=records)


def left_open(record: Record) -> Readout | None:
    """The one state that is read if not the maximum; None: it is known, or makes no difference.

    ``"max"``: one that the derivatives do not name.
    """
    if record.gradient is None or record.path.is_empty:
        return None
    path, reads = top_of(record), reads_of(record)
    if not may_be_largest(path, reads) or not fits("max", path, reads):
        return None
    found = readout_of(path, reads)
    if isinstance(found, str) and found == "max" and reads_one_step_each(path, reads):
        return found  # of rows of which nothing is read, the derivatives name no step
    if found is None or (isinstance(found, str) and found != "final"):
        return None
    both: tuple[Readout, ...] = (found, "max")
    one, largest = (
        readout_delta(
            path.directions, path.lengths, readout=readout, distance="l1", normalize=False
        )
        for readout in both
    )
    return None if torch.equal(one, largest) else found


def _reads_largest(run: Run, index: int, forward_func: Callable[..., Any]) -> bool:
    """Whether the answer changes if the states are raised of which nothing is read."""

    def answer(share: float) -> Tensor:
        states = _raised(run, index, share)

        def instead(number: int, module: nn.Module, call: LayerCall) -> list[Any]:
            output, *final = states[number] if number < len(states) else [call.output, *call.final]
            if isinstance(module, nn.RNNCellBase):  # whose output is its state
                final[0] = data_of(output).reshape(call.final[0].shape)
            return [output, *final]

        with tensors_kept(forward_func):
            return read_instead(run.modules, run.forward, instead)

    as_it_was = answer(0.0)
    rounding = 8 * torch.finfo(as_it_was.dtype).eps
    return any(
        not torch.allclose(answer(share), as_it_was, rtol=rounding, atol=0.0, equal_nan=True)
        for share in _RAISED
    )


def _raised(run: Run, index: int, share: float) -> list[list[Any]]:
    """What each call answers, with higher states at the steps of which a record is read nothing."""
    record, trajectory = run.records[index], run.joined[index]
    path = top_of(record)
    parts = []
    draw = torch.Generator().manual_seed(0)
    for of, unread in zip(path.directions, unread_steps(path, reads_of(record)), strict=True):
        size = share * (of.outputs.amax() - of.outputs.amin())
        random = 1 + torch.rand(of.outputs.shape, generator=draw).to(of.outputs)
        higher = of.outputs.amax(1, keepdim=True) + size * random
        is_raised = unread.unsqueeze(2) & (size > 0)
        parts.append(torch.where(is_raised, higher, of.outputs))
    flat = torch.cat(parts, 2).flatten(0, 1)
    states: list[list[Any]] = [[call.output, *call.final] for call in run.calls]
    for number, order in zip(trajectory.members, trajectory.orders, strict=True):
        output = run.calls[number].output
        states[number][0] = with_data(output, flat[order].reshape(data_of(output).shape))
    return [  # copies, which the model may change
        [with_data(output, data_of(output).clone()), *(state.clone() for state in final)]
        for output, *final in states
    ]
