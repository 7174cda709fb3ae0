"""The model on other states than its layer gave it, against the model on other inputs."""

import threading

import pytest
import torch
from torch import nn

from captum_rnn.functional.baseline import baseline_run
from captum_rnn.functional.cells import SECANT
from captum_rnn.states.head import (
    Way,
    answered,
    head_gradients,
    head_values,
    mean_head_gradients,
    rows_of,
)
from captum_rnn.states.recording import data_of
from captum_rnn.states.recovery import unstack
from readers import Reader, make_case
from recorded import record_read_gradients


class Recorded:
    def __init__(self, case, readout="everything"):
        self.case, self.reader = case, Reader(case.layer, readout)
        self.value, (self.call,), (self.gradient,) = record_read_gradients(case.layer, self.forward)
        self.stack = unstack(case.layer, self.call, self.gradient)

    def forward(self):
        return self.reader(self.case.inputs, *self.case.forward_args)[:, 1]

    def baseline(self, inputs):
        run = baseline_run(self.stack, inputs, SECANT)
        return answered(self.call, run, batch_first=self.case.layer.batch_first)


@pytest.mark.over_every_layer
@pytest.mark.parametrize("constant", [True, False])
def test_a_baseline_run_is_read_like_the_layers_own(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state, constant
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    recorded = Recorded(case)
    base = torch.randn(1 if constant else 4, 1 if constant else 2, 3, dtype=torch.float64)
    rest = recorded.baseline(base)
    assert rows_of(recorded.call) == 2
    assert data_of(rest.output).shape == data_of(recorded.call.output).shape
    case.inputs = base.expand(4, 2, -1).transpose(0, 1)
    expected = recorded.forward()
    found = head_values(case.layer, recorded.forward, [rest])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    own = head_values(case.layer, recorded.forward, [recorded.call])
    torch.testing.assert_close(own, recorded.value, rtol=0, atol=1e-12)
    (gradient,), _ = head_gradients([case.layer], Way(recorded.forward, []), [recorded.call])
    torch.testing.assert_close(data_of(gradient.output), data_of(recorded.gradient.output))
    assert "forward" not in vars(case.layer)


@pytest.mark.over_every_layer
def test_mean_gradients_explain_the_difference_of_a_smooth_head(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    recorded = Recorded(case)
    run = baseline_run(recorded.stack, torch.zeros(1, 1, 3), SECANT)
    rest = answered(recorded.call, run, batch_first=case.layer.batch_first)
    layer, way = case.layer, Way(recorded.forward, [])
    (gradient,), _ = mean_head_gradients([layer], lambda _: way, [recorded.call], [rest], points=12)
    stack = unstack(layer, recorded.call, gradient)
    explained = sum(
        (passed.read * (passed.states - other.states)[1:]).sum((0, 2))
        + (
            0
            if passed.read_cells is None
            else (passed.read_cells * (passed.steps.cells - other.cells)[1:]).sum((0, 2))
        )
        for passes, others in zip(stack.layers, run.layers, strict=True)
        for passed, other in zip(passes, others, strict=True)
    )
    expected = recorded.value - head_values(layer, recorded.forward, [rest])
    torch.testing.assert_close(explained, expected, rtol=0, atol=1e-11)


def test_another_number_of_runs_on_other_states():
    layer = nn.GRU(3, 4, batch_first=True)

    def forward():
        outputs, final = layer(torch.ones(2, 5, 3))
        if outputs.sum() == 0:
            return layer(outputs, final)[0][:, -1, 0]
        return outputs[:, -1, 0]

    _, (call,), _ = record_read_gradients(layer, forward)
    stack = unstack(layer, call)
    rest = answered(call, baseline_run(stack, torch.zeros(1, 1, 3), SECANT), batch_first=True)
    zeros = rest.output.mul(0)
    with pytest.raises(ValueError, match="another number of times"):
        head_values(layer, forward, [type(rest)(**{**vars(rest), "output": zeros})])
    with pytest.raises(ValueError, match="another number of times"):
        head_values(layer, forward, [call, call])
    assert "forward" not in vars(layer)


def test_other_threads_run_the_layer_itself():
    layer, inputs = nn.GRU(3, 4, batch_first=True), torch.randn(2, 5, 3)
    expected = layer(inputs)[0].detach()
    seen = []

    def forward():
        thread = threading.Thread(target=lambda: seen.append(layer(inputs)[0].detach()))
        thread.start()
        thread.join()
        return layer(inputs)[0].sum((1, 2))

    _, (call,), _ = record_read_gradients(layer, forward)
    head_values(layer, forward, [call])
    assert len(seen) == 2
    assert all(torch.equal(outputs, expected) for outputs in seen)
