"""One run of the model, and what its recurrent layer did in it."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.attr.derivatives import what_is_read
from captum_rnn.attr.forward import Forward
from captum_rnn.attr.inputs import (
    InputLayout,
    Lengths,
    check_inputs,
    explained,
    one_for_each_input,
)
from captum_rnn.attr.reading import (
    check_all_read,
    check_followed,
    check_not_flat,
    check_ran,
    check_read,
    of_time_first,
    with_rows,
)
from captum_rnn.attr.records import Record, Run
from captum_rnn.attr.rows import known_rows, rows_read, target_of_rows, without_padding
from captum_rnn.attr.unfollowed import check_none_unfollowed
from captum_rnn.states.begins import Begins
from captum_rnn.states.beyond import check_nothing_read_beyond
from captum_rnn.states.composing import composed
from captum_rnn.states.following import Following
from captum_rnn.states.graph import Begun, is_read
from captum_rnn.states.joining import Joined, check_forks_unread, join
from captum_rnn.states.layers import form_of, recurrent_layer
from captum_rnn.states.leftovers import no_graph_left_in
from captum_rnn.states.links import links_between
from captum_rnn.states.modes import mode_of, modules_of
from captum_rnn.states.order import check_reads_in_order
from captum_rnn.states.places import place
from captum_rnn.states.recording import (
    Recording,
    check_derivable,
    detached,
    record,
)
from captum_rnn.states.same_start import SameStart
from captum_rnn.states.steps import Steps, steps_of
from captum_rnn.states.trajectory import trajectory


@dataclass(frozen=True)
class RecurrentModel:
    """A model with the recurrent layer in it.

    Attributes:
        forward_func: The model, or any function that runs it.
        layer: The recurrent layer, or several; `forward_func` itself where that is explained alone.
        batch_first: Whether dimension 0 of the inputs is the batch.
        apart: The modes of the model's modules in which its rows were found apart, to be added to.
        asked: The model that `forward_func` asks, if it is not that itself.
    """

    forward_func: Callable[..., Any]
    layer: Any
    batch_first: bool = True
    apart: set[tuple[bool, ...]] = field(default_factory=set)
    asked: Callable[..., Any] | None = None

    @property
    def layers(self) -> list[nn.Module]:
        """The layer, or all of several."""
        return [self.layer] if not isinstance(self.layer, (list, tuple)) else list(self.layer)

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing around the layer."""
        return self.layer is self.forward_func

    def check_classes(self, method: str, target: Any, *, asked: bool) -> None:
        """Raises ValueError if a method asks for classes, or a target does, and there are none."""
        if not self.is_bare:
            return
        if asked:
            raise ValueError(
                f"forward_func is the recurrent module itself, whose classes {method} cannot look "
                "at; pass the model and its layer"
            )
        if target is not None:
            raise ValueError(
                f"target is {target!r}, but forward_func is the recurrent module itself, which "
                "has no classes; leave target out, or pass the model and its layer"
            )

    def run(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        lengths: Lengths = None,
        *,
        with_value: bool = False,
        with_gradient: bool = False,
        to_tokens: bool = True,
        with_static: bool = False,
        reruns: bool = False,
    ) -> Run:
        """Runs the model once and checks that its layer read the inputs, token by token.

        Args:
            inputs: As for `RecurrentAttribution.attribute`, like the next three.
            target: The class.
            additional_forward_args: Further arguments of `forward_func`.
            lengths: Number of real tokens in each row.
            with_value: Keep the explained values, which must then be one number for each row.
            with_gradient: Differentiate them, or whatever is answered, with respect to what is read
                of the layer.
            to_tokens: Whether tokens are to be scored, and not what the layer read.
            with_static: Whether inputs are scored that no step reads: those that reach the output
                beside the layer or make its initial states.
            reruns: Whether the model is to run again from what it keeps now.
        """
        tensors = check_inputs(inputs)
        each_lengths = one_for_each_input(lengths, len(tensors))
        layouts = [self._layout(tensor) for tensor in tensors]
        if with_value and with_gradient:
            check_derivable()
        axes = len(layouts[0].axes)
        following = Following(tensors, differentiable=True, axes=axes)
        forward = Forward(self.forward_func, following.inputs, target, additional_forward_args)
        modules = [_unwrapped(layer) for layer in self.layers]
        kept = [*modules_of(self.forward_func), *modules] if with_gradient else []
        with torch.enable_grad(), no_graph_left_in(*kept):
            start = SameStart(tensors[0].device, self._model if reruns else None)
            recording = record(modules, forward, differentiable=with_gradient, following=following)
            start.end()
            kinds = [recurrent_layer(layer) for layer in self.layers]
            layers = [kinds[index] for index in recording.layers]
            value = explained(forward.selected, layouts[0].batch) if with_value else None
            read = what_is_read(value, forward.selected, recording, following, wanted=with_gradient)
            calls = _steps(recording, layers, modules)
            placement = place(tensors, following, calls, axes)
            by_way: set[int] = set()
            if read.graph is not None and len(calls) > 1:
                placement, by_way = composed(placement, recording, calls)
            check_ran(placement, self._layer_name)
            if with_static and not any(layout.batch_first for layout in layouts):
                layouts = of_time_first(placement, layouts, [call.time for call in calls])
            if to_tokens:
                check_followed(placement, following.left, self._layer_name)
                check_not_flat(following, placement, self._layer_name)
                check_read(placement, layouts, self._layer_name, added_up=with_value)
                if not with_static:
                    check_all_read(placement, layouts, self._layer_name)
            own = [detached(call) for call in recording.calls]
            if to_tokens:
                check_none_unfollowed(
                    self._model,
                    tensors,
                    additional_forward_args,
                    following.entries,
                    placement,
                    modules,
                    [modules[index] for index in recording.layers],
                    own,
                    self._layer_name,
                    start,
                )
            for kind in kinds:
                if not form_of(kind).has_gates and kind in layers:
                    check_reads_in_order(kind, own[layers.index(kind)])
            begun = Begins(recording, following.entries)
            links = links_between(layers, own, begun, begun.as_it_was)
            if read.graph is not None:
                begun.check_derivable(links.restarted, layers)
            joined = join(layers, own, read.gradients, calls, links.rows)
            readers = begins = [set[int]() for _ in joined]
            of_tokens = read.graph.begin_from_tokens(joined) if read.graph else Begun(set(), [], [])
            if read.graph is not None and len(calls) > 1:
                readers, begins = read.graph.readers(joined)
                check_forks_unread(layers, joined, [*readers, *begins])
            if with_static:
                ways = [read.beside, *of_tokens.gradients]
                check_all_read(placement, layouts, self._layer_name, following.entries, ways)
                layouts = with_rows(placement, layouts, following.entries, of_tokens.of_first_rows)
            if read.graph is not None and layouts[0].batch > 1 and self._mode not in self.apart:
                rows = known_rows(placement, layouts, calls)
                batch_axes = [0 if layout.batch_first else 1 for layout in layouts]
                read.check_rows_apart(calls, rows, placement, batch_axes)
                self.apart.update([] if self._mode is None else [self._mode])
        mixed = placement.mixed
        placement = placement.renumbered([trajectory.numbers for trajectory in joined])
        steps = [trajectory.steps for trajectory in joined]
        rows = rows_read(placement, layouts, steps)
        placement, ends = without_padding(placement, layouts, steps, each_lengths)
        unread = set() if with_value or len(modules) > 1 else _unread(joined)
        return Run(
            Forward(self.forward_func, tensors, target, additional_forward_args, start),
            None if value is None else value.detach(),
            layouts,
            [
                _record(
                    joined[index],
                    layers[joined[index].members[0]],
                    rows[index],
                    ends[index],
                    target_of_rows(target, rows[index], layouts[0].batch),
                    cut=None if with_value else joined[index].cut,
                    unread=index in unread,
                )
                for index in range(len(joined))
            ],
            own,
            placement,
            tensors,
            joined,
            modules,
            read.graph,
            readers,
            [read_by | begun for read_by, begun in zip(readers, begins, strict=True)],
            _of(joined, mixed),
            _of(joined, by_way),
            of_tokens.trajectories,
            read.beside,
            tells_ends=following.tells_ends,
            restarted=_of(joined, links.restarted),
        )

    def _layout(self, tensor: Tensor) -> InputLayout:
        if self.is_bare:
            batch_first = form_of(_unwrapped(self.layers[0])).batch_first
            unbatched = tensor.dim() == 2
            fits = tensor.dim() in (2, 3)
            expected = "(batch, time, features)" if batch_first else "(time, batch, features)"
            expected += " or unbatched (time, features), as forward_func is the layer itself"
        else:
            batch_first, unbatched, fits = self.batch_first, False, tensor.dim() >= 2
            expected = "(batch, time, ...)" if batch_first else "(time, batch, ...)"
        if not fits:
            alone = "" if tensor.dim() != 1 else "; add the axis of the batch: inputs.unsqueeze(0)"
            raise ValueError(f"inputs has shape {tuple(tensor.shape)}; expected {expected}{alone}")
        return InputLayout(tensor.shape, batch_first, unbatched)

    @property
    def _mode(self) -> tuple[bool, ...] | None:
        """Which modules are in training mode; None: not known of a function."""
        return mode_of(self._model)

    @property
    def _model(self) -> Callable[..., Any]:
        return self.asked or self.forward_func

    def _layer_name(self) -> str:
        kinds = [recurrent_layer(layer) for layer in self.layers]
        if len(kinds) > 1:
            return "the layers " + ", ".join(type(layer).__name__ for layer in kinds)
        layer = self.layers[0]
        named = (
            self.forward_func.named_modules() if isinstance(self.forward_func, nn.Module) else ()
        )
        names = [name for name, module in named if module is layer and name]
        kind = type(layer).__name__
        return f"layer {names[0]!r} ({kind})" if names else kind


