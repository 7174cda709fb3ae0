"""Recomputed states against recorded ones."""

from dataclasses import replace

import pytest
import torch
from torch import nn

import reference
from captum_rnn.functional.cells import Chord
from captum_rnn.functional.proof import Proof, StepsDifferError
from captum_rnn.states.recording import record_calls
from captum_rnn.states.stacked_layers import unstack_gates
from captum_rnn.states.weights import running_rounding

EPSILON = {dtype: torch.finfo(dtype).eps for dtype in (torch.float64, torch.float32)}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("size", [1.0, 1e-3, 1e5])
def test_the_first_step_that_differs_is_named(dtype, size):
    states = size * torch.randn(6, 3, 4, dtype=dtype)
    proof = Proof("layer 0", EPSILON[dtype], remedy="; mend it")
    made = states[1:].clone()
    proof.check(made, states)
    made[4, 1], made[2, 2] = 0, 1.01 * made[2, 2]
    with pytest.raises(StepsDifferError, match=r"step 2 of row 2 in layer 0 .*mend it"):
        proof.check(made, states)


def test_a_backward_direction_counts_in_the_order_of_the_text():
    states = torch.randn(6, 2, 4, dtype=torch.float64)
    made = states[1:].clone()
    made[1, 1] += 1
    proof = Proof("layer 0", EPSILON[torch.float64], torch.tensor([5, 3]), backward=True)
    with pytest.raises(StepsDifferError, match="step 1 of row 1 "):  # its reading began at token 2
        proof.check(made, states)


def test_what_lies_beyond_the_end_of_a_row_and_nan_do_not_count():
    states = torch.randn(6, 3, 4, dtype=torch.float64)
    made = states[1:].clone()
    made[3:, 0] += 1
    made[2, 1] = torch.nan
    proof = Proof("layer 0", EPSILON[torch.float64], torch.tensor([3, 5, 5]))
    proof.check(made, states)
    proof.check_end(made[2], states[3])
    with pytest.raises(StepsDifferError, match=r"last state of row 2 .* differs by 0\.5 "):
        proof.check_end(made[2], states[3] * torch.tensor([[1.0], [1.0], [3.0]]))


def test_a_faint_state_is_as_far_off_as_larger_ones_of_its_row_are_rounded():
    states = torch.ones(6, 2, 4)
    states[2:4] = 1e-3
    made = states[1:].clone()
    rounding = torch.finfo(torch.bfloat16).eps
    made[2, 0] += rounding / 2
    Proof("layer 0", rounding).check(made, states)
    for row, off in ((0, 2 * rounding), (1, 3 * rounding)):
        made[2, row] += off
        with pytest.raises(StepsDifferError, match=f"step 2 of row {row}"):
            Proof("layer 0", rounding).check(made, states)
        made[2, row] -= off
    end = torch.full((2, 4), 1e-3)
    Proof("layer 0", rounding).check_end(end, end + rounding / 4)
    with pytest.raises(StepsDifferError, match="last state of row 1"):
        Proof("layer 0", rounding).check_end(end, end + torch.tensor([[0.0], [rounding]]))


@pytest.mark.parametrize("kind", ["rnn_tanh", "rnn_relu", "lstm", "lstm_projected", "gru"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_rounding_is_far_below_the_tolerance(kind, dtype):
    layer = reference.make_layer(kind, 32, 64, batch_first=True).to(dtype)
    inputs = torch.randn(4, 100, 32).to(dtype)
    (call,) = record_calls(layer, lambda: layer(inputs))
    assert call.rounding == running_rounding(call.final[0]) == torch.finfo(dtype).eps
    ((passed,),) = unstack_gates(layer, call).layers
    cells = passed.steps.cells[:-1] if passed.initial_cell is not None else None
    after, _ = passed.cell.after(passed.inputs, passed.states[:-1], cells)
    apart = (after - passed.states[1:]).norm(dim=-1)
    share = apart / (passed.states[1:].norm(dim=-1) + passed.states[:-1].norm(dim=-1))
    assert share.max() < passed.proof.tolerance / 5


def test_autocast_is_noticed():
    assert running_rounding(torch.zeros(1)) == EPSILON[torch.float32]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert running_rounding(torch.zeros(1)) == torch.finfo(torch.bfloat16).eps


class Forgetting(nn.Module):
    """Mixed into a layer: before one step, its state is scaled."""

    step, factor = 3, 0.99

    def forward(self, tokens, hx=None):
        outputs = []
        for step, token in enumerate(tokens.split(1, 1)):
            if step == self.step:
                scaled = [self.factor * s for s in (hx if isinstance(hx, tuple) else (hx,))]
                hx = tuple(scaled) if isinstance(hx, tuple) else scaled[0]
            output, hx = super().forward(token, hx)
            outputs.append(output)
        return torch.cat(outputs, 1), hx


@pytest.mark.parametrize("base", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("step", [1, 6])
@pytest.mark.parametrize("factor", [0, 0.99])
def test_a_difference_at_any_step_is_found(base, step, factor):
    kind = type("Changed", (Forgetting, base), {"step": step, "factor": factor})
    layer = kind(3, 4, num_layers=1, batch_first=True).double()
    inputs = torch.randn(2, 7, 3, dtype=torch.float64)
    (call,) = record_calls(layer, lambda: layer(inputs))
    with pytest.raises(StepsDifferError, match=f"step {step} of row 0 in .* layer 0 "):
        unstack_gates(layer, call)


def test_cell_states_that_are_recorded_otherwise():
    layer, inputs = nn.LSTM(3, 4), torch.randn(2, 7, 3)
    (call,) = record_calls(layer, lambda: layer(inputs))
    hidden, cells = call.final
    stack = unstack_gates(layer, replace(call, final=(hidden, 1.1 * cells)))
    with pytest.raises(StepsDifferError, match=r"last state of row 0 in .* layer 0 "):
        stack.layers[0][0].steps_for(Chord(0.001))  # which recomputes the cell states alone


def test_cell_states_that_a_subclass_returns_otherwise_are_those_of_its_kernel():
    class Returning(nn.LSTM):
        def forward(self, tokens, hx=None):
            outputs, (hidden, cells) = super().forward(tokens, hx)
            return outputs, (hidden, 1.1 * cells)

    layer, inputs = Returning(3, 4), torch.randn(2, 7, 3)
    (call,) = record_calls(layer, lambda: layer(inputs))
    _, (_, cells) = nn.LSTM.forward(layer, inputs)
    torch.testing.assert_close(call.final[1], cells)
    stack = unstack_gates(layer, call)
    torch.testing.assert_close(stack.layers[0][0].steps.cells[-1], cells[0])


@pytest.mark.parametrize("base", [nn.LSTM, nn.GRU])
def test_weights_that_change_before_the_steps_are_recomputed(base):
    layer, inputs = base(3, 4).double(), torch.randn(2, 7, 3, dtype=torch.float64)
    (call,) = record_calls(layer, lambda: layer(inputs))
    layer.weight_hh_l0.data.mul_(1.01)
    with pytest.raises(StepsDifferError, match=r"step 1 .* until attribute is done"):
        _ = unstack_gates(layer, call).layers[0][0].steps
