"""The LSTM cell, with or without a projection of its state.

i, f, o = σ(·), g = tanh(·), c_t = f ∘ c_{t−1} + i ∘ g, h_t = o ∘ tanh(c_t); with a projection
h_t = W_hr (o ∘ tanh(c_t)).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from captum_rnn.functional.cells.cell import Cell, with_initial
from captum_rnn.functional.cells.nonlinearities import GATED, SIGMOID, TANH, Point
from captum_rnn.functional.cells.rules import TANGENT, Applied, Rule
from captum_rnn.functional.cells.scan import Slopes, blocks


class LstmSteps(NamedTuple):
    """What happened inside each step (time, batch, hidden)."""

    input: Point
    forget: Point
    candidate: Point
    output: Point | None
    """None where a rule with constant gates can do without, as the state tells o ∘ tanh(c)."""
    cells: Tensor
    """(time + 1, batch, hidden), the initial ones first."""
    states: Tensor
    """(time + 1, batch, state)."""
    before: Tensor
    """The cell states before each step (time, batch, hidden); usually those of `cells`."""

    def during(self, part: slice) -> "LstmSteps":
        """The same of some steps."""
        input_gate, forget, candidate = (gate.during(part) for gate in self[:3])
        output = None if self.output is None else self.output.during(part)
        ends = slice(part.start, part.stop + 1)
        cells, states, before = self.cells[ends], self.states[ends], self.before[part]
        return LstmSteps(input_gate, forget, candidate, output, cells, states, before)

    @property
    def output_gate(self) -> Point:
        """o, of a rule that looks at it."""
        assert self.output is not None
        return self.output

    @property
    def squashed(self) -> Point:
        """c_t and tanh(c_t)."""
        cells = self.cells[1:]
        return Point(cells, cells.tanh())

    @property
    def signal(self) -> Point:
        """c_t and o ∘ tanh(c_t)."""
        if self.output is None:
            return Point(self.cells[1:], self.states[1:])
        return Point(self.cells[1:], self.cells[1:].tanh().mul_(self.output.value))


class LstmCell(Cell[LstmSteps]):
    """Steps of an `nn.LSTM`; see `Cell`."""

    def steps(
        self, inputs: Tensor, states: Tensor, initial_cell: Tensor | None, rule: Rule = TANGENT
    ) -> LstmSteps:
        """Gates by one matrix product, cell states by an elementwise scan."""
        with_output = rule.gates_take or self.weights.projection is not None
        number = 4 if with_output else 3
        weights = self.weights.part(0, number, of=4)
        (time, batch), hidden = inputs.shape[:2], len(weights.hidden) // number
        # Gate by gate, so that what is read of one gate lies side by side.
        values = inputs.new_empty(number, time, batch, hidden)
        sums = torch.empty_like(values) if rule.needs_sums else values
        cells = inputs.new_empty(time + 1, batch, hidden)
        cells[0] = 0 if initial_cell is None else initial_cell
        after, forgets = cells.unbind(), values[_FORGET].unbind()
        for part in blocks(time, batch):
            found = weights.sums(inputs[part], states[:-1][part]).chunk(number, 2)
            for gate, of_gate in enumerate(found):
                activate = torch.tanh if gate == _CANDIDATE else torch.sigmoid
                activate(of_gate, out=values[gate, part])
                if rule.needs_sums and (rule.gates_take or gate == _CANDIDATE):
                    sums[gate, part] = of_gate
            torch.mul(values[_INPUT, part], values[_CANDIDATE, part], out=cells[1:][part])
            for step in range(part.start, part.stop):
                after[step + 1].addcmul_(forgets[step], after[step])
        input_gate, forget, candidate, *output = map(Point, sums, values)
        return LstmSteps(
            input_gate, forget, candidate, output[0] if output else None, cells, states, cells[:-1]
        )

    def steps_apart(self, inputs: Tensor, states: Tensor, cells: Tensor | None) -> LstmSteps:
        """One step from each recorded state and cell state."""
        assert cells is not None
        sums = self.weights.preactivations(inputs, states[:-1])
        input_gate, forget, candidate, output = _activate(sums, 4)
        made = torch.empty_like(cells)
        torch.mul(input_gate.value, candidate.value, out=made[1:])
        made[1:].addcmul_(forget.value, cells[:-1])
        return LstmSteps(input_gate, forget, candidate, output, made, states, cells[:-1])

    def slopes(self, steps: LstmSteps, base: LstmSteps | None, part: slice, rule: Rule) -> Slopes:
        """Of c_t with respect to the sums of i, f and g, of h_t with respect to that of o."""
        inside = Applied(rule, steps.during(part), None if base is None else base.during(part))
        count = len(_Slots._fields) if rule.gates_take else 1
        before = inside.at.before
        slots = before.new_empty(*before.shape[:2], count, before.shape[2])
        to_candidate = slots[:, :, 0]
        if rule.gates_take:
            to = _Slots(*slots.unbind(2))
            to_candidate = to.candidate
            new, old = inside.factor(lambda at: at.candidate.value), inside.factor(_previous)
            inside.slope_times(new, SIGMOID, lambda at: at.input, to.input)
            inside.slope_times(old, SIGMOID, lambda at: at.forget, to.forget)
            opened = self._through_output_gate(inside, to.output)
        else:
            opened = inside.slope(GATED, lambda at: at.signal)
        let_in = inside.factor(lambda at: at.input.value)
        inside.slope_times(let_in, TANH, lambda at: at.candidate, to_candidate)
        kept, share = inside.factor(lambda at: at.forget.value), rule.passed_on(before)
        if share is not None and part.start == 0:
            share[0] = 1  # what was given is no sum
        every, is_projected = slice(count), self.weights.projection is not None
        return Slopes(
            slots,
            hidden=every,
            inputs=every,
            output=rule.gates_take,
            kept=kept if share is None else kept * share,
            opened=opened,
            projected=rule.passed_on(inside.at.states[1:]) if is_projected else None,
        )

    @staticmethod
    def _through_output_gate(inside: Applied[LstmSteps], to_output: Tensor) -> Tensor:
        """Of h = o ∘ tanh(c): fills the output gate's slot; returns the slope with respect to c."""
        squashed = inside.to(lambda at: at.squashed)
        shown, let_out = squashed.factor(lambda at: at.value), inside.factor(_let_out)
        inside.slope_times(shown, SIGMOID, lambda at: at.output_gate, to_output)
        opened = torch.empty_like(squashed.at.value)
        return squashed.slope_times(let_out, TANH, lambda at: at, opened)

    def slot_weights(self, rule: Rule) -> tuple[Tensor, Tensor]:
        """All gates' weights in torch's order, or the candidate's alone."""
        weights = self.weights if rule.gates_take else self.weights.part(2, 3, of=4)
        return weights.input, weights.hidden

    def made(self, steps: LstmSteps) -> Tensor | None:
        """What the output gate lets through, where there is one."""
        return None if steps.output is None else self._project(steps.signal.value)

    def after(
        self, inputs: Tensor, previous: Tensor, previous_cells: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """One step from each previous state."""
        return self._after(self.weights.preactivations(inputs, previous), previous_cells)

    def walk(self, inputs: Tensor, state: Tensor, cell: Tensor | None) -> Tensor:
        """By torch's own kernel."""
        weights, biased = self.weights.flat()
        assert cell is not None
        start = (state.unsqueeze(0).contiguous(), cell.unsqueeze(0).contiguous())
        outputs = torch.lstm(inputs, start, weights, biased, 1, 0.0, False, False, False)[0]
        return torch.cat([start[0], outputs])

    def instead(
        self, reference: Tensor, inputs: Tensor, states: Tensor, initial_cell: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """The steps taken and those of the reference share the previous states' part."""
        weights, cell = self.weights, initial_cell
        of_cell = weights.part(0, 3, of=4)  # without the output gate, which no cell state needs
        of_reference = weights.of_inputs(reference) if len(reference) == 1 else None
        made = []
        for part in blocks(*inputs.shape[:2]):
            of_states = states[:-1][part] @ weights.hidden.t()
            taken = of_cell.add_inputs(of_states[..., : len(of_cell.hidden)], inputs[part])
            input_gate, forget, candidate = (gate.value for gate in _activate(taken, 3))
            cells = _scan(input_gate, forget, candidate, cell)
            instead = weights.of_inputs(reference[part]) if of_reference is None else of_reference
            made.append(self._after(of_states.add_(instead), cells[:-1]))
            cell = cells[-1]
        made_states, made_cells = zip(*made, strict=True)
        return torch.cat(made_states), torch.cat(made_cells)

    def _read_of_cells(
        self, steps: LstmSteps, read: Tensor, read_cells: Tensor | None, rule: Rule
    ) -> Tensor:
        if read_cells is None:
            return torch.zeros_like(steps.cells)
        share = rule.passed_on(steps.cells[1:])
        return with_initial(read_cells if share is None else read_cells * share)

    def _after(self, sums: Tensor, previous_cells: Tensor | None) -> tuple[Tensor, Tensor]:
        input_gate, forget, candidate, output = (gate.value for gate in _activate(sums, 4))
        cells = input_gate * candidate
        if previous_cells is not None:
            cells.addcmul_(forget, previous_cells)
        return self._project(output * cells.tanh()), cells

    def _project(self, states: Tensor) -> Tensor:
        projection = self.weights.projection
        return states if projection is None else F.linear(states, projection)


class _Slots(NamedTuple):
    """The slots in torch's order of the gates."""

    input: Tensor
    forget: Tensor
    candidate: Tensor
    output: Tensor


_INPUT, _FORGET, _CANDIDATE, _OUTPUT = range(4)  # in torch's order


def _previous(steps: LstmSteps) -> Tensor:
    return steps.before


def _let_out(steps: LstmSteps) -> Tensor:
    return steps.output_gate.value


def _activate(sums: Tensor, number: int, *, keep_sums: bool = False) -> list[Point]:
    """i, f, g and, of four gates, o from their sums (..., gates · hidden).

    A sigmoid overwrites its sums unless they are to be kept; a point then holds the gate twice.
    """
    gates = []
    for place, gate in enumerate(sums.chunk(number, dim=-1)):
        if place == _Slots._fields.index("candidate"):
            # A copy, even of a single step, and contiguous, as torch's fast tanh wants it.
            gates.append(Point(gate, gate.clone(memory_format=torch.contiguous_format).tanh_()))
        else:
            gates.append(Point(gate, gate.sigmoid() if keep_sums else gate.sigmoid_()))
    return gates


def _scan(input_gate: Tensor, forget: Tensor, candidate: Tensor, initial: Tensor | None) -> Tensor:
    """The cell states (time + 1, batch, hidden), from the initial one on; None: zeros."""
    time, *shape = input_gate.shape
    cells = input_gate.new_zeros(time + 1, *shape)
    if initial is not None:
        cells[0] = initial
    torch.mul(input_gate, candidate, out=cells[1:])
    after = cells.unbind()
    for step, forget_at in enumerate(forget.unbind()):
        after[step + 1].addcmul_(forget_at, after[step])
    return cells
