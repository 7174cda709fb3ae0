"""Baselines for series, as `attribute(…, baselines=)` takes them."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


def mean_of(batches: Iterable[Any]) -> Tensor:
    r"""The mean of every feature over all steps of all series.

    Example:
        >>> training = [torch.tensor([[[1.0, 10.0], [3.0, 20.0]]]), torch.tensor([[[5.0, 60.0]]])]
        >>> mean_of(training)
        tensor([ 3., 30.])

    Args:
        batches: E.g. a `DataLoader`. Each batch is a tensor (batch, time, features) of floats, or a
            tuple or list that begins with one. Every step counts, so leave padding out; of (batch,
            channels, time) pass `x.transpose(1, 2)`.

    Returns:
        Means (features,), computed in float64, in the type of the first batch.

    Raises:
        TypeError: A batch that is, or begins with, no tensor of floats.
        ValueError: No batch, a batch of another shape or of other features than the first, or a
            mean that is not finite.
    """
    total, count, first = torch.zeros(()), 0, None
    for batch in batches:
        values = batch[0] if isinstance(batch, (tuple, list)) and batch else batch
        if not isinstance(values, Tensor) or not values.is_floating_point():
            given = values.dtype if isinstance(values, Tensor) else type(values).__name__
            raise TypeError(f"a batch is of type {given}; expected a tensor of floats")
        first = values if first is None else first
        if values.dim() != 3 or values.shape[2] != first.shape[2]:
            raise ValueError(
                f"a batch has shape {tuple(values.shape)}; expected (batch, time, "
                f"{first.shape[2] if first.dim() == 3 else 'features'})"
            )
        total = total + values.detach().double().sum((0, 1))
        count += values.shape[0] * values.shape[1]
    if first is None or count == 0:
        raise ValueError("batches is empty; expected at least one series")
    mean = total / count
    if not mean.isfinite().all():
        wrong = (~mean.isfinite()).nonzero().flatten().tolist()
        raise ValueError(
            f"the mean of feature(s) {wrong} is not finite; fill or leave out missing values first"
        )
    return mean.to(first.dtype)


def carry_forward(inputs: Tensor, *, batch_first: bool = True) -> Tensor:
    r"""The value that every feature had one step before.

    .. math:: x'_t = x_{t-1}, \qquad x'_1 = x_1

    The first step has nothing before it, so it is compared with itself. A value that does not
    change is nothing new: methods that compare give it 0.

    Example:
        >>> carry_forward(torch.tensor([[[1.0], [4.0], [4.0]]]))
        tensor([[[1.],
                 [1.],
                 [4.]]])

    Args:
        inputs: Series (batch, time, features), or (time, batch, features). Of (batch, channels,
            time) it is `carry_forward(x.transpose(1, 2)).transpose(1, 2)`. A missing value, NaN,
            stays one where it is carried to.
        batch_first: Whether dimension 0 is the batch; False: it is the time.

    Returns:
        A baseline for each step, in the shape of `inputs`.

    Raises:
        ValueError: Inputs without axes of batch and time, or without a step.
    """
    axis = 1 if batch_first else 0
    if inputs.dim() < 2 or inputs.shape[axis] == 0:
        raise ValueError(
            f"inputs has shape {tuple(inputs.shape)}; expected (batch, time, features)"
        )
    return torch.cat(
        [inputs.narrow(axis, 0, 1), inputs.narrow(axis, 0, inputs.shape[axis] - 1)], axis
    )
