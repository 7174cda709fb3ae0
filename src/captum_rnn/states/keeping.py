"""Copies that take memory of their own only when somebody is about to write.

A copy of the states of a long batch costs as much as a good part of the layer that made them.
torch can let a copy share the memory of what it is made of. Whatever is about to write to either,
in whatever way and however late, then finds that torch has parted them.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

# Neither is public; without them every copy is made at once.
_SHARING: Callable[[Tensor], Tensor] = getattr(torch, "_lazy_clone", torch.clone)
_IS_SHARING: Callable[[Tensor], bool] = getattr(torch._C, "_is_cow_tensor", lambda _: False)


def late_copy(tensor: Tensor) -> Tensor:
    """A copy of a tensor, as `clone` makes it, whose memory is shared until either is written to.

    It is made at once where torch cannot share the memory, or does not part it safely.

    Args:
        tensor: What only torch has the address of, such as a kernel's answer. What writes through
            an array of NumPy that shares the memory already would be seen on both sides.
    """
    if type(tensor) is Tensor and tensor.device.type == "cpu" and tensor.is_floating_point():
        try:
            # As large as its memory: else the copy would be laid out in another way.
            if tensor.untyped_storage().nbytes() == tensor.nbytes and 0 not in tensor.stride():
                return _SHARING(tensor)
        except RuntimeError:  # memory that is not torch's, or none
            pass
    return tensor.clone()


def copied_again(tensor: Tensor) -> Tensor:
    """A copy of a tensor that the model has had: a late one if it still shares its memory."""
    return late_copy(tensor) if _shares(tensor) else tensor.clone()


def part(tensors: Iterable[Tensor]) -> None:
    """Gives tensors memory of their own; torch does not do so before it resizes one."""
    for tensor in tensors:
        if _shares(tensor):
            tensor.data_ptr()


def _shares(tensor: Tensor) -> bool:
    try:
        return _IS_SHARING(tensor)
    except RuntimeError:  # it has no memory of its own
        return False
