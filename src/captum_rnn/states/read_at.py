"""Which readout a classifier has, by what it reads of each step."""

from dataclasses import replace

import torch
from torch import Tensor

from captum_rnn.functional.checks import Readout
from captum_rnn.functional.logit import Reads
from captum_rnn.states.trajectory import Trajectory


def readout_of(path: Trajectory, reads: list[Reads]) -> Readout | None:
    """The readout that fits what is read of a trajectory; None: none of those that have a name.

    Args:
        path: The states.
        reads: What is read of each direction.
    """
    readable: list[Readout] = ["final", "mean", "max"]
    position = position_read(path, reads)
    if position is not None:
        readable.insert(1, position)
    return next((readout for readout in readable if fits(readout, path, reads)), None)


def fits(readout: Readout, path: Trajectory, reads: list[Reads]) -> bool:
    """Whether a readout may be what is read of a trajectory.

    Of rows with a single step, every readout may be.

    Args:
        readout: The readout.
        path: The states.
        reads: What is read of each direction.
    """
    outputs, is_read = _of_steps(path, reads)
    if not all(bool(of_direction.any()) for of_direction in is_read):
        return False
    ends, is_token = _tokens(path, outputs[0])
    if isinstance(readout, str) and readout == "mean":
        return all(_is_mean(part, is_token) for part in outputs)
    if isinstance(readout, str) and readout == "max":
        pairs = zip(outputs, path.directions, strict=True)
        return all(_is_max(part, of.outputs, is_token) for part, of in pairs)
    if not _once_each(is_read):
        return False
    last = _last(path, ends) if isinstance(readout, str) else [_at(readout, ends)] * len(is_read)
    of_directions = zip(is_read, last, strict=True)
    return all(bool((_place(read) == at)[read.any(1)].all()) for read, at in of_directions)


def position_read(path: Trajectory, reads: list[Reads]) -> Tensor | None:
    """The one step of each row (rows,) that all directions are read at; None: others, too.

    0 for rows without steps.
    """
    outputs, is_read = _of_steps(path, reads)
    if not _once_each(is_read):
        return None
    is_empty = _tokens(path, outputs[0])[0] == 0
    places = [_place(read) for read in is_read if bool((read.any(1) | is_empty).all())]
    same = len(places) == len(reads) and all(torch.equal(at, places[0]) for at in places)
    return places[0] if same else None


def own_position(path: Trajectory, reads: list[Reads]) -> Tensor | None:
    """The same, -1 for rows of which nothing is read, as by one of several predictions."""
    _, is_read = _of_steps(path, reads)
    if not _once_each(is_read):
        return None
    places = [torch.where(read.any(1), _place(read), -1) for read in is_read]
    return places[0] if all(torch.equal(at, places[0]) for at in places) else None


def may_be_largest(path: Trajectory, reads: list[Reads]) -> bool:
    """Whether the first row leaves it open that maxima are read: what `fits` asks of all rows.

    Args:
        path: The states.
        reads: What is read of each direction.
    """
    end = path.time if path.lengths is None else int(path.lengths[0])
    for of, read in zip(path.directions, reads, strict=True):
        if read.outputs is not None and end:
            states, is_read = of.outputs[0, :end], read.outputs[0, :end] != 0
            if bool((is_read & (states < states.amax(0))).any()):
                return False
    return True


def unread_steps(path: Trajectory, reads: list[Reads]) -> list[Tensor]:
    """For each direction, the real steps (rows, time) of which nothing is read, beside others.

    Where nothing at all is read of a row, as behind a ReLU that is at rest, it is not known which.
    """
    outputs, is_read = _of_steps(path, reads)
    _, is_token = _tokens(path, outputs[0])
    return [is_token & ~read & read.any(1, keepdim=True) for read in is_read]


def reads_one_step_each(path: Trajectory, reads: list[Reads]) -> bool:
    """Whether each direction is read at one step of each row, of which some rows have several."""
    outputs, is_read = _of_steps(path, reads)
    return _once_each(is_read) and bool((_tokens(path, outputs[0])[0] > 1).any())


