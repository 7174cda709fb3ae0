"""Scans through stacks of layers and directions, on plain data."""

import pytest
import torch
from torch import nn

from captum_rnn.functional.baseline import baseline_run
from captum_rnn.functional.cells import SECANT, TANGENT, Chord
from captum_rnn.functional.proof import StepsDifferError
from captum_rnn.functional.propagation import deep_lift, of_inputs, walk_back
from captum_rnn.states.recording import record_calls
from captum_rnn.states.recovery import unstack
from readers import Reader, make_case
from recorded import record_read_gradients


def recover(reader, case, inputs):
    def forward():
        return reader(inputs, *case.forward_args)[:, 1]

    value, (call,), (gradient,) = record_read_gradients(case.layer, forward)
    return value, unstack(case.layer, call, gradient)


@pytest.mark.over_every_layer
def test_multipliers_of_the_inputs(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    """Tangents are autograd's gradient; secants sum to the difference of two outputs."""
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    reader, inputs = Reader(case.layer, "mean"), case.inputs.requires_grad_()
    value, stack = recover(reader, case, case.inputs.detach())
    output = reader(inputs, *case.forward_args)[:, 1]
    (gradient,) = torch.autograd.grad(output.sum(), inputs)
    with torch.no_grad():
        found = of_inputs(stack, walk_back(stack, TANGENT)[0]).transpose(0, 1)
        torch.testing.assert_close(found, gradient, rtol=0, atol=1e-10)
        other = torch.randn_like(inputs)
        other_value, base = recover(reader, case, other)
        steps = [[passed.steps_for(SECANT) for passed in passes] for passes in base.layers]
        found = of_inputs(stack, walk_back(stack, SECANT, steps)[0]).transpose(0, 1)
        sums = (found * (inputs - other)).sum((1, 2))
        torch.testing.assert_close(sums, value - other_value, rtol=0, atol=1e-11)


@pytest.mark.over_every_layer
@pytest.mark.parametrize("baseline", ["constant", "by time", "by row"])
def test_deep_lift_sums_to_the_difference_from_a_baseline_run(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state, baseline
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    reader = Reader(case.layer, "mean")
    shape = {"constant": (1, 1, -1), "by time": (4, 1, -1), "by row": (4, 2, -1)}[baseline]
    base = torch.randn_like(case.inputs).transpose(0, 1)[: shape[0], : shape[1]]
    other = base.expand(4, 2, -1).transpose(0, 1)
    with torch.no_grad():
        value, stack = recover(reader, case, case.inputs)
        run = baseline_run(stack, base, SECANT)
        assert run.inputs.shape[1] == (1 if runs_once(stack, baseline) else 2)
        found = deep_lift(stack, run)
        other_value, _ = recover(reader, case, other)
    torch.testing.assert_close(found.sum((0, 2)), value - other_value, rtol=0, atol=1e-11)


def runs_once(stack, baseline):
    """Whether all rows have the same baseline run but for its end."""
    if baseline == "by row" or any(passes[0].states[0].any() for passes in stack.layers):
        return False
    if stack.ends is None or len(stack.layers[0]) == 1:
        return True
    return baseline == "constant" and len(stack.layers) == 1


@pytest.mark.parametrize("base", [nn.RNN, nn.LSTM, nn.GRU])
def test_weights_that_change_before_a_rule_recomputes_the_steps(base):
    layer, inputs = base(3, 4).double(), torch.randn(7, 2, 3, dtype=torch.float64)
    (call,) = record_calls(layer, lambda: layer(inputs))
    layer.weight_hh_l0.data.mul_(1.01)
    ((passed,),) = unstack(layer, call).layers
    with pytest.raises(StepsDifferError, match="until attribute is done"):
        passed.steps_for(Chord(0.001))
