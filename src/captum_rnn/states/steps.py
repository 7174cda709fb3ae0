"""The steps of a call of a layer, numbered row by row."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from captum_rnn.states.hooks import LayerData


@dataclass(frozen=True)
class Steps:
    """The steps of one call of a layer, numbered row by row.

    Attributes:
        data: What the layer read at each step (steps, features), as part of the model's graph.
        numbers: The number of each step (steps,).
        rows: Number of rows.
        time: Number of steps of the longest row.
        source: The tensor that the layer was given.
        ends: Number of steps of each row (rows,) of a packed sequence; None: all rows are full.
        in_order: Whether the steps are in the order of their numbers.
    """

    data: Tensor
    numbers: Tensor
    rows: int
    time: int
    source: Tensor
    ends: Tensor | None = None
    in_order: bool = False


def steps_of(read: LayerData, *, batch_first: bool, of_cell: bool = False) -> Steps:
    """The steps of a call that was given `read`, one step a row `of_cell`."""
    if of_cell:
        assert isinstance(read, Tensor)
        data = read.reshape(-1, read.shape[-1])
        numbers = torch.arange(len(data), device=read.device)
        return Steps(data, numbers, len(data), 1, read, in_order=True)
    if isinstance(read, PackedSequence):
        return _packed_steps(read)
    data = read.unsqueeze(0 if batch_first else 1) if read.dim() == 2 else read
    rows, time = data.shape[:2] if batch_first else data.shape[1::-1]
    numbers = torch.arange(rows * time, device=read.device)
    if not batch_first:
        numbers = numbers.view(rows, time).t().flatten()
    return Steps(data.flatten(0, 1), numbers, rows, time, read, in_order=batch_first)


def _packed_steps(read: PackedSequence) -> Steps:
    """The steps of a packed sequence, which holds those of the first time of all rows first."""
    sizes = read.batch_sizes.to(read.data.device)
    rows, time = int(read.batch_sizes[0]), len(sizes)
    in_packed = torch.arange(rows, device=sizes.device)
    is_step = in_packed < sizes.unsqueeze(1)  # (time, rows), the longest row first
    ends = is_step.sum(0)
    if read.sorted_indices is not None:
        in_packed, ends = read.sorted_indices, ends[read.unsorted_indices]
    numbers = in_packed * time + torch.arange(time, device=sizes.device).unsqueeze(1)
    return Steps(read.data, numbers[is_step], rows, time, read.data, ends)
