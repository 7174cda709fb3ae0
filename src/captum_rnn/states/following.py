"""Where the places of a model's inputs go on their way to a layer, as long as they are only moved.

Slicing, sorting, flipping, padding, packing and reshaping move tokens. While the model runs, each
such operation on its inputs, or on their word vectors, is repeated on the numbers of their places.
What else is computed of the tokens is left to autograd; see `captum_rnn.states.places`.
"""

import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

NOWHERE = -1
"""The number of a place that holds nothing of any input."""


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


_MOVES = _names(
    "T mT H t transpose swapaxes swapdims permute movedim moveaxis reshape view flatten unflatten "
    "squeeze unsqueeze contiguous clone detach alias flip fliplr flipud roll rot90 narrow select "
    "__getitem__ index_select expand repeat tile repeat_interleave split split_with_sizes chunk "
    "unbind tensor_split cat concat concatenate stack hstack vstack take_along_dim gather "
    "masked_select masked_fill pad pad_sequence _pack_padded_sequence __iter__"
)
_JOINS = _names("cat concat concatenate stack hstack vstack pad_sequence")
_CONVERSIONS = _names("to long int short type type_as cpu cuda float double half")
_OF_IDS = _names(
    "add sub mul remainder fmod floor_divide clamp clamp_min clamp_max where maximum minimum abs "
    "__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __mod__ __floordiv__"
)
_OF_VECTORS = _names("dropout relu gelu tanh add sub __add__ __radd__ __sub__")
_SCALINGS = _names("mul div __mul__ __rmul__ __truediv__")
_MADE_NEW = _names(
    "new_zeros new_ones new_full new_empty new_tensor zeros_like ones_like full_like empty_like "
    "rand_like randn_like"
)
_WRITES = frozenset(("__setitem__", "copy_"))


_PROPERTIES = _names("shape dtype device is_cuda requires_grad ndim layout grad_fn")
_ASK: frozenset[Any] = frozenset(
    [Tensor.dim, Tensor.size, Tensor.numel, Tensor.is_floating_point]
    + [getattr(Tensor, name).__get__ for name in _PROPERTIES]
)
"""What asks for a property of a tensor and makes none."""


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
        handed, first = [], 0
        for index, tensor in enumerate(inputs):
            numbers = torch.arange(first, first + tensor.numel(), device=tensor.device)
            numbers = numbers.reshape(tensor.shape)
            first += tensor.numel()
            if tensor.is_floating_point():
                features = (slice(0, 1),) * (tensor.dim() - axes)
                tokens = numbers[(slice(None),) * axes + features]
                handed.append(self._enter(tensor, tokens, index, axes))
            else:
                handed.append(tensor)
                self._follow(tensor, numbers)
        self.inputs = tuple(handed)
        """What to give to the model instead of the inputs."""

    def places(self, tensor: Tensor) -> Tensor | None:
        """The places that a tensor holds, like it with one element for features; None: unknown."""
        followed = self._followed.get(id(tensor))
        if followed is None or followed.version != _version(tensor):
            return None
        return followed.places

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        read = (
            []
            if func in _ASK
            else [value for value in _tensors(args, kwargs) if self._depends(value)]
        )
        if not read:
            return func(*args, **kwargs)
        known = {id(value): places for value in read if (places := self.places(value)) is not None}
        output = func(*args, **kwargs)
        if func.__name__ in _MADE_NEW:
            return output
        if known:
            others = [value for value in read if id(value) not in known and not _is_mask(value)]
            is_float = any(value.is_floating_point() for value in read if id(value) in known)
            done = _Operation(func, _name(func), args, kwargs, known, bool(others), is_float)
            if done.name == "__iter__":
                output = tuple(output)
            output = self._after(done, output)
            self.touch(output)
            return iter(output) if done.name == "__iter__" else output
        self.touch(output)
        return output

    def _after(self, done: "_Operation", output: Any) -> Any:
        """Follows what an operation made of places that are known."""
        if done.name in _WRITES:
            if (written := done.written()) is not None:
                self._follow(done.args[0], written)
            else:
                self.touch(done.args[0])
        elif isinstance(output, Tensor) and done.looks_up(output):
            return self._enter(output, done.only.unsqueeze(-1))
        elif isinstance(output, Tensor) and done.name in _CONVERSIONS:
            places = done.only.to(output.device)
            if output.is_floating_point() and not done.of_vectors:
                return self._enter(output, places)
            self._follow(output, places)
        elif isinstance(output, Tensor) and (kept := done.kept(output.shape)) is not None:
            self._follow(output, kept)
        elif done.name in _MOVES and isinstance(output, (Tensor, tuple, list)):
            for tensor, places in done.moved(output):
                self._follow(tensor, places)
        return output

    def _depends(self, value: Tensor) -> bool:
        """Whether it is made of the inputs, followed or not."""
        if id(value) in self._followed:
            return True
        touched = self._touched.get(id(value))
        return touched is not None and touched() is value

    def touch(self, made: Any) -> None:
        """Remembers what was made of the inputs and is not followed."""
        for value in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(value, Tensor) and self.places(value) is None:
                self._followed.pop(id(value), None)
                self._touched[id(value)] = weakref.ref(value)

    def _follow(self, tensor: Tensor, places: Tensor) -> None:
        self._followed[id(tensor)] = _Followed(tensor, places, _version(tensor))

    def _enter(
        self, vectors: Tensor, places: Tensor, of_input: int | None = None, axes: int = 0
    ) -> Tensor:
        """Makes vectors an entry; what the model is to read instead of them."""
        leaf, handed = vectors.detach(), vectors
        if self._differentiable and not vectors.is_inference():
            leaf = leaf.requires_grad_()
            torch.set_grad_enabled(True)  # until the layer runs, whose own graph nobody needs
            handed = leaf.clone()  # which the model may change in place, as no leaf may be
        self.entries.append(Entry(leaf, places, of_input, axes))
        self._follow(handed, places)
        return handed


