"""The modes of a model's modules, and what they keep from run to run, left as they were."""

import contextlib
import threading
from collections.abc import Callable, Iterator
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


def training_modes(function: object) -> tuple[bool, ...]:
    """Which of the modules that a function is known to run are in training mode."""
    return tuple(module.training for module in modules_of(function))


def mode_of(model: object) -> tuple[bool, ...] | None:
    """Which modules of a model are in training mode; None: not known of a function."""
    if not isinstance(model, nn.Module):
        return None
    return tuple(module.training for module in model.modules())


def made_in_inference_mode(function: object) -> bool:
    """Whether a model keeps tensors that `torch.inference_mode()` made, which no graph may hold."""
    return any(
        part.is_inference()
        for module in modules_of(function)
        for value in (*module._parameters.values(), *(value for _, value in _kept(module)))
        for part in _tensors(value)
    )


def _kept(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Buffers and attributes that hold tensors, by name."""
    yield from ((name, value) for name, value in module._buffers.items() if value is not None)
    for name, value in list(vars(module).items()):
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


class SharedSetting(contextlib.AbstractContextManager[None]):
    """A setting of the whole process, made by the first thread in it and undone by the last one.

    Threads that each put back what they found would leave it changed for good: the first one to
    come is often not the last one to go.

    Args:
        make: Makes the context manager that changes the setting and puts it back.
    """

    def __init__(self, make: Callable[[], contextlib.AbstractContextManager[Any]]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._inside, self._made = 0, contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._made.enter_context(self._make())
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._made.close()


WITHOUT_CUDNN = SharedSetting(lambda: torch.backends.cudnn.flags(enabled=False))
"""cuDNN off: it bans the backward pass of a recurrent layer in eval mode."""

EAGER = SharedSetting(lambda: torch.compiler.set_stance("force_eager"))
"""Compiled code runs eagerly, so that the hooks of inner modules run."""
