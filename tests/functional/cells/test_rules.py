"""What rules declare, and what every one of them makes of a cell."""

import pytest
import torch
from torch import nn

from captum_rnn.functional.cells import SECANT, TANGENT, Chord, Rule
from captum_rnn.functional.cells.gru import GruCell
from captum_rnn.functional.cells.lstm import LstmCell
from captum_rnn.functional.cells.plain import PlainCell
from captum_rnn.functional.cells.weights import CellWeights
from reference import KINDS, make_layer
from unrolled import make_step

TIME, BATCH, FEATURES, HIDDEN = 6, 3, 4, 5


def cell_of(layer):
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    weights = CellWeights(*(getattr(layer, f"{name}_l0", None) for name in names))
    if isinstance(layer, nn.RNN):
        return PlainCell(weights, layer.nonlinearity)
    return LstmCell(weights) if isinstance(layer, nn.LSTM) else GruCell(weights)


def walked(layer, inputs, initial):
    """States (time + 1, batch, state) and cell states, step by step by torch's own cells."""
    step = make_step(layer, 0, 0)
    states, cells = [initial[0]], [initial[1]]
    for token in inputs:
        state, cell = step(token, states[-1], cells[-1])
        states.append(state)
        cells.append(cell)
    return torch.stack(states), torch.stack(cells)


class Case:
    """A cell of float64 that read a text and a baseline from the same initial state."""

    def __init__(self, kind, baseline_batch=BATCH):
        self.layer = make_layer(kind, FEATURES, HIDDEN).double().requires_grad_(False)
        for weight in self.layer.parameters():
            weight.mul_(2)  # so that gates and candidates leave the middle
        self.cell, self.is_lstm = cell_of(self.layer), isinstance(self.layer, nn.LSTM)
        width = self.layer.proj_size if self.is_lstm and self.layer.proj_size else HIDDEN
        self.initial = torch.zeros(BATCH, width).double(), torch.zeros(BATCH, HIDDEN).double()
        self.inputs = torch.randn(TIME, BATCH, FEATURES).double()
        self.base = torch.randn(TIME, baseline_batch, FEATURES).double()
        self.read = torch.randn(TIME, BATCH, width).double()
        self.read_cells = torch.randn(TIME, BATCH, HIDDEN).double() if self.is_lstm else None

    def steps(self, inputs, rule):
        rows = inputs.shape[1]
        initial = tuple(start[:rows] for start in self.initial)
        states, _ = walked(self.layer, inputs, initial)
        return self.cell.steps(inputs, states, initial[1] if self.is_lstm else None, rule)

    def value(self, inputs):
        """What is read of a run (batch,)."""
        initial = tuple(start[: inputs.shape[1]] for start in self.initial)
        states, cells = walked(self.layer, inputs, initial)
        value = (self.read * states[1:]).sum((0, 2))
        if self.read_cells is not None:
            value += (self.read_cells * cells[1:]).sum((0, 2))
        return value

    def difference(self, base):
        return self.value(self.inputs) - self.value(base)

    def multipliers(self, rule, base=None):
        return self.cell.multipliers(
            self.steps(self.inputs, rule),
            self.read,
            self.read_cells,
            rule=rule,
            base=None if base is None else self.steps(base, rule),
        )


@pytest.mark.parametrize("baseline_batch", [1, BATCH])
@pytest.mark.parametrize("kind", KINDS)
def test_secants_sum_to_the_difference_from_the_baseline(kind, baseline_batch):
    case = Case(kind, baseline_batch)
    found = case.multipliers(SECANT, case.base)
    sums = (found.inputs * (case.inputs - case.base)).sum((0, 2))
    torch.testing.assert_close(sums, case.difference(case.base), rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_secants_of_initial_states_take_their_part_of_the_difference(kind):
    case = Case(kind)
    steps = case.steps(case.inputs, SECANT)
    value = case.value(case.inputs)
    case.initial = tuple(torch.randn_like(state) for state in case.initial)
    changed, changed_value = case.steps(case.inputs, SECANT), case.value(case.inputs)
    found = case.cell.multipliers(changed, case.read, case.read_cells, rule=SECANT, base=steps)
    sums = (found.states[0] * case.initial[0]).sum(1)
    if case.is_lstm:
        sums += (found.cells[0] * case.initial[1]).sum(1)
    torch.testing.assert_close(sums, changed_value - value, rtol=0, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_secants_to_the_text_itself_are_tangents(kind):
    case = Case(kind)
    near, tangent = case.multipliers(SECANT, case.inputs), case.multipliers(TANGENT)
    torch.testing.assert_close(near.inputs, tangent.inputs, rtol=0, atol=1e-12)
    torch.testing.assert_close(near.states, tangent.states, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_chords_of_a_cell_without_biases_sum_to_what_is_read(kind):
    case = Case(kind)
    for name, weight in case.layer.named_parameters():
        if "bias" in name:
            weight.zero_()
    found = case.multipliers(Chord(1e-13))
    sums = (found.inputs * case.inputs).sum((0, 2))
    torch.testing.assert_close(sums, case.value(case.inputs), rtol=0, atol=1e-8)


class TangentAtTheBaseline(Rule):
    """A rule that a reader might put in."""

    def slope(self, function, at, base):
        return function.derivative(base).expand_as(at.value)

    def factor(self, at, base):
        return base.expand_as(at)


@pytest.mark.parametrize("kind", KINDS)
def test_a_rule_of_ones_own(kind):
    case = Case(kind)
    found = case.multipliers(TangentAtTheBaseline(), case.base).inputs
    case.inputs = case.base
    expected = case.multipliers(TANGENT).inputs
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


class ConstantGates(Rule):
    """Secants with the gates of the text."""

    gates_take, needs_sums = False, True

    def slope(self, function, at, base):
        return function.secant(at, base)

    def factor(self, at, base):
        return at


@pytest.mark.parametrize("kind", KINDS)
def test_constant_gates_with_secants(kind):
    """Where the baseline has the same gates, as without weights behind them, the sum is exact."""
    case = Case(kind)
    gates = {"LSTM": (0, 1, 3), "GRU": (0, 1)}.get(case.layer.mode, ())
    for gate in gates:
        rows = slice(gate * HIDDEN, (gate + 1) * HIDDEN)
        case.layer.weight_ih_l0[rows] = 0
        case.layer.weight_hh_l0[rows] = 0
    found = case.multipliers(ConstantGates(), case.base)
    sums = (found.inputs * (case.inputs - case.base)).sum((0, 2))
    torch.testing.assert_close(sums, case.difference(case.base), rtol=0, atol=1e-11)
