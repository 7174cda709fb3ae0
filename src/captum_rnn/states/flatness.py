"""Tokens that a step reads though no derivative tells it, as where relu makes nothing but zeros."""

import torch
from torch import Tensor

from captum_rnn.states.following import Entry, Following
from captum_rnn.states.places import Placement


def lost_by(following: Following, placement: Placement) -> str | None:
    """The function behind which a token that no step is known to read has no derivative left.

    Args:
        following: What followed the inputs while the model ran.
        placement: Which tokens the steps read, as far as is known.
    """
    if not following.flat or placement.mixed or bool(placement.is_read.all()):
        return None
    entries = [entry for entry in following.entries if entry.vectors.requires_grad]
    for name, before, after in following.flat:
        sides = [_derivatives(tensor, entries) for tensor in (before, after)]
        for entry, given, left in zip(entries, *sides, strict=True):
            dead = _tokens(given, entry, placement) & ~_tokens(left, entry, placement)
            if bool((dead & ~_read(entry, placement)).any()):
                return name
    return None


def _derivatives(tensor: Tensor, entries: list[Entry]) -> list[Tensor]:
    """Which numbers of the entries a tensor depends on."""
    draw = torch.Generator(tensor.device).manual_seed(0)
    weights = torch.randn(tensor.shape, generator=draw, device=tensor.device).to(tensor.dtype)
    found = torch.autograd.grad(
        tensor,
        [entry.vectors for entry in entries],
        weights,
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )
    return [gradient != 0 for gradient in found]


def _tokens(depends: Tensor, entry: Entry, placement: Placement) -> Tensor:
    """The same for the tokens of an entry (tokens,)."""
    if entry.of_input is None:
        return depends.flatten(0, -2).any(1)
    axes = placement.axes[entry.of_input]
    others = [axis for axis in range(depends.dim()) if axis not in axes]
    turned = depends.permute(*axes, *others)
    return turned.reshape(turned.shape[: len(axes)].numel(), -1).any(1)


def _read(entry: Entry, placement: Placement) -> Tensor:
    """Which tokens (tokens,) of an entry some step reads."""
    if entry.of_input is None:
        return torch.isin(entry.places.flatten(), placement.places)
    tokens, _ = placement.tokens(entry.of_input)
    shape = placement.shapes[entry.of_input]
    number = torch.Size(shape[axis] for axis in placement.axes[entry.of_input]).numel()
    return torch.bincount(tokens, minlength=number) > 0
