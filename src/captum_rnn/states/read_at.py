"""Which readout a classifier has, by what it reads of each step."""

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
    of_final = [read.final is not None and bool(read.final.any()) for read in reads]
    outputs = [read.outputs for read in reads if read.outputs is not None]
    is_read = [torch.linalg.vector_norm(part, 1, dim=2) != 0 for part in outputs]
    of_steps = [bool(of_direction.any()) for of_direction in is_read]
    if all(of_final) and not any(of_steps):
        return "final"
    if any(of_final) or sum(of_steps) < len(reads):
        return None
    rows, time = outputs[0].shape[:2]
    steps = torch.arange(time, device=outputs[0].device)
    ends = torch.full((rows,), time, device=steps.device) if path.lengths is None else path.lengths
    is_token = steps < ends.unsqueeze(1)
    if all(bool((read.sum(1) == 1).all()) for read in is_read):
        return _position([read.int().argmax(1) for read in is_read], ends, path)
    if all(_is_mean(part, is_token) for part in outputs):
        return "mean"
    pairs = zip(outputs, path.directions, strict=True)
    if all(_is_max(part, of.outputs, is_token) for part, of in pairs):
        return "max"
    return None


def _position(places: list[Tensor], ends: Tensor, path: Trajectory) -> Readout | None:
    """One step of each row: the last one that each direction took, or the same of both."""
    last = [
        torch.zeros_like(ends) if of.backward else (ends - 1).clamp(min=0) for of in path.directions
    ]
    if all(torch.equal(place, end) for place, end in zip(places, last, strict=True)):
        return "final"
    same = all(torch.equal(place, places[0]) for place in places)
    return places[0] if same else None


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
