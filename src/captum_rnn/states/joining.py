"""Runs of one layer that hand their state on, as one trajectory.

Chunks, single steps and texts that are read one after the other: a run whose initial state is the
final state of an earlier one, row by row and value by value, goes on where that one stopped. A row
that starts from zeros instead, as behind a mask of finished episodes, is a trajectory of its own.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from captum_rnn.states.chains import Chaining, no_single_run
from captum_rnn.states.hooks import LayerCall, LayerData
from captum_rnn.states.layers import form_of
from captum_rnn.states.links import Link, groups_of
from captum_rnn.states.recording import ReadGradient, data_of, with_data
from captum_rnn.states.steps import Steps, steps_of


@dataclass(frozen=True)
class Joined:
    """One trajectory of a layer.

    Attributes:
        call: What the layer would have been given and answered in one run.
        gradient: What is read of it, if that is known.
        steps: The steps of that run.
        numbers: Which step of the separate calls, counted through all of them, each of these steps
            was (rows, time); -1: none.
        members: The calls that it is made of.
        orders: For each member, which of these steps (rows · time) each of its own was.
        is_linked: Whether each member goes on from another one.
        starts: The call and its row that each of the rows begins with.
        read: Brings what is read of each of all calls into what is read of this run.
        cut: Which rows (rows,) were given up for another trajectory; None: none.
        forked: Whether some rows went on twice from one state, once without being read.
    """

    call: LayerCall
    gradient: ReadGradient | None
    steps: Steps
    numbers: Tensor
    members: list[int]
    orders: list[Tensor]
    is_linked: list[bool]
    starts: list[tuple[int, int]]
    read: Callable[[Sequence[ReadGradient]], ReadGradient]
    cut: Tensor | None = None
    forked: bool = False

    def rows_of(self, number: int) -> list[int]:
        """The rows of this run that begin with the rows of a member, in their order."""
        rows = {row: index for index, (member, row) in enumerate(self.starts) if member == number}
        return [rows[row] for row in sorted(rows)]


def join(
    layers: Sequence[nn.Module],
    calls: Sequence[LayerCall],
    gradients: Sequence[ReadGradient | None],
    steps: Sequence[Steps],
    links: list[list[Link]],
) -> list[Joined]:
    """Joins the calls that hand their state on.

    Args:
        layers: The layer of each call.
        calls: The calls, in their order.
        gradients: What is read of each of them, if that is known.
        steps: The steps of each of them.
        links: For each of their rows, the row that it goes on from; see `links_between`.

    Raises:
        ValueError: Two calls go on from one state, or a layer of two directions hands its state on,
            so that the runs are not one.
    """
    counts = [of_call.rows * of_call.time for of_call in steps]
    firsts = [sum(counts[:number]) for number in range(len(calls))]
    groups = groups_of(links)
    joined = []
    for group in groups:
        if len(group) == 1:
            (number,) = group
            first, device = firsts[number], steps[number].numbers.device
            grid = torch.arange(first, first + counts[number], device=device)
            grid = grid.view(steps[number].rows, -1)
            joined.append(
                Joined(
                    calls[number],
                    gradients[number],
                    steps[number],
                    grid,
                    group,
                    [steps[number].numbers],
                    [False],
                    [(number, row) for row in range(steps[number].rows)],
                    operator.itemgetter(number),
                )
            )
            continue
        if form_of(layers[group[0]]).directions == 2:
            raise ValueError(
                f"{type(layers[group[0]]).__name__} reads in both directions and goes on from the "
                "state of an earlier run, which is no single run over all tokens; run it once, or "
                "use a layer that reads forward only"
            )
        joined.append(_Joining(layers[group[0]], calls, gradients, steps, firsts, links).of(group))
    return joined


def check_forks_unread(
    layers: Sequence[nn.Module], joined: Sequence[Joined], readers: Sequence[set[int]]
) -> None:
    """Raises ValueError if runs are read, or begun from, in which a row went on twice.

    Args:
        layers: The layer of each call.
        joined: The trajectories.
        readers: Sets of the trajectories that something is made of.
    """
    for index, trajectory in enumerate(joined):
        if trajectory.forked and any(index in read for read in readers):
            raise no_single_run(layers[trajectory.members[0]])


@dataclass(frozen=True)
class _Joining:
    layer: nn.Module
    calls: Sequence[LayerCall]
    gradients: Sequence[ReadGradient | None]
    steps: Sequence[Steps]
    firsts: list[int]
    links: list[list[Link]]

    def of(self, group: list[int]) -> Joined:
        """The trajectory of the calls of a group."""
        chains, forked = Chaining(self.layer, self.gradients, self.steps, self.links).of(group)
        numbers = self._numbers(chains)
        ends = (numbers >= 0).sum(1)
        lay_out = _Layout(self.layer, numbers, ends, self.firsts[group[0]])
        last = [chain[-1] for chain in chains]
        call = replace(
            self.calls[group[0]],
            input=lay_out(self._flat(group, [self.calls[n].input for n in group])),
            output=lay_out(self._flat(group, [self.calls[n].output for n in group])),
            initial=self._initial([chain[0] for chain in chains], group[0]),
            final=self._final(last, {number: self.calls[number].final for number in group}),
            rounding=max(self.calls[n].rounding for n in group),
        )
        steps = steps_of(call.input, batch_first=form_of(self.layer).batch_first)
        is_last = {row: number for number, row in sorted(last)}
        cut = torch.tensor([is_last[row] != number for number, row in last], device=ends.device)

        def read(gradients: Sequence[ReadGradient | None]) -> ReadGradient:
            return self._gradient(group, chains, lay_out, gradients)

        is_known = self.gradients[group[0]] is not None
        return Joined(
            call,
            read(self.gradients) if is_known else None,
            steps,
            numbers,
            group,
            self._orders(group, numbers),
            [any(link is not None for link in self.links[number]) for number in group],
            [chain[0] for chain in chains],
            read,
            cut if bool(cut.any()) else None,
            forked,
        )

    def _orders(self, group: list[int], numbers: Tensor) -> list[Tensor]:
        """For each call of a group, where its steps stand in the trajectory (rows · time)."""
        places = torch.zeros(
            max(int(numbers.max()) + 1, 1), dtype=torch.int64, device=numbers.device
        )
        is_step = numbers.flatten() >= 0
        places[numbers.flatten()[is_step]] = is_step.nonzero().flatten()
        return [places[self.steps[number].numbers + self.firsts[number]] for number in group]

    def _numbers(self, chains: list[list[tuple[int, int]]]) -> Tensor:
        device = self.steps[0].numbers.device
        rows = []
        for chain in chains:
            pieces = []
            for number, row in chain:
                steps = self.steps[number]
                time = steps.time if steps.ends is None else int(steps.ends[row])
                first = self.firsts[number] + row * steps.time
                pieces.append(torch.arange(first, first + time, device=device))
            rows.append(torch.cat(pieces))
        return nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)

    def _flat(self, group: list[int], data: list[LayerData]) -> Tensor:
        """What stands at each step of the calls of a group (steps, width), by number."""
        last = self.firsts[group[-1]] + self.steps[group[-1]].rows * self.steps[group[-1]].time
        found: Tensor | None = None
        for number, of_call in zip(group, data, strict=True):
            steps, values = self.steps[number], data_of(of_call)
            values = values.reshape(-1, values.shape[-1])
            if found is None:
                found = values.new_zeros(last - self.firsts[group[0]], values.shape[1])
            found[steps.numbers + self.firsts[number] - self.firsts[group[0]]] = values
        assert found is not None
        return found

    def _rows(
        self, places: list[tuple[int, int]], parts: list[tuple[Tensor, ...]]
    ) -> tuple[Tensor, ...]:
        """States (layers, rows, width) of rows of calls."""
        each = [
            tuple(part[:, row] if part.dim() == 3 else part for part in of_call)
            for (_, row), of_call in zip(places, parts, strict=True)
        ]
        return tuple(torch.stack(part, 1) for part in zip(*each, strict=True))

    def _final(
        self, places: list[tuple[int, int]], parts: dict[int, tuple[Tensor, ...]]
    ) -> tuple[Tensor, ...]:
        """Final states of the rows that end in given calls."""
        if not form_of(self.layer).has_gates:  # all rows end in one call; see `links_between`
            return parts[places[0][0]]
        return self._rows(places, [parts[number] for number, _ in places])

    def _initial(self, places: list[tuple[int, int]], first: int) -> tuple[Tensor, ...] | None:
        if not form_of(self.layer).has_gates:
            return self.calls[first].initial
        parts = []
        for number, _ in places:
            call = self.calls[number]
            zeros = tuple(torch.zeros_like(state) for state in call.final)
            parts.append(zeros if call.initial is None else call.initial)
        return self._rows(places, parts)

    def _gradient(
        self,
        group: list[int],
        chains: list[list[tuple[int, int]]],
        lay_out: "_Layout",
        gradients: Sequence[ReadGradient | None],
    ) -> ReadGradient:
        """What is read of the trajectory: the final states in its midst are outputs too."""
        outputs, finals = [], {}
        for number in group:
            gradient, call = gradients[number], self.calls[number]
            assert gradient is not None
            read = gradient.output
            zeros = with_data(call.output, torch.zeros_like(data_of(call.output)))
            outputs.append(zeros if read is None else read)
            finals[number] = tuple(
                torch.zeros_like(state) if of_final is None else of_final
                for state, of_final in zip(call.final, gradient.final, strict=True)
            )
        flat = self._flat(group, outputs)
        first = self.firsts[group[0]]
        for chain in chains:
            for number, row in chain[:-1]:
                if not form_of(self.layer).has_gates:
                    self._check_unread(finals[number])
                    continue
                hidden, *others = self._rows([(number, row)], [finals[number]])
                if hidden[:-1].any() or any(other.any() for other in others):
                    raise ValueError(
                        f"the model reads cell states, or states of lower layers, of a run of "
                        f"{type(self.layer).__name__} that another run goes on from; only outputs "
                        "can be read of it, so run the layer once"
                    )
                steps = self.steps[number]
                time = steps.time if steps.ends is None else int(steps.ends[row])
                flat[self.firsts[number] - first + row * steps.time + time - 1] += hidden[-1, 0]
        last = [chain[-1] for chain in chains]
        return ReadGradient(lay_out(flat), self._final(last, finals))

    def _check_unread(self, of_final: tuple[Tensor, ...]) -> None:
        """Raises ValueError if states that are not torch's are read in the midst."""
        if any(part.any() for part in of_final):
            raise ValueError(
                f"the model reads the state of a run of {type(self.layer).__name__} that another "
                "run goes on from; only outputs can be read of it, so run the layer once"
            )


@dataclass(frozen=True)
class _Layout:
    """Brings values at numbered steps into the layout of one run of a layer."""

    layer: nn.Module
    numbers: Tensor
    ends: Tensor
    first: int

    def __call__(self, flat: Tensor) -> LayerData:
        grid = flat[(self.numbers - self.first).clamp(min=0)]  # (rows, time, width)
        if int(self.ends.min()) < self.numbers.shape[1]:
            packed: PackedSequence = pack_padded_sequence(
                grid, self.ends.cpu(), batch_first=True, enforce_sorted=False
            )
            return packed
        return grid if form_of(self.layer).batch_first else grid.transpose(0, 1).contiguous()
