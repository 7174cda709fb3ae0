"""One run of the model, and what its recurrent layer did in it."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from captum_rnn.attr.forward import Forward
from captum_rnn.attr.inputs import (
    InputLayout,
    Lengths,
    check_inputs,
    explained,
    one_for_each_input,
)
from captum_rnn.attr.rows import rows_read, target_of_rows, without_padding
from captum_rnn.states import (
    Following,
    LayerCall,
    Placement,
    ReadGradient,
    Trajectory,
    check_derivable,
    check_nothing_read_beyond,
    check_reads_in_order,
    detached,
    form_of,
    join,
    no_graph_left_in,
    place,
    read_gradients_of,
    record,
    recurrent_layer,
    steps_of,
    trajectory,
)
from captum_rnn.states.levels import time_first


@dataclass(frozen=True)
class Record:
    """What the recurrent layer did in one call.

    Attributes:
        layer: The layer.
        call: The call of it.
        path: The states that it passed through.
        rows: The row of the inputs that each of its rows read (rows,).
        gradient: What the classifier reads of them; None for methods that do not look at it.
        target: The class that is explained, for each of the rows where the user gave several.
        numbers: Which step of all calls of the layer each of its steps was (rows, time); -1: none.
        baseline: What the layer would have read of the baselines (time, rows, features), in the
            order of the text; None: there are none.
    """

    layer: nn.Module
    call: LayerCall
    path: Trajectory
    rows: Tensor
    numbers: Tensor
    gradient: ReadGradient | None = None
    target: Any = None
    baseline: Tensor | None = None


@dataclass(frozen=True)
class Run:
    """One forward pass of the model.

    Attributes:
        forward: Runs the model again, and returns the explained value of each row (batch,).
        value: The explained values; None for methods that do not look at the output.
        layouts: The layout of each input.
        records: One for each trajectory of the layer.
        calls: Each call of the layer.
        placement: Which token each step of the calls read.
        inputs: The inputs.
    """

    forward: Callable[[], Any]
    value: Tensor | None
    layouts: list[InputLayout]
    records: list[Record]
    calls: list[LayerCall]
    placement: Placement
    inputs: tuple[Tensor, ...]

    def full_precision(self) -> torch.autocast:
        """Keeps the caller's autocast away from what is computed of the records."""
        return torch.autocast(self.placement.places.device.type, enabled=False)

    def at_tokens(self, scores: list[Tensor]) -> list[Tensor]:
        """Scores of each record's steps (rows, time) where their tokens stand in each input."""
        steps = torch.cat([of_steps.flatten() for of_steps in scores])
        return self.placement.at_tokens(steps)

    def at_features(self, scores: list[Tensor]) -> list[Tensor]:
        """Scores of the features of each record's steps (rows, time, features), where they stand.

        In the shape of each input whose own features the layer reads; else over the axes of its
        tokens, whose features are then something else.
        """
        read = [
            time_first(record.call.input, form_of(record.layer).batch_first)[0].transpose(0, 1)
            for record in self.records
        ]
        steps, of_steps = (
            torch.cat([part.flatten(0, 1) for part in each]) for each in (scores, read)
        )
        return self.placement.at_features(steps, of_steps, self.inputs)

    def arrange(self, scores: list[Tensor]) -> tuple[Tensor, ...]:
        """Scores of the tokens of each input, in its shape."""
        parts = zip(self.layouts, scores, self.placement.axes, strict=True)
        return tuple(layout.arrange(tokens, axes) for layout, tokens, axes in parts)

    def gather(self, attributions: tuple[Tensor, ...]) -> list[Tensor]:
        """The scores of the tokens in attributions of the inputs' shapes."""
        parts = zip(self.layouts, attributions, self.placement.axes, strict=True)
        return [layout.gather(given, axes) for layout, given, axes in parts]

    def at_steps(self, attributions: tuple[Tensor, ...]) -> Tensor:
        """For each step of all records (steps,), what was attributed to the tokens that it read."""
        return self.placement.at_steps(self.gather(attributions))

    def sums(self, scores: list[Tensor]) -> Tensor:
        """The sum of the scores of the tokens in each row (batch,), in float64."""
        parts = zip(self.layouts, scores, strict=True)
        return torch.stack([layout.of_rows(tokens) for layout, tokens in parts]).sum(0)

    def add_up(self, totals: list[Tensor]) -> Tensor:
        """Values of each record's rows (rows,), added up over the rows of the inputs (batch,)."""
        added = totals[0].new_zeros(self.layouts[0].batch)
        for of_call, of_rows in zip(self.records, totals, strict=True):
            added.index_add_(0, of_call.rows, of_rows)
        return added


Score: TypeAlias = Callable[[Any, nn.Module, Record], Tensor]


def in_full_precision(score: Score) -> Score:
    """Keeps the caller's autocast away from the matrix products of a `_score` method."""

    @functools.wraps(score)
    def precise(self: Any, layer: nn.Module, record: Record) -> Tensor:
        with torch.autocast(record.path.directions[0].outputs.device.type, enabled=False):
            return score(self, layer, record)

    return precise


