"""The class that is explained, and what the scores sum to, over all classes."""

import pytest
import torch
from torch import nn

from attribution_methods import FEATURES, RECURRENT
from models import hooks

SUMMING = [name for name, method in RECURRENT.items() if method.has_sum]
NOT_LEARNT = [name for name, method in RECURRENT.items() if not method.learns_classes]


@pytest.mark.parametrize("name", SUMMING)
def test_the_convergence_delta(name, model, ids):
    method = RECURRENT[name].make(model, model.layer)
    scores, delta = method.attribute(ids, target=1, return_convergence_delta=True)
    assert torch.equal(scores, method.attribute(ids, target=1))
    assert delta.shape == (3,)
    torch.testing.assert_close(method.compute_convergence_delta(scores, ids, target=1), delta)
    scores[1, 2] += 0.5
    shifted = method.compute_convergence_delta(scores, ids, target=1)
    torch.testing.assert_close(shifted - delta, torch.tensor([0.0, 0.5, 0.0]), rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match=r"shapes \[\(3, 6\)\]; expected .* \[\(3, 7\)\]"):
        method.compute_convergence_delta(scores[:, :6], ids, target=1)


@pytest.mark.parametrize("name", sorted(set(RECURRENT) - set(SUMMING)))
def test_no_convergence_delta_where_the_sum_is_not_known(name, model, ids):
    method = RECURRENT[name].make(model, model.layer)
    match = f"{type(method).__name__} does not know what its scores sum to"
    with pytest.raises(ValueError, match=match):
        method.attribute(ids, target=1, return_convergence_delta=True)
    with pytest.raises(ValueError, match=match):
        method.compute_convergence_delta(torch.zeros(3, 7), ids, target=1)


@pytest.mark.parametrize("name", [n for n in RECURRENT if n not in ("hidden_state", "lower_layer")])
def test_targets_choose_the_class_of_each_row(name, model, ids):
    method = RECURRENT[name].make(model, model.layer)
    zero, one = (method.attribute(ids, target=target) for target in (0, 1))
    assert (zero - one).abs().max() > 1e-4
    mixed = torch.stack([zero[0], one[1], zero[2]])
    for target in ([0, 1, 0], torch.tensor([0, 1, 0])):
        torch.testing.assert_close(method.attribute(ids, target=target), mixed, rtol=0, atol=1e-7)
    for target in (torch.tensor(1), torch.tensor([1])):
        torch.testing.assert_close(method.attribute(ids, target=target), one, rtol=0, atol=1e-7)


@pytest.mark.parametrize("name", ["hidden_state", "lower_layer"])
@pytest.mark.parametrize("target", [0, 1, [0, 1, 0], torch.tensor([1, 0, 1]), torch.tensor(1)])
def test_targets_do_not_matter_to_what_never_looks_at_the_class(name, model, ids, target):
    method = RECURRENT[name].make(model, model.layer)
    assert torch.equal(method.attribute(ids, target=target), method.attribute(ids))


def test_targets_in_further_dimensions(make_reading, model, ids):
    def tagger(tokens):
        return model(tokens).unsqueeze(1) * torch.tensor([[[1.0], [3.0]]])

    expected = make_reading(model, model.layer).attribute(ids, target=1)
    method = make_reading(tagger, model.layer)
    torch.testing.assert_close(method.attribute(ids, target=(1, 1)), 3 * expected)
    each = method.attribute(ids, target=[(1, 1), (0, 1), (1, 1)])
    torch.testing.assert_close(each, torch.stack([3 * expected[0], expected[1], 3 * expected[2]]))


@pytest.mark.parametrize("target", [[0, 1], torch.tensor([1, 0]), torch.ones(3, 2).long()])
def test_captum_refuses_targets_that_do_not_fit(make_any, model, ids, target):
    with pytest.raises(AssertionError):
        make_any(model, model.layer).attribute(ids, target=target)
    assert hooks(model) == 0


@pytest.mark.parametrize("target", [2, -3, [0, 2, 1], torch.tensor([0, 1, 2])])
def test_a_target_out_of_range_names_the_classes(make, model, ids, target):
    with pytest.raises(ValueError, match=r"target .* of shape \(3, 2\); expected .* 0 to 1"):
        make(model, model.layer).attribute(ids, target=target)
    assert hooks(model) == 0


def test_an_output_with_several_classes_needs_a_target(make_reading, model, ids):
    method = make_reading(model, model.layer)
    sentence = r"the model's output has shape \(3, 2\), but one number for each row is explained; "
    with pytest.raises(ValueError, match=sentence + "pass the class as target"):
        method.attribute(ids)
    with pytest.raises(ValueError, match=r"output has shape \(1, 2\)"):
        method.attribute(ids[:1])
    assert hooks(model) == 0


@pytest.mark.parametrize("name", NOT_LEARNT)
@pytest.mark.parametrize("keepdim", [False, True])
def test_an_output_with_one_number_for_each_row_needs_none(name, model, ids, keepdim):
    make = RECURRENT[name].make
    expected = make(model, model.layer).attribute(ids, target=1)
    scores = make(lambda ids: model(ids)[:, 1:] if keepdim else model(ids)[:, 1], model.layer)
    torch.testing.assert_close(scores.attribute(ids), expected)


@pytest.mark.parametrize("name", [name for name, m in RECURRENT.items() if m.differentiates])
def test_one_number_for_the_whole_batch_is_refused(name, model, ids):
    make = RECURRENT[name].make
    method = make(lambda ids: model(ids)[:, 1].sum(), model.layer)
    with pytest.raises(ValueError, match=r"output has shape \(\), but one number for each row"):
        method.attribute(ids)
    expected = make(model, model.layer).attribute(ids[:1], target=1)
    torch.testing.assert_close(method.attribute(ids[:1]), expected)


def test_a_bare_module_has_no_classes(make_reading):
    layer = nn.LSTM(FEATURES, 6)
    for method in (make_reading(layer), make_reading(layer, layer)):
        with pytest.raises(ValueError, match=r"forward_func is the recurrent module itself, whose"):
            method.attribute(torch.randn(7, 3, FEATURES), target=1)