class _Operation(NamedTuple):
    """A torch function that was called with tensors whose places are known."""

    func: Callable[..., Any]
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    known: dict[int, Tensor]
    """The places of the tensors that are known."""
    has_others: bool
    """Whether it was given something else that is made of the inputs, masks aside."""
    of_vectors: bool
    """Whether the places hold vectors, not ids."""

    @property
    def only(self) -> Tensor:
        """The places, or the first of them."""
        return next(iter(self.known.values()))

    def kept(self, shape: torch.Size) -> Tensor | None:
        """The places of an output that holds at each place something of that place alone."""
        if len(self.known) > 1 or self.has_others:
            return None
        places, name = self.only, self.name
        if not self.of_vectors:
            if name == "one_hot":
                return places.unsqueeze(-1)
            return places.expand(shape) if name in _OF_IDS or name == "masked_fill" else None
        of_features = name == "linear" or (name == "layer_norm" and len(self.args[1]) == 1)
        by_number = name in _SCALINGS and isinstance(self.args[-1], (int, float))
        has_features = places.shape[-1] == 1
        if not (name in _OF_VECTORS or by_number or (of_features and has_features)):
            return None
        if has_features:
            shape = torch.Size((*shape[:-1], 1))
        return places.expand(shape) if places.dim() == len(shape) else None

    def written(self) -> Tensor | None:
        """The places of a tensor after `shifted[:, 1:] = ids[:, :-1]`; None: they are unknown."""
        target, value = self.args[0], self.args[-1 if self.name == "__setitem__" else 1]
        numbers, is_float = self.known.get(id(value)), target.is_floating_point()
        if self.has_others:
            return None
        if id(target) in self.known:
            places = self.known[id(target)].clone()
        else:
            shape = (*target.shape[:-1], 1) if is_float else target.shape
            places = torch.full(shape, NOWHERE, device=target.device)
        # A number put over ids stands for the words that stood there, e.g. for unknown ones.
        if numbers is not None or isinstance(value, Tensor) or is_float:
            index = self.args[1] if self.name == "__setitem__" else ...
            try:
                places[index] = NOWHERE if numbers is None else numbers
            except (IndexError, RuntimeError):  # e.g. into a slice of the features
                return None
        return places

    def looks_up(self, output: Tensor) -> bool:
        """Whether it looks vectors up by ids."""
        if not output.is_floating_point():
            return False
        table = self.args[0] if self.args else None
        by_index = self.name in ("__getitem__", "index_select") and id(table) not in self.known
        return self.name == "embedding" or by_index

    def moved(self, output: Any) -> list[tuple[Tensor, Tensor]]:
        """The output's tensors and their places, where the same operation on places fits them."""
        if self.has_others and self.name in _JOINS:
            return []
        args, kwargs = self._numbered(self.args), self._numbered(self.kwargs)
        if self.name in ("pad", "masked_fill"):
            args, kwargs = args[:2], {**kwargs, "value": NOWHERE}
        if self.name == "pad":
            kwargs["mode"] = self.kwargs.get("mode", *self.args[2:3] or ("constant",))
        if self.name == "pad_sequence":
            args = (*args[:2], NOWHERE, *args[3:])
        try:
            places = tuple(args[0]) if self.name == "__iter__" else self.func(*args, **kwargs)
        except (IndexError, RuntimeError, TypeError, ValueError):
            return []  # e.g. a slice of the features, which are one element here
        if isinstance(output, Tensor):
            output, places = (output,), (places,)
        if self.name == "_pack_padded_sequence":
            output, places = output[:1], places[:1]
        pairs = list(zip(output, places, strict=False))
        fit = len(output) == len(places) and all(_fits(*pair) for pair in pairs)
        return pairs if fit else []

    def _numbered(self, values: Any) -> Any:
        """Arguments with places instead of tensors; what is put beside them is from nowhere."""
        if isinstance(values, dict):
            return {name: self._numbered(value) for name, value in values.items()}
        if isinstance(values, (tuple, list)):
            return type(values)(self._numbered(value) for value in values)
        if not isinstance(values, Tensor):
            return values
        if id(values) in self.known:
            return self.known[id(values)]
        if self.name in _JOINS:
            shape = (*values.shape[:-1], 1) if values.is_floating_point() else values.shape
            return torch.full(shape, NOWHERE, device=values.device)
        return values


def _name(func: Callable[..., Any]) -> str:
    """Of what it does: an operation in place, and the getter of a property, like any other."""
    name = func.__name__
    if name == "__get__":
        name = func.__self__.__name__  # type: ignore[attr-defined]
    if name.startswith("__i") and name != "__iter__":
        return "__" + name[3:]
    return name if name.startswith("__") or name in _WRITES else name.removesuffix("_")


def _tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Tensor]:
    for value in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from (part for part in value if isinstance(part, Tensor))


def _is_mask(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dtype == torch.bool


def _fits(tensor: Any, places: Any) -> bool:
    is_tensor = isinstance(tensor, Tensor) and tensor.dim() > 0
    return is_tensor and places.shape in (tensor.shape, (*tensor.shape[:-1], 1))


def _version(tensor: Tensor) -> int:
    """How often it was changed in place; unknown, and so 0, in inference mode."""
    return 0 if tensor.is_inference() else tensor._version
