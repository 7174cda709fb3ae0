"""Scores of the features themselves, where the layer reads the inputs' own features."""

import warnings
from functools import partial

import pytest
import torch
from torch import nn

import deep_lift_reference
import lrp_reference
from attribution_methods import RECURRENT
from captum_rnn import (
    AdjointDeltaAttribution,
    LocalDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
    pack_tokens,
)
from models import Classifier
from readers import Reader, make_case
from reference import KINDS, make_layer
from unrolled import initial_of, unrolled_rows


def against_zero(make):
    """With a baseline of zeros, as the others have it by themselves."""

    def made(forward, layer):
        method = make(forward, layer)
        method.attribute = partial(method.attribute, baselines=0.0)
        return method

    return made


METHODS = {
    "relevance": RecurrentLRPAttribution,
    "deep_lift": RecurrentDeepLiftAttribution,
    "local": LocalDeltaAttribution,
    "adjoint": against_zero(AdjointDeltaAttribution),
    "adjoint, exact": against_zero(partial(AdjointDeltaAttribution, features="exact")),
}


@pytest.fixture(params=list(METHODS))
def make(request):
    return METHODS[request.param]


def expected_scores(make, model, case, target=1):
    """The references' scores (batch, time, features) of a linear head."""
    scores = torch.zeros_like(case.inputs)
    for row, end in enumerate(case.ends):
        tokens, initial = case.inputs[row, :end], initial_of(case.initial, row)
        outputs = model.layer(tokens, initial)[0].detach().requires_grad_()
        (read,) = torch.autograd.grad(model.head(outputs.mean(0))[target], outputs)
        if make is RecurrentLRPAttribution:
            found = lrp_reference.feature_scores(model.layer, tokens, read, initial=initial)
        else:
            zeros = torch.zeros_like(tokens)
            found = deep_lift_reference.feature_scores(
                model.layer, tokens, zeros, read, initial=initial
            )
        scores[row, :end] = torch.from_numpy(found)
    return scores


