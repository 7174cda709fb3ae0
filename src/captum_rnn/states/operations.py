"""An operation of torch on tensors whose places are known, and what it does to the places."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

NOWHERE = -1
"""The number of a place that holds nothing of any input."""


def names(names: str) -> frozenset[str]:
    """The names of functions, divided by spaces."""
    return frozenset(names.split())


MOVES = names(
    "T mT H t transpose swapaxes swapdims permute movedim moveaxis reshape view flatten unflatten "
    "squeeze unsqueeze contiguous clone detach alias flip fliplr flipud roll rot90 narrow select "
    "__getitem__ index_select expand repeat tile repeat_interleave split split_with_sizes chunk "
    "unbind tensor_split cat concat concatenate stack hstack vstack take_along_dim gather "
    "masked_select masked_fill pad pad_sequence _pack_padded_sequence unfold __iter__"
)
GATHERINGS = names("__getitem__ index_select _pack_padded_sequence")
LOOKUPS = names("__getitem__ index_select gather take_along_dim")
JOINS = names("cat concat concatenate stack hstack vstack pad_sequence")
CONVERSIONS = names("to long int short type type_as cpu cuda float double half")
OF_IDS = names(
    "add sub mul remainder fmod floor_divide clamp clamp_min clamp_max where maximum minimum abs "
    "__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __mod__ __floordiv__"
)
OF_VECTORS = names(
    "dropout add sub rsub neg abs absolute sign square sqrt rsqrt reciprocal exp expm1 log log1p "
    "log2 log10 sin cos atan erf pow round floor ceil trunc clamp clamp_min clamp_max clip "
    "nan_to_num relu relu6 leaky_relu elu selu celu gelu silu mish softplus softsign sigmoid "
    "logsigmoid tanh tanhshrink softshrink hardshrink hardtanh hardsigmoid hardswish threshold "
    "_threshold prelu maximum minimum fmax fmin max min "
    "__add__ __radd__ __sub__ __rsub__ __neg__ __abs__ __pow__ __rpow__"
)
"""What makes each number of one number, and of others that are no inputs."""
FLAT = names(
    "relu relu6 clamp clamp_min clamp_max clip hardtanh hardsigmoid hardswish threshold round "
    "floor ceil trunc sign hardshrink softshrink _threshold prelu maximum minimum fmax fmin max min"
)
"""Which of them have no derivative somewhere."""
SCALINGS = names("mul div __mul__ __rmul__ __truediv__")
MASKINGS = names("mul where masked_fill __mul__ __rmul__")
MADE_NEW = names(
    "new_zeros new_ones new_full new_empty new_tensor zeros_like ones_like full_like empty_like "
    "rand_like randn_like"
)
WRITES = frozenset(("__setitem__", "copy_"))
_AUGMENTED = names(
    "__iadd__ __isub__ __imul__ __itruediv__ __ifloordiv__ __imod__ __ipow__ __iand__ __ior__ "
    "__ixor__ __ilshift__ __irshift__"
)


class Operation(NamedTuple):
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
    is_masked: bool = False
    """Whether it was given a mask that the vectors made of themselves."""

    @property
    def only(self) -> Tensor:
        """The places, or the first of them."""
        return next(iter(self.known.values()))

    def argument(self, number: int) -> Tensor:
        """The tensor that it was given whose `id()` is a number of `known`."""
        given = [value for value in tensors(self.args, self.kwargs) if id(value) == number]
        return given[0]

    def again(self, number: int, instead: Tensor) -> Any:
        """What it makes when it is given another tensor instead of one that is known."""

        def replaced(value: Any) -> Any:
            if id(value) == number:
                return instead
            return type(value)(map(replaced, value)) if type(value) in (tuple, list) else value

        named = {name: replaced(value) for name, value in self.kwargs.items()}
        return self.func(*map(replaced, self.args), **named)

    def kept(self, shape: torch.Size) -> Tensor | None:
        """The places of an output that holds at each place something of that place alone."""
        if len(self.known) > 1 or self.has_others:
            return None
        places, name = self.only, self.name
        if self.maps:
            return places if places.shape == shape else None
        if not self.of_vectors:
            if name == "one_hot":
                return places.unsqueeze(-1)
            return places.expand(shape) if name in OF_IDS or name == "masked_fill" else None
        of_features = name == "linear" or (name == "layer_norm" and len(self.args[1]) == 1)
        by_number = name in SCALINGS and isinstance(self.args[-1], (int, float))
        has_features = places.shape[-1] == 1
        by_own = self.masks_itself and self.argument(next(iter(self.known))).shape == shape
        if not (name in OF_VECTORS or by_number or by_own or (of_features and has_features)):
            return None
        if has_features:
            shape = torch.Size((*shape[:-1], 1))
        return places.expand(shape) if places.dim() == len(shape) else None

    @property
    def masks_itself(self) -> bool:
        """Whether vectors are masked by what they made of themselves, as in `x * (x > 0)`."""
        return self.is_masked and self.name in MASKINGS

    @property
    def maps(self) -> bool:
        """Whether it looks something up by ids in a table that is no input, such as other ids."""
        return self.name in LOOKUPS and not self._moves_known

    def written(self) -> Tensor | None:
        """The places of a tensor after `shifted[:, 1:] = ids[:, :-1]`; None: they are unknown."""
        target, value = self.args[0], self.args[-1 if self.name == "__setitem__" else 1]
        numbers, is_float = self.known.get(id(value)), target.is_floating_point()
        if self.has_others:
            return None
        if id(target) in self.known:
            places = self.known[id(target)].clone()
            if self.is_masked and not isinstance(value, Tensor):  # as in `x[x < 0] = 0`
                return places
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

    def moved(self, output: Any) -> list[tuple[Tensor, Tensor]]:
        """The output's tensors and their places, where the same operation on places fits them."""
        if (self.has_others and self.name in JOINS) or self.maps or self._rolls_features:
            return []
        if self.name not in JOINS and not self._moves_known:
            return []
        found = self._repeated(output)
        if found or not self.of_vectors:
            return found
        return self._moved_with_features(output)

    def _moved_with_features(self, output: Any) -> list[tuple[Tensor, Tensor]]:
        """The same where the operation names the features, as `view(-1, features)` does.

        It is repeated on numbers of all features of all places, and fits where each vector of the
        output holds the same features of one place.
        """
        given = {number: self.argument(number) for number in self.known}
        if any(
            not tensor.is_floating_point() or places.shape != (*tensor.shape[:-1], 1)
            for tensor, places in zip(given.values(), self.known.values(), strict=True)
        ):
            return []
        most = max(tensor.shape[-1] for tensor in given.values())
        known = {
            number: self.known[number] * most + torch.arange(tensor.shape[-1], device=tensor.device)
            for number, tensor in given.items()
        }
        pairs = []
        for tensor, numbers in self._replace(known=known)._repeated(output):
            vectors, features = numbers // most, numbers % most
            own, same = vectors[..., :1], features.reshape(-1, features.shape[-1])[:1]
            of_one_place = torch.equal(vectors, own.expand_as(vectors))
            if not of_one_place or not torch.equal(features, same.expand_as(features)):
                return []
            pairs.append((tensor, own))
        return pairs

    def _repeated(self, output: Any) -> list[tuple[Tensor, Tensor]]:
        """The output's tensors and their places, where the same operation on places fits them."""
        args, kwargs = self._with_numbers()
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

    @property
    def _rolls_features(self) -> bool:
        """Whether vectors are rolled as one long row of numbers."""
        dims = self.kwargs.get("dims", self.args[2:3])
        return self.name == "roll" and self.of_vectors and dims in ((), [])

    @property
    def _moves_known(self) -> bool:
        """Whether what it moves has places, and not the index or the number of places to go."""
        return any(id(value) in self.known for value in tensors((self.source,), {}))

    @property
    def source(self) -> Any:
        """What it takes its places, or what it looks up, from."""
        return self.args[0] if self.args else self.kwargs.get("input")

    def _with_numbers(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Its arguments with places instead of what it moves."""
        if self.name in JOINS:
            return self._numbered(self.args), self._numbered(self.kwargs)
        if self.args:
            return (self._numbered(self.args[0]), *self.args[1:]), self.kwargs
        return (), {**self.kwargs, "input": self._numbered(self.kwargs["input"])}

    def _numbered(self, values: Any) -> Any:
        """Arguments with places instead of tensors; what is put beside them is from nowhere."""
        if isinstance(values, dict):
            return {name: self._numbered(value) for name, value in values.items()}
        if isinstance(values, (tuple, list)):
            return type(values)(self._numbered(value) for value in values)
        if not isinstance(values, Tensor):
            return values
        if id(values) in self.known:
            return self.known[id(values)].clone()  # which an operation in place changes
        if self.name in JOINS:
            shape = (*values.shape[:-1], 1) if values.is_floating_point() else values.shape
            return torch.full(shape, NOWHERE, device=values.device)
        return values


def name_of(func: Callable[..., Any]) -> str:
    """Of what it does: an operation in place, and the getter of a property, like any other."""
    name = func.__name__
    if name == "__get__":
        name = func.__self__.__name__  # type: ignore[attr-defined]
    if name in _AUGMENTED:
        return "__" + name[3:]
    return name if name.startswith("__") or name in WRITES else name.removesuffix("_")


def writes(func: Callable[..., Any], kwargs: dict[str, Any]) -> bool:
    """Whether its name or an option says that a function writes into what it is given."""
    name = func.__name__
    if name.startswith("__"):
        return name in ("__set__", "__setitem__") or name in _AUGMENTED
    return name.endswith("_") or bool(kwargs.get("inplace")) or kwargs.get("out") is not None


def tensors(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Tensor]:
    """The tensors among arguments, in sequences among them, and as ends of slices."""
    for value in (*args, *kwargs.values()) if kwargs else args:
        if isinstance(value, Tensor):
            yield value
            continue
        parts = value if isinstance(value, (tuple, list)) else (value,)
        for part in parts:
            ends = (part.start, part.stop) if isinstance(part, slice) else (part,)
            yield from (end for end in ends if isinstance(end, Tensor))


def _fits(tensor: Any, places: Any) -> bool:
    if not isinstance(tensor, Tensor):
        return False
    if tensor.dim() == 0:  # a single id; a single number of a vector is no token
        return not tensor.is_floating_point() and places.dim() == 0
    return places.shape in (tensor.shape, (*tensor.shape[:-1], 1))
