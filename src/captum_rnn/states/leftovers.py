"""What a run with gradients leaves in modules that keep a state of their own."""

import contextlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from captum_rnn.states.calls import leaves, rebuilt
from captum_rnn.states.modes import TORCHS_OWN

_NESTS = (tuple, list, dict)


@contextlib.contextmanager
def no_graph_left_in(*modules: object) -> Iterator[None]:
    """Takes the graph of this run off the buffers and attributes that the modules keep of it.

    Args:
        modules: Modules, with all that they hold; anything else is left alone.
    """
    found = {id(part): part for of in modules if isinstance(of, nn.Module) for part in of.modules()}
    # Held until the end, so that no tensor of the run comes to stand where one of them stood.
    before = {id(leaf): leaf for _, _, value in _kept(found) for leaf in leaves(value)}
    try:
        yield
    finally:
        plain: dict[int, Tensor] = {}  # one tensor under two names stays one
        for room, name, value in list(_kept(found)):
            now = list(leaves(value))
            if any(leaf.grad_fn is not None and id(leaf) not in before for leaf in now):
                cut = (
                    leaf if id(leaf) in before else plain.setdefault(id(leaf), leaf.detach())
                    for leaf in now
                )
                room[name] = rebuilt(value, cut)


def _kept(modules: dict[int, nn.Module]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Where a module keeps tensors that are part of a graph, or nests of tensors that may be."""
    for module in modules.values():
        for room in (vars(module), module._buffers):
            for name, value in list(room.items()):
                if name in TORCHS_OWN:
                    continue
                is_of_graph = isinstance(value, Tensor) and value.grad_fn is not None
                if is_of_graph or type(value) in _NESTS:
                    yield room, name, value