def pooled_before(path: Trajectory, reads: list[Reads]) -> tuple[str, Tensor] | None:
    """The pooled readout of the first steps of each row, and their number (rows,).

    None: no pool is read, or one of all steps.

    Args:
        path: The states.
        reads: What is read of each direction.
    """
    if path.lengths is not None:
        return None
    outputs, is_read = _of_steps(path, reads)
    time = outputs[0].shape[1]
    steps = torch.arange(1, time + 1, device=outputs[0].device)
    ends = torch.stack([(steps * read).amax(1) for read in is_read]).amax(0)
    if bool((ends == 0).any()) or bool((ends == time).all()):
        return None
    within = replace(path, lengths=ends)
    return next(((name, ends) for name in ("mean", "max") if fits(name, within, reads)), None)


def _of_steps(path: Trajectory, reads: list[Reads]) -> tuple[list[Tensor], list[Tensor]]:
    """What is read of each direction's states (rows, time, width), and which of them are read.

    Its last state is that after the step that it took last; a state that padding left as it was at
    the end of the row is the one at the end.
    """
    parts = []
    for of, read in zip(path.directions, reads, strict=True):
        outputs = torch.zeros_like(of.outputs) if read.outputs is None else read.outputs
        if read.final is not None:
            rows, time = outputs.shape[:2]
            ends = torch.full((rows,), time, device=outputs.device)
            if path.is_packed and path.lengths is not None:
                ends = path.lengths
            last = torch.zeros_like(ends) if of.backward else (ends - 1).clamp(min=0)
            outputs = outputs.clone()
            outputs[torch.arange(rows, device=outputs.device), last] += read.final.to(outputs)
        if path.lengths is not None and not path.is_packed and not of.backward:
            outputs = _moved_to_end(outputs, of.outputs, path.lengths)
        parts.append(outputs)
    return parts, [torch.linalg.vector_norm(part, 1, dim=2) != 0 for part in parts]


def _moved_to_end(read: Tensor, states: Tensor, lengths: Tensor) -> Tensor:
    """What is read of states beyond the lengths that are the same as at the end, read there."""
    rows, steps = (torch.arange(size, device=lengths.device) for size in states.shape[:2])
    last = (lengths - 1).clamp(min=0)
    is_same = (states == states[rows, last].unsqueeze(1)).all(2)
    carried = (is_same & (steps >= lengths.unsqueeze(1))).unsqueeze(2)
    moved = read.masked_fill(carried, 0)
    moved[rows, last] += read.masked_fill(~carried, 0).sum(1)
    return moved


def _tokens(path: Trajectory, outputs: Tensor) -> tuple[Tensor, Tensor]:
    """The number of steps of each row (rows,), and which are within it (rows, time)."""
    rows, time = outputs.shape[:2]
    steps = torch.arange(time, device=outputs.device)
    ends = torch.full((rows,), time, device=steps.device) if path.lengths is None else path.lengths
    return ends, steps < ends.unsqueeze(1)


def _once_each(is_read: list[Tensor]) -> bool:
    """Whether each direction is read at one step of each row, or at none of it."""
    return all(bool((read.sum(1) <= 1).all()) for read in is_read)


def _place(is_read: Tensor) -> Tensor:
    """The step of each row that is read (rows,)."""
    return is_read.int().argmax(1)


def _last(path: Trajectory, ends: Tensor) -> list[Tensor]:
    """The step that each direction took last."""
    return [
        torch.zeros_like(ends) if of.backward else (ends - 1).clamp(min=0) for of in path.directions
    ]


def _at(readout: Readout, ends: Tensor) -> Tensor:
    """Positions as steps counted from the start (rows,)."""
    positions = torch.as_tensor(readout, device=ends.device).expand_as(ends)
    return torch.where(positions < 0, positions + ends, positions).clamp(min=0)


def _is_mean(read: Tensor, is_token: Tensor) -> bool:
    """Whether each real step is read alike, and no other one is."""
    first = read[:, :1].expand_as(read)
    size = first.abs().amax().clamp(min=torch.finfo(read.dtype).tiny)
    alike = torch.where(is_token.unsqueeze(2), (read - first).abs() <= 1e-5 * size, read == 0)
    return bool(alike.all())


def _is_max(read: Tensor, outputs: Tensor, is_token: Tensor) -> bool:
    """Whether each unit is read where it is largest."""
    largest = outputs.masked_fill(~is_token.unsqueeze(2), -torch.inf).amax(1, keepdim=True)
    one_each = ((read != 0).sum(1) <= 1).all()
    return bool(one_each and ((read == 0) | (outputs == largest)).all())
