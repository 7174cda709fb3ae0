"""A stacked layer as a module of its own."""

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize, prune
from torch.nn.utils.parametrizations import weight_norm

import reference
from captum_rnn.states.recording import record_calls
from captum_rnn.states.recovery import unstack
from captum_rnn.states.weights import cell_of, layer_alone, running_weights


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", reference.KINDS)
def test_layers_run_one_after_the_other_are_the_stack(kind, bias, bidirectional):
    layer = reference.make_layer(kind, num_layers=3, bidirectional=bidirectional, bias=bias)
    inputs = torch.randn(4, 2, 5)
    expected, _ = layer(inputs)
    outputs = inputs
    for layer_index in range(3):
        alone = layer_alone(layer, running_weights(layer), layer_index)
        assert alone.num_layers == 1
        assert not any(weight.requires_grad for weight in alone.parameters())
        outputs, _ = alone(outputs)
    torch.testing.assert_close(outputs, expected.detach(), rtol=0, atol=1e-6)


def test_weights_under_a_parametrization():
    layer = weight_norm(reference.make_layer("gru"), "weight_hh_l0")
    inputs = torch.randn(4, 2, 5)
    outputs, _ = layer_alone(layer, running_weights(layer), 0)(inputs)
    torch.testing.assert_close(outputs, layer(inputs)[0].detach())


def test_half_precision_cells_compute_in_single_precision():
    layer = reference.make_layer("lstm_projected").bfloat16()
    weights = cell_of(layer, running_weights(layer), 0, 0).weights
    assert {w.dtype for w in (weights.input, weights.hidden_bias, weights.projection)} == {
        torch.float32
    }
    torch.testing.assert_close(weights.hidden, layer.weight_hh_l0.detach().float())


def other_weights(layer):
    """Runs it with weights of its own for one call."""
    weights = {name: 2 * weight for name, weight in layer.state_dict().items()}
    return lambda inputs: torch.func.functional_call(layer, weights, (inputs,))


def drawn_anew(layer):
    """A parametrization that draws at each access."""

    class Dropped(nn.Module):
        def forward(self, weight):
            return nn.functional.dropout(weight, 0.5)

    parametrize.register_parametrization(layer, "weight_hh_l0", Dropped())
    return layer


def dropped(layer):
    """As fastai's WeightDropout does it: the parameter gives way to a tensor before each call."""
    raw = layer._parameters.pop("weight_hh_l0")

    def forward(inputs):
        layer.weight_hh_l0 = nn.functional.dropout(raw, 0.5)
        answer = layer(inputs)
        layer.weight_hh_l0 = raw.detach()
        return answer

    layer.weight_hh_l0 = raw.detach()
    return forward


def pruned(layer):
    return prune.random_unstructured(layer, "weight_ih_l0", 0.5)


@pytest.mark.parametrize("changed", [other_weights, drawn_anew, dropped, pruned])
def test_the_steps_are_those_of_the_weights_that_ran(changed):
    layer = reference.make_layer("lstm", 5, 6).double()
    inputs = torch.randn(4, 2, 5, dtype=torch.float64)
    forward = changed(layer)
    answers = []
    (call,) = record_calls(layer, lambda: answers.append(forward(inputs)))
    ((passed,),) = unstack(layer, call).layers
    outputs, (_, cells) = answers[0]
    after, _ = passed.cell.after(inputs, passed.states[:-1], passed.steps.cells[:-1])
    torch.testing.assert_close(after, outputs, rtol=0, atol=1e-12)
    torch.testing.assert_close(passed.steps.cells[-1], cells[0], rtol=0, atol=1e-12)
