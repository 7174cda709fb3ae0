"""Features that the layer reads otherwise than they are, against the layer told what it read.

What it read of the inputs and of the baselines is given to a model that begins with the layer. By a
function of each feature alone, a feature's score is then that of what was made of it. By linear
maps, the multipliers of what was read, scores divided by differences, go back through the matrix.
"""

import warnings
from functools import partial

import pytest
import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    LocalDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from reference import KINDS, make_layer

ROWS, TIME, FEATURES, HIDDEN = 3, 6, 4, 5
COMPARING = [RecurrentDeepLiftAttribution, AdjointDeltaAttribution, LocalDeltaAttribution]
METHODS = [RecurrentLRPAttribution, *COMPARING]


class Behind(nn.Module):
    """A classifier that makes something of its inputs before its layer reads it."""

    def __init__(self, front, width=FEATURES, kind="lstm"):
        super().__init__()
        self.front = front
        self.layer = make_layer(kind, width, HIDDEN, batch_first=True)
        self.head = nn.Linear(self.layer.proj_size or HIDDEN, 2)
        self.double().eval()

    def forward(self, *inputs):
        return self.of_read(self.front(*inputs))

    def of_read(self, read):
        return self.head(self.layer(read)[0].mean(1))


def drawn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def scores_of(method, forward, layer, inputs, baselines):
    """Without a warning that anything is shared."""
    given = () if method is RecurrentLRPAttribution else (baselines,)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", ".*shared equally.*")
        return method(forward, layer).attribute(inputs, *given, target=1)


def scores_of_read(method, model, inputs, baselines):
    with torch.no_grad():
        read, others = model.front(*inputs), model.front(*baselines)
    return scores_of(method, model.of_read, model.layer, read, others), read - others


def steps_of_read(method, model, inputs, baselines):
    with torch.no_grad():
        read, others = model.front(*inputs), model.front(*baselines)
    given = () if method is RecurrentLRPAttribution else (others,)
    found = method(model.of_read, model.layer)
    return found.attribute(read, *given, target=1, per_step=True)


