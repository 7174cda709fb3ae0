"""Where the places of a model's inputs go on their way to a layer, as long as they are only moved.

Slicing, sorting, flipping, padding, packing and reshaping move tokens. While the model runs, each
such operation on its inputs, or on their word vectors, is repeated on the numbers of their places.
What else is computed of the tokens is left to autograd; see `captum_rnn.states.places`.
"""

import contextlib
import weakref
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from captum_rnn.states.keeping import late_copy, part
from captum_rnn.states.lookups import ids_left, looked_up
from captum_rnn.states.operations import (
    CONVERSIONS,
    FLAT,
    GATHERINGS,
    MADE_NEW,
    MOVES,
    WRITES,
    Operation,
    name_of,
    names,
    tensors,
    writes,
)
from captum_rnn.states.own_masks import OwnMasks

_PROPERTIES = names("shape dtype device is_cuda requires_grad ndim layout grad_fn")
_ASK: frozenset[Any] = frozenset(
    [Tensor.dim, Tensor.size, Tensor.numel, Tensor.is_floating_point]
    + [getattr(Tensor, name).__get__ for name in _PROPERTIES]
)
"""What asks for a property of a tensor and makes none."""
_RESIZE: frozenset[Any] = frozenset(
    [Tensor.resize_, Tensor.resize_as_, Tensor.untyped_storage, Tensor.storage]
)
"""What may give a tensor a memory of another size, as all that has an `out` may."""
_DATA: Any = Tensor.data
_GET_DATA, _SET_DATA = _DATA.__get__, _DATA.__set__


class Entry(NamedTuple):
    """What the model reads at places of its inputs: a float input, or word vectors."""

    vectors: Tensor
    """Their values (..., features), a leaf of the graph where one is built."""
    places: Tensor
    """The number of each one's place, like `vectors` with one element for the features."""
    of_input: int | None = None
    """Which float input it is; None: it was made of ids."""
    axes: int = 0
    """Number of axes before the features of a float input."""


class _Followed(NamedTuple):
    tensor: Tensor
    places: Tensor
    version: int