@pytest.mark.over_every_layer
@pytest.mark.parametrize("make", [RecurrentLRPAttribution, RecurrentDeepLiftAttribution])
def test_agrees_with_the_references(
    make, kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    model = Reader(case.layer, "mean")
    scores = make(model, model.layer).attribute(
        case.inputs, target=1, additional_forward_args=case.forward_args
    )
    torch.testing.assert_close(scores, expected_scores(make, model, case), rtol=1e-9, atol=1e-9)


@pytest.mark.over_every_layer
def test_features_replaced_by_the_derivative_halfway_and_exactly(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    """Against autograd through one step of torch's cells, and against a step for each feature."""
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    model, baselines = Reader(case.layer, "everything"), torch.randn_like(case.inputs)
    halfway, exact = torch.zeros_like(case.inputs), torch.zeros_like(case.inputs)
    for row, unrolled in enumerate(unrolled_rows(model, case)):
        tokens, others = (x[row, : unrolled.time] for x in (case.inputs, baselines))
        between = ((tokens + others) / 2).requires_grad_()
        (slope,) = torch.autograd.grad(-unrolled.adjoint_scores(between).sum(), between)
        halfway[row, : unrolled.time] = (tokens - others) * slope
        for feature in range(tokens.shape[1]):
            changed = tokens.clone()
            changed[:, feature] = others[:, feature]
            exact[row, : unrolled.time, feature] = unrolled.adjoint_scores(changed)
    for features, expected in (("midpoint", halfway), ("exact", exact)):
        method = AdjointDeltaAttribution(model, model.layer, features=features)
        scores = method.attribute(
            case.inputs, baselines, target=1, additional_forward_args=case.forward_args
        )
        torch.testing.assert_close(scores, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("make", [LocalDeltaAttribution, AdjointDeltaAttribution])
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "rnn_relu"])
def test_features_sum_to_their_steps_score_to_third_order(kind, make):
    case = make_case(kind, num_layers=2, bidirectional=True, packed=True)
    model = Reader(case.layer, "mean")
    direction = torch.randn_like(case.inputs)

    def largest_error(distance):
        given = {"target": 1, "additional_forward_args": case.forward_args}
        baselines = case.inputs + distance * direction
        features, steps = (
            make(model, model.layer).attribute(case.inputs, baselines, per_step=per_step, **given)
            for per_step in (False, True)
        )
        assert steps.shape == case.inputs.shape[:2]
        return (features.sum(-1) - steps).norm().item()

    coarse, fine = largest_error(2e-2), largest_error(1e-2)
    assert coarse / fine == pytest.approx(8, rel=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_without_weights_scores_0(make, kind):
    model = Classifier(make_layer(kind, batch_first=True))
    with torch.no_grad():
        model.layer.weight_ih_l0[:, 2] = 0
    scores = make(model, model.layer).attribute(torch.randn(3, 7, 5), target=1)
    assert scores[..., 2].abs().max() < 1e-7
    assert (scores[..., [0, 1, 3, 4]] != 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_permuting_the_features_permutes_their_scores(make, kind):
    model, order = Classifier(make_layer(kind, batch_first=True).double()), torch.randperm(5)
    tokens = torch.randn(3, 7, 5, dtype=torch.float64)
    scores = make(model, model.layer).attribute(tokens, target=1)
    with torch.no_grad():
        model.layer.weight_ih_l0.copy_(model.layer.weight_ih_l0[:, order])
    permuted = make(model, model.layer).attribute(tokens[..., order], target=1)
    torch.testing.assert_close(permuted, scores[..., order], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("arranged", "back"),
    [
        (lambda x: x.flip(1), lambda s: s.flip(1)),
        (lambda x: x[:, 2:], lambda s: nn.functional.pad(s, (0, 0, 2, 0))),
    ],
    ids=["reversed time", "a window"],
)
def test_features_are_followed_to_where_they_stand(make, arranged, back):
    layer, head, inputs = nn.GRU(5, 6, batch_first=True), nn.Linear(6, 2), torch.randn(3, 7, 5)

    def straight(inputs):
        return head(layer(inputs)[0][:, -1])

    scores = make(lambda x: straight(arranged(x)), layer).attribute(inputs, target=1)
    expected = make(straight, layer).attribute(arranged(inputs), target=1)
    torch.testing.assert_close(scores, back(expected))


def test_rows_in_another_order_answer_in_that_of_the_inputs_or_are_refused(make):
    """Read from the last row to the first; the answers are put back, or not."""
    layer, head, inputs = nn.GRU(5, 6, batch_first=True), nn.Linear(6, 2), torch.randn(3, 7, 5)

    def straight(inputs):
        return head(layer(inputs)[0][:, -1])

    scores = make(lambda x: straight(x.flip(0)).flip(0), layer).attribute(inputs, target=[0, 1, 1])
    expected = make(straight, layer).attribute(inputs, target=[0, 1, 1])
    torch.testing.assert_close(scores, expected)
    with pytest.raises(ValueError, match="depends on other rows of the batch, such as row 2"):
        make(lambda x: straight(x.flip(0)), layer).attribute(inputs, target=1)


def test_tokens_that_were_packed_or_left_out(make):
    layer = nn.LSTM(5, 6, batch_first=True).double()
    head = nn.Linear(6, 2).double()
    read = torch.tensor([[False, True, True, False], [True, False, False, True]])
    inputs = torch.randn(2, 4, 5, dtype=torch.float64)

    def packing(inputs):
        return head(layer(pack_tokens(inputs, read))[1][0][-1])

    def whole(inputs):
        return head(layer(inputs)[1][0][-1])

    scores = make(packing, layer).attribute(inputs, target=0)
    assert (scores[~read] == 0).all()
    for row in range(2):
        alone = make(whole, layer).attribute(inputs[row : row + 1, read[row]], target=0)
        torch.testing.assert_close(scores[row, read[row]], alone[0], rtol=0, atol=1e-12)


def test_channels_before_time(make):
    layer, head = nn.GRU(5, 6, batch_first=True), nn.Linear(6, 2)
    inputs = torch.randn(3, 5, 7)

    def model(inputs):
        return head(layer(inputs.transpose(1, 2))[0][:, -1])

    def usual(inputs):
        return head(layer(inputs)[0][:, -1])

    scores = make(model, layer).attribute(inputs, target=1)
    expected = make(usual, layer).attribute(inputs.transpose(1, 2), target=1)
    torch.testing.assert_close(scores, expected.transpose(1, 2))


@pytest.mark.parametrize("make", [RecurrentLRPAttribution, RecurrentDeepLiftAttribution])
def test_features_that_the_layer_does_not_read_themselves_share_their_steps_score(make):
    layer, front, head = nn.GRU(6, 6, batch_first=True), nn.Linear(5, 6), nn.Linear(6, 2)
    inputs = torch.randn(3, 7, 5)

    def model(inputs):
        return head(layer(front(inputs))[0][:, -1])

    scores = make(model, layer).attribute(inputs, target=1)
    assert (scores == scores[..., :1]).all()
    of_read = make(lambda x: head(layer(x)[0][:, -1]), layer).attribute(
        front(inputs).detach(), target=1
    )
    torch.testing.assert_close(scores.sum(-1), of_read.sum(-1))


def test_a_series_with_a_missing_value(make):
    model = Classifier(nn.GRU(5, 6, batch_first=True))
    inputs = torch.randn(3, 7, 5)
    expected = make(model, model.layer).attribute(inputs[[0, 2]], target=1)
    inputs[1, 3, 2] = torch.nan
    scores = make(model, model.layer).attribute(inputs, target=1)
    torch.testing.assert_close(scores[[0, 2]], expected)
    assert scores[1].isnan().any()


def test_with_one_score_a_step_features_are_added_up(make):
    model, inputs = Classifier(nn.GRU(5, 6, batch_first=True)), torch.randn(3, 7, 5)
    method = make(model, model.layer)
    steps = method.attribute(inputs, target=1, per_step=True)
    assert steps.shape == (3, 7)
    assert steps.is_contiguous()
    if make in (RecurrentLRPAttribution, RecurrentDeepLiftAttribution):
        torch.testing.assert_close(steps, method.attribute(inputs, target=1).sum(-1))


@pytest.mark.parametrize("known", RECURRENT.values(), ids=list(RECURRENT))
def test_what_is_shared_equally_is_said(known):
    model, inputs = Classifier(nn.LSTM(5, 6, batch_first=True)), torch.randn(3, 7, 5)
    method = known.make(model, model.layer)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        scores = method.attribute(inputs, target=1)
        steps = method.attribute(inputs, target=1, per_step=True)
    told = [one for one in seen if "shared equally by its 5 features" in str(one.message)]
    is_shared = bool((scores - scores[..., :1]).abs().max() < 1e-12)
    assert len(told) == is_shared
    assert all("/tests/" in warning.filename for warning in told)
    assert steps.shape == (3, 7)
    if is_shared:
        torch.testing.assert_close(scores.sum(-1), steps)


def test_a_single_feature_is_its_step(make):
    model, inputs = Classifier(nn.GRU(1, 6, batch_first=True)), torch.randn(3, 7, 1)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*shared equally.*")
        scores = make(model, model.layer).attribute(inputs, target=1)
    steps = make(model, model.layer).attribute(inputs, target=1, per_step=True)
    torch.testing.assert_close(scores.squeeze(-1), steps)


def test_the_delta_of_features_is_that_of_their_sums(make):
    model = Classifier(nn.LSTM(5, 6, batch_first=True).double())
    inputs = torch.randn(3, 7, 5, dtype=torch.float64)
    method = make(model, model.layer)
    if not method.has_convergence_delta():
        pytest.skip("what it sums to is not known")
    scores, delta = method.attribute(inputs, target=1, return_convergence_delta=True)
    torch.testing.assert_close(method.compute_convergence_delta(scores, inputs, target=1), delta)
