"""The modes of a model's modules, and what they keep from run to run, left as they were."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FunctionType, MethodType
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
    """Puts back what a model keeps from run to run: buffers, and states in attributes."""
    kept = Kept(model)
    try:
        yield
    finally:
        kept.put_back()


class Kept:
    """What a model keeps from run to run, as it is now.

    Args:
        model: The model, or a function that is known to run it.
    """

    def __init__(self, model: object) -> None:
        self._rooms = [
            (room, name, _snapshot(value))
            for module in modules_of(model)
            for room, name, value in _rooms(module)
        ]

    def put_back(self) -> None:
        """The model keeps that again."""
        with torch.no_grad():
            for room, name, back in self._rooms:
                room[name] = back()


def modules_of(function: object) -> list[nn.Module]:
    """The modules of a model, or those that a function is known to hold or to name."""
    if isinstance(function, nn.Module):
        return list(function.modules())
    found: list[nn.Module] = []
    left, seen = [function], set()
    while left:
        part = left.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, nn.Module):
            found += part.modules()
        else:
            left += _held(part)
    return list(dict.fromkeys(found))


def _held(function: object) -> list[Any]:
    """What a function, a method or a partial one holds."""
    if isinstance(function, partial):
        return [function.func, *function.args, *function.keywords.values()]
    if isinstance(function, MethodType):
        return [function.__self__, function.__func__]
    if not isinstance(function, FunctionType):
        return []
    held = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # of a name that has no value yet
            held.append(cell.cell_contents)
    names, known = function.__code__.co_names, function.__globals__
    return held + [known[name] for name in names if isinstance(known.get(name), nn.Module)]


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
        for value in (*module._parameters.values(), *(value for *_, value in _rooms(module)))
        for part in _tensors(value)
    )


def _rooms(module: nn.Module) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Buffers and attributes that hold tensors or may come to hold them: the room and the name."""
    for room in (vars(module), module._buffers):
        for name, value in list(room.items()):
            if name in TORCHS_OWN:
                continue
            is_nest = type(value) in _NESTS and len(value) <= _MANY
            if value is None or is_nest or isinstance(value, Tensor):
                yield room, name, value


_NESTS = (tuple, list, dict)
_MANY = 1000
"""More than a state has of parts: a vocabulary."""
_OF_KERNELS = {"_flat_weights", "_flat_weights_names", "_flat_weight_refs", "_all_weights"}
TORCHS_OWN = frozenset(vars(nn.Module())) | _OF_KERNELS
"""Attributes of modules that hold no state of theirs."""


def _snapshot(value: Any) -> Callable[[], Any]:
    """What puts a value and all that is nested in it back as they are now, and returns it."""
    if isinstance(value, Tensor):
        return partial(_written_back, value, value.detach().clone())
    if type(value) not in _NESTS:
        return lambda: value
    if isinstance(value, dict):
        of_names = {name: _snapshot(part) for name, part in value.items()}
        return lambda: _refilled(value, {name: back() for name, back in of_names.items()})
    of_parts = [_snapshot(part) for part in value]
    return lambda: _refilled(value, [back() for back in of_parts])


def _written_back(tensor: Tensor, copy: Tensor) -> Tensor:
    if not torch.equal(tensor, copy):
        tensor.copy_(copy)
    return tensor


def _refilled(nest: Any, parts: Any) -> Any:
    if isinstance(nest, list):
        nest[:] = parts
    elif isinstance(nest, dict):
        nest.clear()
        nest.update(parts)
    return nest


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))


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
