"""What the mathematics accepts: names, positions and lengths, with errors that say what to do."""

import numbers
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

Distance: TypeAlias = Literal["l2", "l1", "linf", "cosine", "projection"]
Readout: TypeAlias = Literal["final", "mean", "max"] | int | Tensor

_DISTANCES = get_args(Distance)


def check_distance(distance: str) -> Distance:
    """Returns `distance` if it is known; raises ValueError otherwise."""
    if distance not in _DISTANCES:
        known = ", ".join(map(repr, _DISTANCES))
        raise ValueError(f"distance is {distance!r}; expected one of {known}")
    return distance  # type: ignore[return-value]


def check_readout(readout: Readout) -> Readout:
    """Returns `readout` if it is a known name or holds positions.

    Raises:
        ValueError: An unknown name, or positions of another shape than (batch,).
        TypeError: Neither a name nor integers.
    """
    expected = 'expected "final", "mean", "max", an int or an integer tensor of positions (batch,)'
    if isinstance(readout, Tensor):
        if readout.is_floating_point() or readout.is_complex() or readout.dtype == torch.bool:
            raise TypeError(f"readout is a tensor of dtype {readout.dtype}; {expected}")
        if readout.dim() == 0:
            return int(readout)
        if readout.dim() != 1:
            raise ValueError(f"readout is a tensor of shape {tuple(readout.shape)}; {expected}")
    elif isinstance(readout, str):
        if readout not in ("final", "mean", "max"):
            raise ValueError(f"readout is {readout!r}; {expected}")
    elif isinstance(readout, bool) or not isinstance(readout, numbers.Integral):
        raise TypeError(f"readout is of type {type(readout).__name__}; {expected}")
    else:
        return int(readout)
    return readout


def check_lengths(lengths: Tensor, batch: int, time: int, device: torch.device) -> Tensor:
    """Returns the lengths (batch,) on `device`.

    Raises:
        ValueError: Another shape than (batch,), or a length outside 1 to `time`.
        TypeError: No tensor of integers.
    """
    expected = f"expected an integer tensor of shape ({batch},), each length from 1 to {time}"
    if not isinstance(lengths, Tensor):
        raise TypeError(f"lengths is of type {type(lengths).__name__}; {expected}")
    if lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
        raise TypeError(f"lengths has dtype {lengths.dtype}; {expected}")
    if lengths.shape != (batch,):
        raise ValueError(f"lengths has shape {tuple(lengths.shape)}; {expected}")
    lengths = lengths.to(device=device, dtype=torch.int64)
    outside = (lengths < 1) | (lengths > time)
    if outside.any():
        row = int(outside.int().argmax())
        raise ValueError(f"lengths[{row}] is {int(lengths[row])}; {expected}")
    return lengths
