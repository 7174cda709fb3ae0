"""A level as a layer of its own."""

import pytest
import torch
from torch.nn.utils.parametrizations import weight_norm

import reference
from captum_rnn.states.weights import cell_of, level_alone, weights_dtype


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("kind", reference.KINDS)
def test_levels_run_one_after_the_other_are_the_stack(kind, bias, bidirectional):
    layer = reference.make_layer(kind, num_layers=3, bidirectional=bidirectional, bias=bias)
    inputs = torch.randn(4, 2, 5)
    expected, _ = layer(inputs)
    outputs = inputs
    for level in range(3):
        alone = level_alone(layer, level)
        assert alone.num_layers == 1
        assert not any(weight.requires_grad for weight in alone.parameters())
        outputs, _ = alone(outputs)
    torch.testing.assert_close(outputs, expected.detach(), rtol=0, atol=1e-6)


def test_weights_under_a_parametrization():
    layer = weight_norm(reference.make_layer("gru"), "weight_hh_l0")
    inputs = torch.randn(4, 2, 5)
    outputs, _ = level_alone(layer, 0)(inputs)
    torch.testing.assert_close(outputs, layer(inputs)[0].detach())


def test_half_precision_cells_compute_in_single_precision():
    layer = reference.make_layer("lstm_projected").bfloat16()
    assert weights_dtype(layer) == torch.bfloat16
    weights = cell_of(layer, 0, 0).weights
    assert {w.dtype for w in (weights.input, weights.hidden_bias, weights.projection)} == {
        torch.float32
    }
    torch.testing.assert_close(weights.hidden, layer.weight_hh_l0.detach().float())
