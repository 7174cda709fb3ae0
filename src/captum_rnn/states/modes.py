"""The modes of a model's modules, and what they keep from run to run, left as they were."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn


@contextlib.contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Switches dropout off inside a `with` block, then puts every module back into its mode.

    Args:
        model: The model.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextlib.contextmanager
def tensors_kept(model: object) -> Iterator[None]:
    """Puts back what a model keeps from run to run: buffers, and states as plain attributes."""
    kept = [
        (module, name, value, [part.clone() for part in _tensors(value)])
        for module in modules_of(model)
        for name, value in _kept(module)
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, value, copies in kept:
                for part, copy in zip(_tensors(value), copies, strict=True):
                    if not torch.equal(part, copy):
                        part.copy_(copy)
                _put(module, name, value)


def modules_of(function: object) -> list[nn.Module]:
    """The modules of a model, or those that a function is known to hold."""
    if isinstance(function, nn.Module):
        return list(function.modules())
    held = [getattr(function, "__self__", None)]
    held += [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
    found = [module for part in held if isinstance(part, nn.Module) for module in part.modules()]
    return list(dict.fromkeys(found))


def _kept(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Buffers and attributes that hold tensors, by name."""
    yield from ((name, value) for name, value in module._buffers.items() if value is not None)
    for name, value in vars(module).items():
        if name[0] != "_" and any(True for _ in _tensors(value)):
            yield name, value


def _put(module: nn.Module, name: str, value: Any) -> None:
    if name in module._buffers:
        module._buffers[name] = value
    else:
        vars(module)[name] = value


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
