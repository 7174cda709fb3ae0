"""What Captum's users expect of every class, whatever it scores."""

import inspect

import pytest
import torch
from captum.attr import (
    FeatureAblation,
    LayerGradientXActivation,
    LayerIntegratedGradients,
    NoiseTunnel,
)
from captum.attr._utils.attribution import InternalAttribution
from captum.metrics import infidelity, sensitivity_max
from torch import nn

import captum_rnn
from attribution_methods import FEATURES, LENGTHS, METHODS, VOCABULARY
from models import Classifier, hooks


def test_every_class_is_here():
    model = Classifier(nn.GRU(FEATURES, 6), VOCABULARY)
    embedding = {"word_information": {"embedding": model.embedding}}
    made = {
        type(method.make(model, model.layer, **embedding.get(name, {}))).__name__
        for name, method in METHODS.items()
    }
    assert made == {name for name in captum_rnn.attr.__all__ if name.endswith("Attribution")}


def test_it_is_a_captum_attribution(any_method, model):
    method = any_method.make(model, model.layer)
    assert isinstance(method, InternalAttribution)
    assert method.get_name() == any_method.name
    assert method.multiplies_by_inputs is any_method.holds_inputs
    assert method.has_convergence_delta() is any_method.has_sum
    assert callable(type(method).attribute.__wrapped__)
    names = list(inspect.signature(type(method).attribute.__wrapped__).parameters)
    compared = ["baselines"] if any_method.compares else []
    others = ["target", "additional_forward_args", "lengths"]
    assert names[: 5 + len(compared)] == ["self", "inputs", *compared, *others]
    with pytest.raises(NotImplementedError, match=f"{type(method).__name__}; call attribute"):
        method.attribute_future()


def test_tensor_in_tensor_out_and_tuple_in_tuple_out(make_any, model, ids):
    method = make_any(model, model.layer)
    scores = method.attribute(ids, target=1)
    in_tuple = method.attribute((ids,), target=1)
    assert scores.shape == ids.shape
    assert scores.dtype == torch.float32
    assert scores.is_contiguous()
    assert not scores.requires_grad
    assert isinstance(in_tuple, tuple)
    assert len(in_tuple) == 1
    assert torch.equal(in_tuple[0], scores)


@pytest.mark.usefixtures("in_one_run")
def test_in_a_loop_over_captums_methods(make_any, model, ids):
    methods = [
        make_any(model, model.layer),
        LayerIntegratedGradients(model, model.embedding),
        LayerGradientXActivation(model, model.embedding),
        FeatureAblation(model),
    ]
    for method in methods:
        scores = method.attribute(ids, target=1, additional_forward_args=(LENGTHS,))
        assert scores.shape[:2] == ids.shape
        assert (scores[1, 3:] == 0).all()
        assert (scores[0] != 0).any()


def test_noise_tunnel(method, model):
    model.embedding = None
    embedded = torch.randn(2, 4, FEATURES)
    attribution = method.make(model, model.layer)
    expected = attribution.attribute(embedded, target=1)
    options = {"return_convergence_delta": True} if method.has_sum else {}
    scores = NoiseTunnel(attribution).attribute(
        embedded, nt_samples=3, stdevs=1e-6, target=1, **options
    )
    if method.has_sum:
        scores, delta = scores
        assert delta.shape == (6,)
    torch.testing.assert_close(scores, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("in_one_run")
def test_captums_infidelity(make_any, model, ids):
    scores = make_any(model, model.layer).attribute(
        ids, target=1, additional_forward_args=(LENGTHS,)
    )

    def remove_tokens(inputs):
        mask = torch.rand(inputs.shape) < 0.3
        return mask.float(), inputs.masked_fill(mask, 0)

    values = infidelity(
        model,
        remove_tokens,
        ids,
        scores,
        additional_forward_args=(LENGTHS,),
        target=1,
        n_perturb_samples=5,
        normalize=True,
    )
    assert values.shape == (3,)
    assert (values >= 0).all()


@pytest.mark.usefixtures("in_one_run")
@pytest.mark.parametrize("as_tuple", [False, True])
def test_captums_sensitivity_max(make_any, model, ids, as_tuple):
    method = make_any(model, model.layer)

    def swap_last_token(tokens):
        return torch.cat([tokens[:, :-1], 1 + tokens[:, -1:] % 49], 1)

    def attribute(tokens):
        return method.attribute(tokens, target=1, additional_forward_args=(LENGTHS,))

    values = sensitivity_max(
        method.attribute,
        (ids,) if as_tuple else ids,
        perturb_func=swap_last_token,
        n_perturb_samples=2,
        target=1,
        additional_forward_args=(LENGTHS,),
    )
    before = attribute(ids)
    expected = (attribute(swap_last_token(ids)) - before).norm(dim=1) / before.norm(dim=1)
    torch.testing.assert_close(values, expected, rtol=1e-4, atol=1e-6)
    assert values[1] < 1e-6  # its last token is padding


@pytest.mark.parametrize("gradients", [False, True])
def test_everything_is_as_it_was(make_any, model, ids, gradients):
    model.train()
    model.head.requires_grad_(False)
    model.layer.weight_hh_l0.grad = torch.ones_like(model.layer.weight_hh_l0)
    trained = {name: weight.requires_grad for name, weight in model.named_parameters()}
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.set_grad_enabled(gradients):
        make_any(model, model.layer).attribute(ids, target=1)
        assert torch.is_grad_enabled() == gradients
    assert model.training
    assert model.layer.training
    assert hooks(model) == 0
    assert {name: weight.requires_grad for name, weight in model.named_parameters()} == trained
    grads = {name for name, weight in model.named_parameters() if weight.grad is not None}
    assert grads == {"layer.weight_hh_l0"}
    assert (model.layer.weight_hh_l0.grad == 1).all()
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.usefixtures("in_one_run")
def test_hooks_of_the_user_stay(method, model, ids):
    seen = []
    handle = model.layer.register_forward_hook(lambda *_: seen.append(1))
    method.make(model, model.layer).attribute(ids, target=1)
    assert hooks(model) == 1
    handle.remove()
    assert seen == [1] * (1 + method.reads_baseline)


def test_inputs_that_want_gradients_get_none(make, model):
    model.embedding = None
    embedded = torch.randn(2, 4, FEATURES, requires_grad=True)
    scores = make(model, model.layer).attribute(embedded, target=1)
    assert not scores.requires_grad
    assert embedded.requires_grad
    assert embedded.grad is None


def test_without_gradients_the_scores_are_the_same(make_any, model, ids):
    expected = make_any(model, model.layer).attribute(ids, target=1)
    with torch.no_grad():
        scores = make_any(model, model.layer).attribute(ids, target=1)
    assert torch.equal(scores, expected)


def test_inference_mode_rules_out_derivatives(any_method, model, ids):
    method = any_method.make(model, model.layer)
    with torch.inference_mode():
        if any_method.differentiates:
            with pytest.raises(ValueError, match=r"call it under torch.no_grad\(\) instead"):
                method.attribute(ids, target=1)
            return
        scores = method.attribute(ids, target=1)
    torch.testing.assert_close(scores, method.attribute(ids, target=1))


@pytest.mark.usefixtures("in_one_run")
def test_one_forward_pass(method, model, ids):
    made, runs = method.make(model, model.layer), []
    if not method.differentiates:
        made.attribute(ids, target=0)  # which asks what the head reads, once
    handle = model.register_forward_hook(lambda *_: runs.append(torch.is_grad_enabled()))
    made.attribute(ids, target=0)
    handle.remove()
    assert runs == [method.differentiates] + [False] * method.reads_baseline