def _steps(recording: Recording, layers: list[nn.Module], modules: list[nn.Module]) -> list[Steps]:
    """The steps of each call."""
    return [
        steps_of(
            call.input,
            batch_first=form_of(layer).batch_first,
            of_cell=isinstance(modules[index], nn.RNNCellBase),
        )
        for call, layer, index in zip(recording.calls, layers, recording.layers, strict=True)
    ]


def _record(
    joined: Joined,
    layer: nn.Module,
    rows: Tensor,
    ends: Tensor | None,
    target: Any,
    *,
    cut: Tensor | None,
    unread: bool,
) -> Record:
    """What is scored of one trajectory, but for rows of which nothing is left at the end."""
    is_one_call = len(joined.members) == 1
    path = trajectory(layer, joined.call, ends if is_one_call else None)
    if ends is not None and not is_one_call:
        path = path.cut_at(ends)
    if joined.gradient is not None:
        check_nothing_read_beyond(layer, joined.call, path, joined.gradient)
    if unread:
        cut = torch.ones_like(rows, dtype=torch.bool)
    if cut is not None:
        path = path.without_rows(cut)
    return Record(layer, joined.call, path, rows, joined.numbers, joined.gradient, target)


def _unread(joined: list[Joined]) -> set[int]:
    """The trajectories that the model's answer does not depend on, where it does on others.

    Such as a first column of padding, from which no state is carried on.
    """
    known = [one.gradient is None or is_read(one.gradient) for one in joined]
    return {index for index, read in enumerate(known) if not read} if any(known) else set()


def _of(joined: list[Joined], calls: Collection[int]) -> set[int]:
    """The trajectories that have one of the calls in them."""
    return {index for index, one in enumerate(joined) if not set(one.members).isdisjoint(calls)}


def _unwrapped(layer: nn.Module) -> nn.Module:
    """The layer that `torch.compile` wraps, if it does."""
    return getattr(layer, "_orig_mod", layer)
