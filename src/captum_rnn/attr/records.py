"""What a method scores: what the recurrent layers and the model did in one forward pass."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from captum_rnn.attr.forward import Forward
from captum_rnn.attr.inputs import InputLayout
from captum_rnn.functional.checks import Readout
from captum_rnn.states.baseline import Baselines
from captum_rnn.states.following import Entry
from captum_rnn.states.graph import Graph, Weighted
from captum_rnn.states.hooks import LayerCall
from captum_rnn.states.joining import Joined
from captum_rnn.states.own_features import each_by_itself, own_features
from captum_rnn.states.places import Placement
from captum_rnn.states.recording import ReadGradient, data_of, with_data
from captum_rnn.states.trajectory import Trajectory


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
        baseline: What it would have read of the baselines (time, rows, features); None: none.
        first_baseline: The states that it would have begun with; None: none are given.
        later: What layers behind this one read of it, if their own steps are scored too.
        of_features: Whether the features that it read are to be scored, not its steps.
        readout: What the classifier is known to read of the states; None: it has to be asked.
    """

    layer: nn.Module
    call: LayerCall
    path: Trajectory
    rows: Tensor
    numbers: Tensor
    gradient: ReadGradient | None = None
    target: Any = None
    baseline: Tensor | None = None
    first_baseline: tuple[Tensor, ...] | None = None
    later: ReadGradient | None = None
    of_features: bool = False
    readout: Readout | None = None


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
        joined: What the records are made of.
        modules: The layers as they are called.
        graph: What stands between the layers, for methods that look at the class.
        reads: For each record, those whose steps it read something of.
        depends: The same, and those whose states it began from.
        mixed: The records whose steps read several tokens that others read too.
        composed: The records whose steps read one step each of another record.
        begun: The records whose initial states are made of the tokens.
        reads_beside: Derivatives of the output by what reaches it beside layers, entry by entry.
        baselines: What the inputs are compared with; None: nothing was given.
        reads_instead: What stands on baselines at each entry of the graph; None: that is not known.
        tells_ends: Whether the model made masks or numbers of its inputs, such as lengths.
        restarted: The records that begin with what is made of earlier answers of their own layer,
            and is none of them.
    """

    forward: Forward
    value: Tensor | None
    layouts: list[InputLayout]
    records: list[Record]
    calls: list[LayerCall]
    placement: Placement
    inputs: tuple[Tensor, ...]
    joined: list[Joined]
    modules: list[nn.Module]
    graph: Graph | None = None
    reads: list[set[int]] = field(default_factory=list)
    depends: list[set[int]] = field(default_factory=list)
    mixed: set[int] = field(default_factory=set)
    composed: set[int] = field(default_factory=set)
    begun: set[int] = field(default_factory=set)
    reads_beside: list[Tensor | None] = field(default_factory=list)
    baselines: tuple[Tensor, ...] | None = None
    reads_instead: list[Tensor | None] = field(default_factory=list)
    tells_ends: bool = False
    restarted: set[int] = field(default_factory=set)

    @property
    def grids(self) -> list[tuple[int, int]]:
        """Rows and steps of each record."""
        return [(trajectory.steps.rows, trajectory.steps.time) for trajectory in self.joined]

    @property
    def is_stepped(self) -> bool:
        """Whether a layer ran more often than there are inputs and layers."""
        return len(self.calls) > max(len(self.inputs), len(self.modules))

    @property
    def first_states(self) -> list[tuple[Tensor, ...] | None]:
        """The initial states of the calls; None where a call goes on from another one."""
        linked = {
            number: of_call
            for trajectory in self.joined
            for number, of_call in zip(trajectory.members, trajectory.is_linked, strict=True)
        }
        zeros = [tuple(torch.zeros_like(state) for state in call.final) for call in self.calls]
        return [
            None if linked[number] else call.initial or zeros[number]
            for number, call in enumerate(self.calls)
        ]

    @property
    def has_beside(self) -> bool:
        """Whether anything reaches the output beside the layers."""
        return any(read is not None and bool(read.any()) for read in self.reads_beside)

    @property
    def may_be_zero(self) -> bool:
        """Whether float inputs reach the output by more ways than steps of a layer of their own."""
        floats = all(tensor.is_floating_point() for tensor in self.inputs)
        other_ways = bool(self.mixed or self.begun) or self.has_beside
        return floats and other_ways and len(self.modules) == 1

    def reads_baselines(self) -> Baselines:
        """While it is active, the model that is run on its inputs reads baselines instead."""
        assert self.baselines is not None
        return Baselines(self.inputs, tuple(given.clone() for given in self.baselines))

    @property
    def needs_walk(self) -> bool:
        """Whether there is more than layers that read tokens and a classifier that reads layers."""
        return self.graph is not None and (
            bool(self.mixed) or bool(self.begun) or any(self.depends)
        )

    def beside(self, weighted: Sequence[Weighted] = ()) -> list[Tensor]:
        """Derivative times vector, less that of the baseline, of the tokens of each input.

        Of the output with all layers held fixed, and of what the layers were given by weight. Over
        the axes of ids, and in the shape of float inputs.
        """
        assert self.graph is not None
        tensors = [tensor for of_one in weighted for tensor in of_one.tensors]
        weights = [weight for of_one in weighted for weight in of_one.weights]
        _, gradients = self.graph.gradients(Weighted(tensors, weights))
        added = [
            torch.zeros(
                tensor.shape if tensor.is_floating_point() else [tensor.shape[a] for a in axes],
                device=self.graph.values.device,
            )
            for tensor, axes in zip(self.inputs, self.placement.axes, strict=True)
        ]
        for number, (entry, *parts) in enumerate(
            zip(self.graph.entries, gradients, self.reads_beside, strict=True)
        ):
            for part in parts:
                if part is not None and part.any():
                    shares = part * (entry.vectors - self._instead(number))
                    shares = torch.where(part == 0, 0.0, shares)  # also of a filled in NaN
                    added = self._with_entry(added, entry, shares.detach())
        return added

    def _instead(self, number: int) -> Tensor | float:
        """What stands on baselines at an entry of the graph."""
        if self.baselines is None:
            return 0.0
        instead = self.reads_instead[number]
        if instead is None:
            raise ValueError(
                "the model reads vectors of its tokens behind the layer, where they cannot be "
                "compared with those of baselines; look them up before it runs"
            )
        return instead

    def placed(self, scores: list[Tensor]) -> list[Tensor]:
        """Scores of steps (rows, time), or of their features too, where their tokens stand."""
        if scores[0].dim() == 2:
            return self.at_tokens(scores)
        if len({of_features.shape[2] for of_features in scores}) > 1:
            return self.at_tokens([of_features.sum(2) for of_features in scores])
        return self.at_features(scores)

    def with_beside(self, scores: list[Tensor], weighted: Sequence[Weighted] = ()) -> list[Tensor]:
        """Scores of each input, over the axes of its tokens or in its shape, with `beside`."""
        if not weighted and not self.has_beside:
            return scores
        added = []
        for of_input, more, layout, axes in zip(
            scores, self.beside(weighted), self.layouts, self.placement.axes, strict=True
        ):
            if of_input.shape != layout.shape and of_input.any():  # features are not told apart
                more = more if more.shape == of_input.shape else layout.gather(more, axes)
            elif layout.shape in (of_input.shape, more.shape):
                of_input, more = layout.arrange(of_input, axes), layout.arrange(more, axes)
            added.append(of_input + more.to(of_input))
        return added

    def _with_entry(self, added: list[Tensor], entry: Entry, shares: Tensor) -> list[Tensor]:
        """Adds what the features of an entry got to the tokens of ids, or to their own input."""
        if entry.of_input is not None:
            return [
                of_input + shares if number == entry.of_input else of_input
                for number, of_input in enumerate(added)
            ]
        placed = self.placement.at_places(entry.places.flatten(), shares.flatten(0, -2).sum(-1))
        return [
            of_input if tensor.is_floating_point() else of_input + tokens
            for tensor, of_input, tokens in zip(self.inputs, added, placed, strict=True)
        ]

    def full_precision(self) -> torch.autocast:
        """Keeps the caller's autocast away from what is computed of the records."""
        return torch.autocast(self.placement.places.device.type, enabled=False)

    def at_tokens(self, scores: list[Tensor]) -> list[Tensor]:
        """Scores of each record's steps (rows, time) where their tokens stand in each input."""
        flat = [of_steps.flatten() for of_steps in scores]
        return self.placement.at_tokens(flat[0] if len(flat) == 1 else torch.cat(flat))

    def at_features(self, scores: list[Tensor]) -> list[Tensor]:
        """Scores of the features of each record's steps (rows, time, features), where they stand.

        In the shape of each input whose own features the layer reads; else over the axes of its
        tokens, whose features are then something else.
        """
        every = torch.cat([part.flatten(0, 1) for part in scores])
        return self.placement.at_features(every, self.inputs, self.reads_own_features)

    @cached_property
    def reads_own_features(self) -> list[bool]:
        """For each input, whether layers read each of its features by itself, in its place.

        Of several layers above each other, the lowest do.
        """
        layers, calls = zip(*((record.layer, record.call) for record in self.records), strict=True)
        is_low = [not read for read in self.reads] or [True] * len(layers)
        own = own_features(layers, calls, self.grids, is_low, self.placement, self.inputs)
        if self.graph is None or self.mixed:
            return own
        return each_by_itself(own, self.graph, self.joined, is_low, self.placement, self.inputs)

    def by_features(self) -> "Run":
        """The run, each feature that a step reads having a score of its own."""
        records = [replace(record, of_features=True) for record in self.records]
        run = replace(self, records=records)
        vars(run)["reads_own_features"] = self.reads_own_features  # known once for both
        return run

    def at_layer(self, scores: list[Tensor]) -> list[Tensor]:
        """Scores of each record's steps in the shape of what each call of the layers read.

        A step's score is shared equally by its features, unless they have scores of their own. What
        was packed comes back padded, batch first.
        """
        found: dict[int, Tensor] = {}
        for trajectory, of_record in zip(self.joined, scores, strict=True):
            flat = of_record.flatten(0, 1)
            for number, order in zip(trajectory.members, trajectory.orders, strict=True):
                read = self.calls[number].input
                data = data_of(read)
                steps = flat[order]
                if steps.dim() == 1:
                    steps = (steps / data.shape[-1]).unsqueeze(1).expand(-1, data.shape[-1])
                placed = with_data(read, steps.reshape(data.shape))
                if isinstance(placed, PackedSequence):
                    placed, _ = pad_packed_sequence(placed, batch_first=True)
                found[number] = placed.contiguous()
        return [found[number] for number in sorted(found)]

    def arrange(self, scores: list[Tensor], *, per_step: bool = False) -> tuple[Tensor, ...]:
        """Scores of each input in its shape; `per_step` over the axes of its tokens."""
        parts = list(zip(self.layouts, scores, self.placement.axes, strict=True))
        if per_step:
            return tuple(layout.steps(tokens, axes) for layout, tokens, axes in parts)
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