class Normalised(nn.Module):
    """By running statistics, as batch normalisation in eval mode."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(FEATURES)
        self.norm.running_mean.normal_()
        self.norm.running_var.uniform_(0.5, 2)

    def forward(self, series):
        return self.norm(series.transpose(1, 2)).transpose(1, 2)


ALONE = {
    "logarithm": lambda x: x.abs().log1p(),
    "clamp": lambda x: x.clamp(-0.5, 0.5),
    "sigmoid": torch.sigmoid,
    "standardised": lambda x: (x - torch.arange(FEATURES)) / torch.arange(1, FEATURES + 1),
    "batch normalisation": Normalised(),
    "reversed time": lambda x: x.flip(1).exp(),
    "a window": lambda x: 2 * x[:, 2:],
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ALONE)
def test_functions_of_each_feature_alone(method, name):
    model, inputs = Behind(ALONE[name]), drawn(ROWS, TIME, FEATURES)
    others = drawn(ROWS, TIME, FEATURES)
    scores = scores_of(method, model, model.layer, inputs, others)
    expected, _ = scores_of_read(method, model, (inputs,), (others,))
    if name == "reversed time":
        expected = expected.flip(1)
    expected = nn.functional.pad(expected, (0, 0, TIME - expected.shape[1], 0))
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-13)


MAPS = {
    "another order": torch.eye(FEATURES)[[2, 0, 3, 1]],
    "some of them": torch.eye(FEATURES)[[0, 3]],
    "some twice": torch.eye(FEATURES)[[0, 3, 0, 1, 2]],
    "mixed": torch.randn(3, FEATURES, generator=torch.Generator().manual_seed(1)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MAPS)
def test_linear_maps_of_the_features(kind, method, name):
    matrix = MAPS[name].double()
    model = Behind(lambda x: x @ matrix.T, len(matrix), kind)
    inputs, others = drawn(ROWS, TIME, FEATURES), drawn(FEATURES)
    if method is RecurrentLRPAttribution:
        others = torch.zeros_like(others)
    scores = scores_of(method, model, model.layer, inputs, others)
    of_read, differences = scores_of_read(method, model, (inputs,), (others.expand_as(inputs),))
    expected = (inputs - others) * ((of_read / differences) @ matrix)
    torch.testing.assert_close(scores, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_inputs_beside_each_other_have_the_scores_of_their_own_features(method):
    """Two series, and a category that is looked up, which is one token of each step."""
    embedding = nn.Embedding(7, 2)
    model = Behind(lambda x, y, ids: torch.cat([x, embedding(ids), y], 2), FEATURES + 5)
    embedding.double()
    x, y, ids = drawn(ROWS, TIME, FEATURES), drawn(ROWS, TIME, 3), torch.randint(7, (ROWS, TIME))
    instead = drawn(FEATURES), drawn(3), torch.tensor(4)
    baselines = tuple(
        other.expand_as(tensor) for other, tensor in zip(instead, (x, y, ids), strict=True)
    )
    scores = scores_of(method, model, model.layer, (x, y, ids), baselines)
    expected, _ = scores_of_read(method, model, (x, y, ids), baselines)
    of_x, of_ids, of_y = expected.split([FEATURES, 2, 3], 2)
    for found, wanted in zip(scores, (of_x, of_y, of_ids.sum(2)), strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)
    given = () if method is RecurrentLRPAttribution else (baselines,)
    steps = method(model, model.layer).attribute((x, y, ids), *given, target=1, per_step=True)
    for found, of_features in zip(steps, (of_x, of_y, of_ids), strict=True):
        torch.testing.assert_close(found, of_features.sum(2), rtol=0, atol=1e-13)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["another order", "some twice"])
def test_features_that_hold_the_same_numbers_are_not_taken_for_each_other(method, name):
    """Of one number in all features, values cannot tell which of them the layer reads."""
    order = [1, 2, 3, 0] if name == "another order" else [1, 1, 2, 3]
    model, inputs = Behind(lambda x: x[..., order]), drawn(ROWS, TIME, 1).expand(-1, -1, FEATURES)
    scores = scores_of(method, model, model.layer, inputs.contiguous(), 0.0)
    read, _ = scores_of_read(method, model, (inputs,), (torch.zeros_like(inputs),))
    expected = torch.zeros_like(scores).index_add(2, torch.tensor(order), read)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_what_changes_nothing_takes_nothing(method):
    """Steps of a series and of zeros that are added to it; the series had the whole score."""
    model, series = Behind(torch.add), drawn(ROWS, TIME, FEATURES)
    zeros = torch.zeros_like(series)
    of_series, of_zeros = scores_of(method, model, model.layer, (series, zeros), (0.0, 0.0))
    expected, _ = scores_of_read(method, model, (series, zeros), (zeros, zeros))
    torch.testing.assert_close(of_series, expected, rtol=0, atol=1e-13)
    assert (of_zeros == 0).all()


@pytest.mark.parametrize("make", COMPARING)
@pytest.mark.parametrize("front", [torch.mul, lambda x, y: x * (y > 0) + y.exp()])
def test_what_is_not_linear_is_shared_once(make, front):
    """By two inputs that each step reads: their scores sum to that of the step."""
    model = Behind(front)
    inputs = drawn(ROWS, TIME, FEATURES), torch.ones(ROWS, TIME, FEATURES).double()
    with pytest.warns(UserWarning, match="shared equally"):
        scores = make(model, model.layer).attribute(inputs, (0.0, 0.0), target=1)
    baselines = [torch.zeros_like(tensor) for tensor in inputs]
    steps = [tensor.sum(2) for tensor in scores]
    expected = steps_of_read(make, model, inputs, baselines)
    torch.testing.assert_close(sum(steps), expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(*steps, rtol=0, atol=1e-13)


@pytest.mark.parametrize("front", [nn.LayerNorm(FEATURES), lambda x: x.flip(2).sign()])
def test_functions_that_mix_features_or_have_no_derivative_are_said_to_be_shared(front):
    model, inputs = Behind(front), drawn(ROWS, TIME, FEATURES)
    with pytest.warns(UserWarning, match="shared equally"):
        scores = RecurrentDeepLiftAttribution(model, model.layer).attribute(inputs, 0.5, target=1)
    assert (scores == scores[..., :1]).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("beside", [False, True])
def test_missing_values_that_the_model_fills_in(method, beside):
    """With and without a column that says where: the scores are finite, and those of the rows."""

    def front(x):
        filled = torch.where(x.isnan(), 0.0, x)
        return torch.cat([filled, x.isnan().to(x)], 2) if beside else filled

    model, inputs = Behind(front, FEATURES * (1 + beside)), drawn(ROWS, TIME, FEATURES)
    inputs[1, 2, 3] = torch.nan
    given = () if method is RecurrentLRPAttribution else (0.0,)
    scores = method(model, model.layer).attribute(inputs, *given, target=1)
    assert scores.isfinite().all()
    zeros = torch.zeros_like(inputs)
    if beside:
        expected = steps_of_read(method, model, (inputs,), (zeros,))
    else:
        expected = scores_of_read(method, model, (inputs,), (zeros,))[0].sum(2)
    torch.testing.assert_close(scores.sum(2), expected, rtol=0, atol=1e-13)


def test_the_exact_step_of_a_feature_is_of_what_is_read_alone():
    make = partial(AdjointDeltaAttribution, features="exact")
    model, inputs = Behind(torch.sigmoid), drawn(ROWS, TIME, FEATURES)
    scores = scores_of(make, model, model.layer, inputs, 0.3)
    baselines = torch.full_like(inputs, 0.3)
    expected, _ = scores_of_read(make, model, (inputs,), (baselines,))
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-13)
    mixing = Behind(lambda x: x @ torch.eye(FEATURES).double()[[1, 2, 3, 0]])
    with pytest.warns(UserWarning, match="shared equally"):
        make(mixing, mixing.layer).attribute(inputs, 0.3, target=1)


class Tags(Behind):
    """The same with an answer after each step, or for horizons."""

    horizons = False

    def of_read(self, read):
        outputs = self.layer(read)[0]
        if self.horizons:
            outputs = torch.stack([outputs[:, -1], outputs.mean(1), outputs[:, 0].tanh()], 1)
        return self.head(outputs)


@pytest.mark.parametrize("horizons", [False, True])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_every_prediction_of_what_is_linear_as_by_a_call_for_each(kind, horizons):
    matrix = torch.randn(3, FEATURES).double()
    model = Tags(lambda x, y: torch.cat([x @ matrix.T + 1, y.flip(2)], 2), 5, kind)
    model.horizons = horizons
    inputs, baselines = (drawn(ROWS, TIME, FEATURES), drawn(ROWS, TIME, 2)), (0.5, drawn(2))
    adjoint = AdjointDeltaAttribution(model, model.layer)
    every = adjoint.attribute_predictions(inputs, baselines, target=1)
    total = adjoint.attribute_predictions(inputs, baselines, target=1, aggregate="sum")
    steps = adjoint.attribute_predictions(inputs, baselines, target=1, per_step=True)
    for number in range(3 if horizons else TIME):

        def alone(*given, number=number):
            return model(*given)[:, number]

        expected = scores_of(AdjointDeltaAttribution, alone, model.layer, inputs, baselines)
        for found, of_steps, wanted in zip(every, steps, expected, strict=True):
            torch.testing.assert_close(found[:, number], wanted, rtol=0, atol=1e-13)
            torch.testing.assert_close(of_steps[:, number], wanted.sum(2), rtol=0, atol=1e-13)
    for found, wanted in zip(total, every, strict=True):
        torch.testing.assert_close(found, wanted.sum(1), rtol=0, atol=1e-13)


def test_every_prediction_of_a_layer_that_is_followed_step_by_step():
    model = Tags(lambda x: x[..., [2, 0]], 2, "gru")

    class Stepped(nn.GRU):
        """Whose forward is its own, so that its gates are not known."""

        def forward(self, read, state=None):
            outputs, final = super().forward(read, state)
            return 1.0 * outputs, final

    model.layer = Stepped(2, HIDDEN, batch_first=True).double()
    inputs = drawn(ROWS, TIME, FEATURES)
    adjoint = AdjointDeltaAttribution(model, model.layer)
    every = adjoint.attribute_predictions(inputs, 0.0, target=1)
    for number in range(TIME):
        alone = AdjointDeltaAttribution(lambda x, n=number: model(x)[:, n], model.layer)
        expected = alone.attribute(inputs, 0.0, target=1)
        torch.testing.assert_close(every[:, number], expected, rtol=0, atol=1e-13)
        assert (expected[..., [1, 3]] == 0).all()