@dataclass(frozen=True)
class RecurrentModel:
    """A model with the recurrent layer in it.

    Attributes:
        forward_func: The model, or any function that runs it.
        layer: The recurrent layer; `forward_func` itself where that is explained alone.
        batch_first: Whether dimension 0 of the inputs is the batch.
    """

    forward_func: Callable[..., Any]
    layer: nn.Module
    batch_first: bool = True

    @property
    def is_bare(self) -> bool:
        """Whether there is nothing around the layer."""
        return self.layer is self.forward_func

    def run(
        self,
        inputs: Tensor | tuple[Tensor, ...],
        target: Any = None,
        additional_forward_args: Any = None,
        lengths: Lengths = None,
        *,
        with_value: bool = False,
        with_gradient: bool = False,
    ) -> Run:
        """Runs the model once and checks that its layer read the inputs, token by token.

        Args:
            inputs: As for `RecurrentAttribution.attribute`, like the next three.
            target: The class.
            additional_forward_args: Further arguments of `forward_func`.
            lengths: Number of real tokens in each row.
            with_value: Keep the explained values, which must then be one number for each row.
            with_gradient: Also differentiate them with respect to what is read of the layer.
        """
        tensors = check_inputs(inputs)
        each_lengths = one_for_each_input(lengths, len(tensors))
        layouts = [self._layout(tensor) for tensor in tensors]
        if with_gradient:
            check_derivable()
        axes = len(layouts[0].axes)
        following = Following(tensors, differentiable=True, axes=axes)
        forward = Forward(self.forward_func, following.inputs, target, additional_forward_args)
        with torch.enable_grad(), no_graph_left_in(self.forward_func, self.layer):
            recording = record(
                [_unwrapped(self.layer)],
                forward,
                differentiable=with_gradient,
                following=following,
            )
            layer = recurrent_layer(self.layer)
            value = None
            if with_value or with_gradient:
                value = explained(forward.selected, layouts[0].batch)
            gradients: list[ReadGradient | None] = [None] * len(recording.calls)
            if value is not None and with_gradient:
                gradients[:] = read_gradients_of(value, recording)
            batch_first = form_of(layer).batch_first
            of_cell = isinstance(self.layer, nn.RNNCellBase)
            calls = [
                steps_of(read, batch_first=batch_first, of_cell=of_cell) for read in recording.reads
            ]
            placement = place(tensors, following, calls, axes)
        self._check_read(placement, layouts, added_up=value is not None)
        own = [detached(call) for call in recording.calls]
        if own and not form_of(layer).has_gates:
            check_reads_in_order(layer, own[0])
        joined = join([layer] * len(own), own, gradients, calls)
        placement = placement.renumbered([run.numbers for run in joined])
        calls = [run.steps for run in joined]
        rows = rows_read(placement, layouts, calls)
        placement, ends = without_padding(placement, layouts, calls, each_lengths)
        records = []
        for run, of_rows, row_lengths in zip(joined, rows, ends, strict=True):
            path = trajectory(layer, run.call, row_lengths)
            if run.gradient is not None:
                check_nothing_read_beyond(layer, path, run.gradient)
            if run.cut is not None and value is None:  # nothing of them is left at the end
                path = path.without_rows(run.cut)
            own_target = target_of_rows(target, of_rows, layouts[0].batch)
            records.append(
                Record(layer, run.call, path, of_rows, run.numbers, run.gradient, own_target)
            )
        again = Forward(self.forward_func, tensors, target, additional_forward_args)
        value = None if value is None else value.detach()
        return Run(again, value, layouts, records, own, placement, tensors)

    def _layout(self, tensor: Tensor) -> InputLayout:
        if self.is_bare:
            layer = recurrent_layer(self.layer)
            batch_first, unbatched = form_of(layer).batch_first, tensor.dim() == 2
            fits = tensor.dim() in (2, 3)
            expected = "(batch, time, features)" if batch_first else "(time, batch, features)"
            expected += " or unbatched (time, features), as forward_func is the layer itself"
        else:
            batch_first, unbatched, fits = self.batch_first, False, tensor.dim() >= 2
            expected = "(batch, time, ...)" if batch_first else "(time, batch, ...)"
        if not fits:
            raise ValueError(f"inputs has shape {tuple(tensor.shape)}; expected {expected}")
        return InputLayout(tensor.shape, batch_first, unbatched)

    def _check_read(
        self, placement: Placement, layouts: list[InputLayout], *, added_up: bool
    ) -> None:
        """Raises ValueError unless the layer read tokens of each input, each step its own.

        Unless scores may be `added_up`, it has to read each token once.
        """
        if not placement.counts:
            raise ValueError(
                f"{self._layer_name} did not run in the forward pass; pass the layer that "
                "forward_func uses"
            )
        if placement.mixed:
            raise ValueError(
                f"the steps of {self._layer_name} read several tokens each, and other steps read "
                "them too, as behind a convolution, attention or another recurrent layer, so that "
                "its steps have no token of their own"
            )
        for index, layout in enumerate(layouts):
            if not placement.of_input(index).any():
                name = "inputs" if len(layouts) == 1 else f"inputs[{index}]"
                raise ValueError(
                    f"{self._layer_name} read no token of {name}, whose shape is "
                    f"{tuple(layout.shape)}, as far as can be followed; pass the tensors whose "
                    "tokens the layer reads, everything else in additional_forward_args, and a "
                    "forward_func that does not detach them or leave torch on the way"
                )

        often = 1 if placement.straight else int(placement.places.bincount().amax())
        if often > 1 and not added_up:
            raise ValueError(
                f"{self._layer_name} ran {len(placement.counts)} times in the forward pass for "
                f"{len(layouts)} input tensor(s) and read a token {often} times, but scores "
                "that do not look at the class cannot be added up; pass a tensor in inputs for "
                "each run of the layer, or use a method that looks at the class"
            )

    @property
    def _layer_name(self) -> str:
        layer = recurrent_layer(self.layer)
        named = (
            self.forward_func.named_modules() if isinstance(self.forward_func, nn.Module) else ()
        )
        names = [name for name, module in named if module is layer and name]
        return f"layer {names[0]!r} ({type(layer).__name__})" if names else type(layer).__name__


def _unwrapped(layer: nn.Module) -> nn.Module:
    """The layer that `torch.compile` wraps, if it does."""
    return getattr(layer, "_orig_mod", layer)