class Following(TorchFunctionMode):
    """Follows the places of a model's inputs while it is active, in the thread that entered it.

    The elements of ids are places; of float inputs, the first axes are, numbered by the first
    feature. The numbers of all inputs follow each other.

    Args:
        inputs: The inputs of the model.
        differentiable: Whether what the model reads becomes a leaf of the graph.
        axes: Number of axes before the features of a float input.
    """

    def __init__(self, inputs: tuple[Tensor, ...], *, differentiable: bool, axes: int = 2) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self._differentiable = differentiable and not torch.is_inference_mode_enabled()
        self._followed: dict[int, _Followed] = {}
        self._touched: dict[int, weakref.ref[Tensor]] = {}
        self._of_answers: dict[int, weakref.ref[Tensor]] = {}
        self._beside: list[tuple[Tensor, int]] = []
        handed, first = [], 0
        for index, tensor in enumerate(inputs):
            if tensor.is_inference() and not torch.is_inference_mode_enabled():
                tensor = tensor.clone()  # which the graph may keep
            shape, last = tensor.shape, first + tensor.numel()
            if tensor.is_floating_point():
                grid, features = shape[:axes], shape[axes:].numel()
                numbers = torch.arange(first, last, features, device=tensor.device)
                tokens = numbers.view(*grid, *[1] * (tensor.dim() - axes))
                handed.append(self._enter(tensor, tokens, index, axes))
            else:
                handed.append(tensor)
                self._follow(tensor, torch.arange(first, last, device=tensor.device).view(shape))
            first = last
        self.inputs = tuple(handed)
        """What to give to the model instead of the inputs."""
        self.left: list[tuple[str, Tensor]] = []
        """Functions that made numbers of ids which are no tensors, and the places of these ids."""
        self.has_floats = any(tensor.is_floating_point() for tensor in inputs)
        """Whether some inputs are no ids, but become leaves of the graph themselves."""
        self.waypoints: list[Entry] = []
        """What functions without a derivative somewhere answered, where the places are known."""
        self.flat: list[tuple[str, Tensor, Tensor]] = []
        """Functions without a derivative somewhere, what they were given and what they answered."""
        self._own_masks = OwnMasks()
        self.is_graph_off = False
        """Whether a layer has run, behind which no graph is built of its states."""
        self.tells_ends = False
        """Whether masks or numbers were made of the inputs, which may tell where rows end."""

    def places(self, tensor: Tensor) -> Tensor | None:
        """The places that a tensor holds, like it with one element for features; None: unknown."""
        followed = self._followed.get(id(tensor))
        if followed is None or followed.version != _version(tensor):
            return None
        return followed.places

    def copied(self, tensor: Tensor, copy: Tensor) -> None:
        """Remembers what a copy holds, which it keeps whatever becomes of the tensor."""
        if (places := self.places(tensor)) is not None:
            self._follow(copy, places)

    def answered(self, made: Iterable[Tensor]) -> None:
        """Remembers what a layer answered, so that what is made of it is known to be."""
        for value in made:
            self._of_answers[id(value)] = weakref.ref(value)
            self.touch(value)

    def is_of_answers(self, value: Tensor) -> bool:
        """Whether a tensor is an answer of a layer, or made of one."""
        answer = self._of_answers.get(id(value))
        return answer is not None and answer() is value

    def check_seen(self) -> None:
        """Raises ValueError if something was changed through `.data`, which autograd cannot see."""
        if any(_version(tensor) != version for tensor, version in self._beside):
            raise ValueError(
                "the model changes tokens, or their vectors, through .data, so that it cannot be "
                "told which tokens the layer reads; write the same without .data"
            )

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in _ASK:
            return func(*args, **kwargs)
        if func in _RESIZE or kwargs.get("out") is not None:
            part(tensors(args, kwargs))
        read = [value for value in tensors(args, kwargs) if self._depends(value)]
        if not read:
            return func(*args, **kwargs)
        if func == _SET_DATA:
            self._beside.append((args[0], -1))
        known = {id(value): places for value in read if (places := self.places(value)) is not None}
        before = None if known else self._own_masks.before_flat(func, args, kwargs)
        if before is not None and any(map(self.is_of_answers, read)):
            before = None
        with self._graph_of(func, kwargs, read):
            output = func(*args, **kwargs)
        if self._of_answers and any(map(self.is_of_answers, read)):
            written = args[:1] if writes(func, kwargs) else ()
            self.answered(tensors((*written, *_parts(output)), {}))
        else:
            self.tells_ends |= isinstance(output, list) or type(output).__module__ == "numpy"
        if func == _GET_DATA:
            self._beside.append((output, _version(output)))
        if func.__name__ in MADE_NEW:
            return output
        self._own_masks.after(func, args, known, output)
        if known:
            rest = [value for value in read if id(value) not in known]
            own = [id(value) for value in rest if self._own_masks.lies_over(value, known)]
            others = [v for v in rest if id(v) not in own and not _is_mask(v)]
            is_float = any(value.is_floating_point() for value in read if id(value) in known)
            done = Operation(
                func, name_of(func), args, kwargs, known, bool(others), is_float, bool(own)
            )
            self.left += ids_left(done)
            if done.name == "__iter__":
                output = tuple(output)
            output = self._after(done, output)
            self.touch(output)
            return iter(output) if done.name == "__iter__" else output
        if before is not None:
            self.flat.append((name_of(func), before, args[0] if output is None else output))
        self.touch(output)
        return output

    def _after(self, done: "Operation", output: Any) -> Any:
        """Follows what an operation made of places that are known."""
        if done.name in WRITES:
            if (written := done.written()) is not None:
                self._follow(done.args[0], written)
            else:
                self.touch(done.args[0])
        elif (found := looked_up(done, output)) is not None:
            return self._enter(output, found, is_new=not output._is_view())
        elif isinstance(output, Tensor) and done.name in CONVERSIONS:
            places = done.only.to(output.device)
            if output.is_floating_point() and not done.of_vectors:
                return self._enter(output, places)
            self._follow(output, places)
        elif isinstance(output, Tensor) and (kept := done.kept(output.shape)) is not None:
            self._follow(output, kept)
            if (done.name in FLAT or done.masks_itself) and kept.shape == (*output.shape[:-1], 1):
                self.waypoints.append(Entry(output, kept))
        elif done.name in MOVES and isinstance(output, (Tensor, tuple, list)):
            output = self._shared(done, output)
            for tensor, places in done.moved(output):
                self._follow(tensor, places)
        return output

    def _shared(self, done: "Operation", output: Any) -> Any:
        """Gathered vectors, whose memory nobody else knows yet, so that copies may share it."""
        if not (self._differentiable and done.of_vectors and done.name in GATHERINGS):
            return output
        if isinstance(output, Tensor):
            return output if output._is_view() else late_copy(output)
        return (late_copy(output[0]), *output[1:])

    def _depends(self, value: Tensor) -> bool:
        """Whether it is made of the inputs, followed or not."""
        if id(value) in self._followed:
            return True
        touched = self._touched.get(id(value))
        return touched is not None and touched() is value

    def _graph_of(
        self, func: Callable[..., Any], kwargs: dict[str, Any], read: list[Tensor]
    ) -> contextlib.AbstractContextManager[Any]:
        """Has what is made of word vectors keep its graph, which tells later calls' places."""
        off = self.is_graph_off and not torch.is_grad_enabled()
        if off and not writes(func, kwargs) and any(value.requires_grad for value in read):
            return torch.enable_grad()
        return contextlib.nullcontext()

    def touch(self, made: Any) -> None:
        """Remembers what was made of the inputs and is not followed."""
        for value in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(value, Tensor) and self.places(value) is None:
                self.tells_ends |= not (value.is_floating_point() or self.is_of_answers(value))
                self._followed.pop(id(value), None)
                self._touched[id(value)] = weakref.ref(value)

    def _follow(self, tensor: Tensor, places: Tensor) -> None:
        self._followed[id(tensor)] = _Followed(tensor, places, _version(tensor))

    def _enter(
        self,
        vectors: Tensor,
        places: Tensor,
        of_input: int | None = None,
        axes: int = 0,
        *,
        is_new: bool = False,
    ) -> Tensor:
        """Makes vectors an entry; what the model is to read instead of them.

        `is_new`: nobody else knows their memory yet.
        """
        leaf, handed, of_leaf = vectors.detach(), vectors, places
        is_number = of_input is None and places.shape == vectors.shape
        if is_number:
            leaf, of_leaf = leaf.unsqueeze(-1), places.unsqueeze(-1)
        if self._differentiable and not vectors.is_inference():
            leaf = leaf.requires_grad_()
            torch.set_grad_enabled(True)  # until the layer runs, whose own graph nobody needs
            # Not the leaf, which the model may not change in place.
            handed = late_copy(leaf) if is_new else leaf.clone()
            handed = handed.squeeze(-1) if is_number else handed
        self.entries.append(Entry(leaf, of_leaf, of_input, axes))
        self._follow(handed, places)
        return handed


def _parts(output: Any) -> Sequence[Any]:
    return output if isinstance(output, (tuple, list)) else (output,)


def _is_mask(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.bool


def _version(tensor: Tensor) -> int:
    """How often it was changed in place; unknown, and so 0, in inference mode."""
    return 0 if tensor.is_inference() else tensor._version
