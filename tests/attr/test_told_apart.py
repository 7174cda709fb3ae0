"""Features that the layer reads otherwise than they are, against the layer told what it read.

What it read of the inputs and of the baselines is given to a model that begins with the layer. By a
function of each feature alone, a feature's score is then that of what was made of it. By linear
maps, the multipliers of what was read, scores divided by differences, go back through the matrix.
"""

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
from fronts import (
    COMPARING,
    FEATURES,
    HIDDEN,
    METHODS,
    ROWS,
    TIME,
    Behind,
    drawn,
    scores_of,
    scores_of_read,
    steps_of_read,
)
from reference import KINDS


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


@pytest.mark.parametrize("method", [RecurrentLRPAttribution, RecurrentDeepLiftAttribution])
def test_linear_maps_before_several_layers(method):
    lower, upper = nn.GRU(3, 4, batch_first=True).double(), nn.LSTM(4, HIDDEN, batch_first=True)
    side, head = nn.GRU(3, 4, batch_first=True).double(), nn.Linear(HIDDEN, 2).double()
    layers, matrix = [lower, side, upper.double()], MAPS["mixed"].double()
    inputs = drawn(ROWS, TIME, FEATURES)

    def of_read(one, other):
        read = lower(one)[0] + side(other.flip(1))[0].flip(1)
        return head(upper(read)[0].mean(1))

    def model(inputs):
        return of_read(inputs @ matrix.T, inputs[..., [3, 0, 1]])

    scores = scores_of(method, model, layers, inputs, 0.0)
    read = inputs @ matrix.T, inputs[..., [3, 0, 1]].contiguous()
    of_lower, of_side = scores_of(method, of_read, layers, read, (0.0, 0.0))
    expected = inputs * ((of_lower / read[0]) @ matrix)
    expected[..., [3, 0, 1]] += of_side
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
def test_padding_that_lengths_tell_has_no_score_where_a_direction_begins_in_it(method):
    layer = nn.GRU(FEATURES, HIDDEN, batch_first=True, bidirectional=True).double()
    head = nn.Linear(2 * HIDDEN, 2).double()
    inputs, lengths = drawn(ROWS, TIME, FEATURES), torch.tensor([6, 3, 4])
    order = [1, 2, 3, 0]

    def model(x):
        outputs = layer(x[..., order])[0]
        return head(outputs[torch.arange(len(x)), lengths - 1])

    def usual(x):
        return head(layer(x)[0][torch.arange(len(x)), lengths - 1])

    given = {} if method is RecurrentLRPAttribution else {"baselines": 0.0}
    scores = method(model, layer).attribute(inputs, target=1, lengths=lengths, **given)
    read = inputs[..., order].contiguous()
    expected = method(usual, layer).attribute(read, target=1, lengths=lengths, **given)
    torch.testing.assert_close(scores[..., order], expected, rtol=0, atol=1e-13)
    assert (scores[1, 3:] == 0).all()


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


@pytest.mark.parametrize("features", [2, 3, 11, 90])
def test_any_two_features_are_told_apart_in_a_single_step(features):
    """Whatever is drawn: two that change places in one step of one row."""
    inputs = drawn(1, 1, features)
    for one, other in [(0, 1), (0, features - 1), (1, 10), (2, 83)]:
        if other >= features:
            continue
        order = list(range(features))
        order[one], order[other] = other, one
        model = Behind(lambda x, order=order: x[..., order].exp(), features)
        with pytest.warns(UserWarning, match="shared equally"):
            RecurrentLRPAttribution(model, model.layer).attribute(inputs, target=1)
        model = Behind(torch.exp, features)
        scores_of(RecurrentLRPAttribution, model, model.layer, inputs, None)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("front", [lambda x: x[..., [2, 0, 3, 1]], lambda x: x.cumsum(1)])
def test_half_precision_is_scored_in_single_precision(method, front):
    """Of maps that only add up and move, to what half precision tells; under autocast, too."""
    model, inputs = Behind(front).float(), torch.randn(ROWS, TIME, FEATURES)
    given = () if method is RecurrentLRPAttribution else (0.5,)
    expected = method(model, model.layer).attribute(inputs, *given, target=1)
    explain = method(model.bfloat16(), model.layer)
    found = [explain.attribute(inputs.bfloat16(), *given, target=1)]
    model.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found.append(method(model, model.layer).attribute(inputs, *given, target=1))
    for scores in found:
        assert scores.dtype == torch.float32
        tolerance = 0.1 * float(expected.abs().max())
        torch.testing.assert_close(scores, expected, rtol=0, atol=tolerance)


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


@pytest.mark.parametrize("method", [RecurrentLRPAttribution, RecurrentDeepLiftAttribution])
def test_whole_numbers_that_are_no_ids_have_scores_of_their_own(method):
    """As floats have them; a category among them is looked up."""
    counts, embedding = torch.randint(1, 9, (ROWS, TIME, FEATURES)), nn.Embedding(9, 2).double()

    def front(x):
        return torch.cat([embedding(x[..., 0].long()), x[..., 1:].double()], 2)

    model = Behind(front, FEATURES + 1)
    scores = method(model, model.layer).attribute(counts, target=1)
    with torch.no_grad():
        read = model.front(counts)
    of_read = method(model.of_read, model.layer).attribute(read, target=1)
    expected = torch.cat([of_read[..., :2].sum(2, keepdim=True), of_read[..., 2:]], 2)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-13)
    model = Behind(lambda x: x.double().log1p())
    with pytest.warns(UserWarning, match=r"inputs\.float\(\)"):
        method(model, model.layer).attribute(counts, target=1)
    scores_of(method, model, model.layer, counts.double(), 0.0)
    with pytest.raises(ValueError, match=r"inputs\.float\(\)"):
        LocalDeltaAttribution(model, model.layer).attribute(counts, 1, target=1)


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
