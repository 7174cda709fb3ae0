"""Looking vectors up by ids, and ids that leave torch, behind which nothing can be followed."""

from typing import Any

from torch import Tensor

from captum_rnn.states.operations import Operation, names, tensors

LEAVES = names("item tolist numpy __array__ __int__ __index__")
"""What makes numbers of Python or NumPy of ids."""


def looked_up(done: Operation, output: Any) -> Tensor | None:
    """The places of what an operation looked up by ids in a table, which is no input.

    Like the output, with one element for the features or, of tables of numbers, without any. None:
    it did something else, such as looking up a vector for two ids.

    Args:
        done: The operation.
        output: What it answered.
    """
    if not isinstance(output, Tensor) or not output.is_floating_point():
        return None
    if len(done.known) > 1 or done.has_others or not (done.name == "embedding" or done.maps):
        return None
    places = done.only
    if done.name in ("gather", "take_along_dim"):
        alike = places.dim() > 0 and bool((places == places[..., :1]).all())
        return places[..., :1] if alike and places.shape[:-1] == output.shape[:-1] else None
    if not _by_rows(done):
        return None
    if places.shape == output.shape:
        return places
    fits = places.numel() == output.shape[:-1].numel()
    return places.reshape(*output.shape[:-1], 1) if fits else None


def _by_rows(done: Operation) -> bool:
    """Whether the ids are numbers of rows, not of columns."""
    if done.name == "index_select":
        dim = done.kwargs.get("dim", *done.args[1:2])
        return dim in (0, -done.source.dim())
    if done.name == "__getitem__":
        index = done.args[1]
        first = index[0] if isinstance(index, tuple) else index
        return id(first) in done.known
    return True


def ids_left(done: Operation) -> list[tuple[str, Tensor]]:
    """What made numbers of ids that are no tensors, and the places of these ids.

    Args:
        done: The operation.
    """
    if done.name in LEAVES and not done.of_vectors:
        return [(f"{done.name.strip('_')}()", done.only)]
    index = done.args[1] if done.name == "__getitem__" else ()
    slices = [
        part
        for part in (index if isinstance(index, tuple) else (index,))
        if isinstance(part, slice)
    ]
    ends = [end for end in tensors((slices,), {}) if id(end) in done.known]
    return [("a slice", done.known[id(end)]) for end in ends]
