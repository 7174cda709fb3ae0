"""Runs of one layer that hand their state on, as one trajectory.

Chunks, single steps and texts that are read one after the other: a run whose initial state is the
final state of an earlier one, row by row and value by value, goes on where that one stopped. A row
that starts from zeros instead, as behind a mask of finished episodes, is a trajectory of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from captum_rnn.states.hooks import LayerCall, LayerData
from captum_rnn.states.layers import form_of
from captum_rnn.states.places import Steps, steps_of
from captum_rnn.states.recording import ReadGradient, data_of, with_data


@dataclass(frozen=True)
class Joined:
    """One trajectory of a layer.

    Attributes:
        call: What the layer would have been given and answered in one run.
        gradient: What is read of it, if that is known.
        steps: The steps of that run.
        numbers: Which step of the separate calls, counted through all of them, each of these steps
            was (rows, time); -1: none.
        cut: Which rows (rows,) were given up for another trajectory; None: none.
    """

    call: LayerCall
    gradient: ReadGradient | None
    steps: Steps
    numbers: Tensor
    cut: Tensor | None = None


def join(
    layers: Sequence[nn.Module],
    calls: Sequence[LayerCall],
    gradients: Sequence[ReadGradient | None],
    steps: Sequence[Steps],
) -> list[Joined]:
    """Joins the calls that hand their state on.

    Args:
        layers: The layer of each call.
        calls: The calls, in their order.
        gradients: What is read of each of them, if that is known.
        steps: The steps of each of them.

    Raises:
        ValueError: Two calls go on from one state, or a layer of two directions hands its state on,
            so that the runs are not one.
    """
    counts = [of_call.rows * of_call.time for of_call in steps]
    firsts = [sum(counts[:number]) for number in range(len(calls))]
    links = [_links(number, layers, calls) for number in range(len(calls))]
    groups = _groups(links)
    joined = []
    for group in groups:
        if len(group) == 1:
            (number,) = group
            grid = torch.arange(counts[number], device=steps[number].numbers.device)
            grid = grid.view(steps[number].rows, -1) + firsts[number]
            joined.append(Joined(calls[number], gradients[number], steps[number], grid))
            continue
        if form_of(layers[group[0]]).directions == 2:
            raise ValueError(
                f"{type(layers[group[0]]).__name__} reads in both directions and goes on from the "
                "state of an earlier run, which is no single run over all tokens; run it once, or "
                "use a layer that reads forward only"
            )
        joined.append(_Joining(layers[group[0]], calls, gradients, steps, firsts, links).of(group))
    return joined


def _links(
    number: int, layers: Sequence[nn.Module], calls: Sequence[LayerCall]
) -> list[tuple[int, int] | None]:
    """For each row of a call, the earlier call and its row whose final state it goes on from."""
    call = calls[number]
    if call.initial is None:
        return []
    initial = _states(call.initial)
    links: list[tuple[int, int] | None] = [None] * len(initial)
    open_rows = (initial != 0).any(1)
    for earlier in reversed(range(number)):
        if not open_rows.any():
            break
        final = _states(calls[earlier].final)
        if layers[earlier] is not layers[number] or final.shape[1] != initial.shape[1]:
            continue
        if final.shape == initial.shape:
            same = open_rows & (final == initial).all(1)
            for row in same.nonzero().flatten().tolist():
                links[row] = (earlier, row)
            open_rows = open_rows & ~same
        for row in open_rows.nonzero().flatten().tolist():
            found = (final == initial[row]).all(1).nonzero().flatten()
            if len(found):
                links[row] = (earlier, int(found[0]))
                open_rows[row] = False
    return links


def _states(parts: tuple[Tensor, ...]) -> Tensor:
    """All states of each row (rows, width)."""
    batched = [part if part.dim() == 3 else part.unsqueeze(1) for part in parts]
    return torch.cat([part.transpose(0, 1).flatten(1) for part in batched], 1)


def _groups(links: list[list[tuple[int, int] | None]]) -> list[list[int]]:
    """The calls that are linked, together, each group in the order of the calls."""
    group_of = list(range(len(links)))
    for number, of_call in enumerate(links):
        for earlier in {link[0] for link in of_call if link is not None}:
            old, new = group_of[number], group_of[earlier]
            group_of = [new if group == old else group for group in group_of]
    return [
        [number for number, own in enumerate(group_of) if own == group]
        for group in dict.fromkeys(group_of)
    ]


@dataclass(frozen=True)
class _Joining:
    layer: nn.Module
    calls: Sequence[LayerCall]
    gradients: Sequence[ReadGradient | None]
    steps: Sequence[Steps]
    firsts: list[int]
    links: list[list[tuple[int, int] | None]]

    def of(self, group: list[int]) -> Joined:
        """The trajectory of the calls of a group."""
        chains = self._chains(group)
        numbers = self._numbers(chains)
        ends = (numbers >= 0).sum(1)
        lay_out = _Layout(self.layer, numbers, ends, self.firsts[group[0]])
        last = [chain[-1] for chain in chains]
        call = replace(
            self.calls[group[0]],
            input=lay_out(self._flat(group, [self.calls[n].input for n in group])),
            output=lay_out(self._flat(group, [self.calls[n].output for n in group])),
            initial=self._initial([chain[0] for chain in chains]),
            final=self._rows(last, [self.calls[n].final for n, _ in last]),
            rounding=max(self.calls[n].rounding for n in group),
        )
        steps = steps_of(call.input, batch_first=form_of(self.layer).batch_first)
        is_last = {row: number for number, row in sorted(last)}
        cut = torch.tensor([is_last[row] != number for number, row in last], device=ends.device)
        gradient = None
        if self.gradients[group[0]] is not None:
            gradient = self._gradient(group, chains, lay_out)
        return Joined(call, gradient, steps, numbers, cut if bool(cut.any()) else None)

    def _chains(self, group: list[int]) -> list[list[tuple[int, int]]]:
        """Calls and their rows that follow each other."""
        chains: list[list[tuple[int, int]]] = []
        ended: dict[tuple[int, int], int] = {}
        for number in group:
            for row in range(self.steps[number].rows):
                link = self.links[number][row] if self.links[number] else None
                if link is None:
                    chains.append([])
                    chain = len(chains) - 1
                elif link in ended:
                    chain = ended.pop(link)
                else:
                    raise ValueError(
                        f"two runs of {type(self.layer).__name__} go on from one state, so that "
                        "they are no single run; explain one of them at a time"
                    )
                chains[chain].append((number, row))
                ended[number, row] = chain
        return chains

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
        """States (levels, rows, width) of rows of calls."""
        each = [
            tuple(part[:, row] if part.dim() == 3 else part for part in of_call)
            for (_, row), of_call in zip(places, parts, strict=True)
        ]
        return tuple(torch.stack(part, 1) for part in zip(*each, strict=True))

    def _initial(self, places: list[tuple[int, int]]) -> tuple[Tensor, ...]:
        parts = []
        for number, _ in places:
            call = self.calls[number]
            zeros = tuple(torch.zeros_like(state) for state in call.final)
            parts.append(zeros if call.initial is None else call.initial)
        return self._rows(places, parts)

    def _gradient(
        self, group: list[int], chains: list[list[tuple[int, int]]], lay_out: "_Layout"
    ) -> ReadGradient:
        """What is read of the trajectory: the final states in its midst are outputs too."""
        outputs, finals = [], {}
        for number in group:
            gradient, call = self.gradients[number], self.calls[number]
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
        return ReadGradient(lay_out(flat), self._rows(last, [finals[number] for number, _ in last]))


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
