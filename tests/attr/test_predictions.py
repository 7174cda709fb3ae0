"""Every prediction at once, against one call of `attribute` for each prediction."""

import pytest
import torch
from torch import nn

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LogitDeltaAttribution,
)
from captum_rnn.functional import prediction_reads, prediction_scan
from readers import FEATURES, HIDDEN, LENGTHS, TIME, make_case
from taggers import CLASSES, Alone, Tagger, nearest, one_by_one, within


@pytest.mark.over_every_layer
def test_a_tagger_is_explained_as_by_a_call_for_each_tag(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)
    model = Tagger(case.layer)
    tags = torch.randint(CLASSES, (len(LENGTHS), TIME))
    baselines = torch.randn_like(case.inputs)
    call = {"target": tags, "additional_forward_args": case.forward_args}

    adjoint = AdjointDeltaAttribution(model, model.layer)
    for given in ((), (baselines,)):
        scores = adjoint.attribute_predictions(case.inputs, *given, **call)
        expected = one_by_one(
            lambda alone, _: AdjointDeltaAttribution(alone, model.layer),
            model,
            case,
            *given,
            target=tags,
        )
        torch.testing.assert_close(scores, within(case, expected), rtol=0, atol=1e-12)

    logit = LogitDeltaAttribution(model, model.layer)
    expected = one_by_one(
        lambda alone, _: LogitDeltaAttribution(alone, model.layer), model, case, target=tags
    )
    scores = logit.attribute_predictions(case.inputs, **call)
    torch.testing.assert_close(scores, within(case, expected), rtol=0, atol=1e-12)

    for distance in ("l2", "l1", "cosine"):
        # States of rectified units may be zeros, by which nothing can be normalised.
        options = {"distance": distance, "normalize": kind != "rnn_relu"}
        delta = HiddenStateDeltaAttribution(model, model.layer, **options)
        expected = one_by_one(
            lambda alone, number, options=options: HiddenStateDeltaAttribution(
                alone, model.layer, readout=nearest(case, number), **options
            ),
            model,
            case,
            target=tags,
        )
        scores = delta.attribute_predictions(case.inputs, **call)
        torch.testing.assert_close(scores, within(case, expected), rtol=0, atol=1e-12)


CLASSES_OF = {"adjoint": AdjointDeltaAttribution, "logit": LogitDeltaAttribution}


@pytest.mark.parametrize("reads", ["horizons", "two steps each"])
@pytest.mark.parametrize("name", CLASSES_OF)
@pytest.mark.parametrize(("kind", "bidirectional"), [("lstm", True), ("gru", False)])
def test_predictions_that_read_anything(kind, bidirectional, name, reads):
    case = make_case(kind, 2, bidirectional, packed=reads == "horizons", with_initial_state=True)
    horizons = 3 if reads == "horizons" else None
    model = Tagger(case.layer, horizons, mixing=not horizons)
    method = CLASSES_OF[name]
    scores = method(model, model.layer).attribute_predictions(
        case.inputs, target=2, additional_forward_args=case.forward_args
    )
    expected = one_by_one(
        lambda alone, _: method(alone, model.layer),
        model,
        case,
        target=2,
        total=horizons or TIME,
    )
    assert scores.shape == (len(LENGTHS), horizons or TIME, TIME, FEATURES)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-12)


def test_horizons_of_one_state_share_its_hidden_state_delta():
    case = make_case("gru", packed=True)
    model = Tagger(case.layer, horizons=3)
    delta = HiddenStateDeltaAttribution(model, model.layer)
    call = {"target": 0, "additional_forward_args": case.forward_args}
    scores = delta.attribute_predictions(case.inputs, **call)
    expected = one_by_one(
        lambda alone, _: HiddenStateDeltaAttribution(alone, model.layer), model, case, total=3
    )
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-12)
    mixing = Tagger(case.layer, mixing=True)
    with pytest.raises(ValueError, match="LogitDeltaAttribution"):
        HiddenStateDeltaAttribution(mixing, mixing.layer).attribute_predictions(
            case.inputs, target=0
        )


@pytest.mark.parametrize("method", [*CLASSES_OF.values(), HiddenStateDeltaAttribution])
def test_some_predictions_and_what_they_add_up_to(method):
    case = make_case("gru", bidirectional=True)
    model = Tagger(case.layer)
    made = method(model, model.layer)
    every = made.attribute_predictions(case.inputs, target=1)
    chosen = made.attribute_predictions(case.inputs, target=1, predictions=[3, 0, -1])
    torch.testing.assert_close(chosen, every[:, [3, 0, 3]], rtol=0, atol=1e-14)
    steps = torch.arange(TIME)
    distance = (steps - steps.unsqueeze(1)).abs().reshape(1, TIME, TIME, 1)
    for aggregate, window, expected in (
        ("sum", None, every.sum(1)),
        ("last", None, every.where(distance == 0, 0.0).sum(1)),
        ("window", 2, every.where(distance <= 2, 0.0).sum(1)),
    ):
        scores = made.attribute_predictions(
            case.inputs, target=1, aggregate=aggregate, window=window
        )
        torch.testing.assert_close(scores, expected, rtol=0, atol=1e-14)
    total = made.attribute_predictions(
        case.inputs, target=1, aggregate="sum", predictions=slice(2, None)
    )
    torch.testing.assert_close(total, every[:, 2:].sum(1), rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_features_replaced_alone_and_whole_steps(kind):
    case = make_case(kind, num_layers=2, bidirectional=True)
    model = Tagger(case.layer)
    baseline = torch.randn(FEATURES, dtype=torch.float64)
    for features, per_step in (("exact", False), ("midpoint", True)):
        scores = AdjointDeltaAttribution(
            model, model.layer, features=features
        ).attribute_predictions(case.inputs, baseline, target=1, per_step=per_step)
        for number in range(TIME):
            alone = AdjointDeltaAttribution(Alone(model, number), model.layer, features=features)
            expected = alone.attribute(case.inputs, baseline, target=1, per_step=per_step)
            torch.testing.assert_close(scores[:, number], expected, rtol=0, atol=1e-13)


def test_the_last_scores_are_those_of_the_newest_step_of_each_prefix():
    """What time-series libraries do with a run for each prefix of the series."""
    case = make_case("lstm", num_layers=2)
    model = Tagger(case.layer)
    for method in CLASSES_OF.values():
        scores = method(model, model.layer).attribute_predictions(
            case.inputs, target=1, aggregate="last"
        )
        for step in range(TIME):
            last = method(Alone(model, -1), model.layer)
            newest = last.attribute(case.inputs[:, : step + 1], target=1)[:, -1]
            torch.testing.assert_close(scores[:, step], newest, rtol=0, atol=1e-13)


def test_predictions_of_the_last_steps_alone():
    """As of a decoder that goes on from what an encoder read."""
    case = make_case("gru")
    model = Tagger(case.layer)
    every = AdjointDeltaAttribution(model, model.layer).attribute_predictions(case.inputs, target=1)
    model.cut = slice(2, None)
    scores = AdjointDeltaAttribution(model, model.layer).attribute_predictions(
        case.inputs, target=1
    )
    torch.testing.assert_close(scores, every[:, 2:], rtol=0, atol=1e-14)


@pytest.mark.parametrize("reads", ["own steps", "horizons", "two steps each"])
def test_predictions_and_rows_in_parts(monkeypatch, capsys, reads):
    case = make_case("lstm", num_layers=2, bidirectional=True)
    horizons = 3 if reads == "horizons" else None
    model = Tagger(case.layer, horizons, mixing=reads == "two steps each")
    adjoint = AdjointDeltaAttribution(model, model.layer)
    at_once = adjoint.attribute_predictions(case.inputs, target=1)
    monkeypatch.setattr(prediction_reads, "_NUMBERS_KEPT", 1)
    monkeypatch.setattr(prediction_scan, "_MAPS_IN_CACHE", 1)
    in_parts = adjoint.attribute_predictions(case.inputs, target=1, show_progress=True)
    torch.testing.assert_close(in_parts, at_once, rtol=0, atol=1e-14)
    number = horizons or TIME
    assert f"{number}/{number}" in capsys.readouterr().err


@pytest.mark.parametrize("packed", [False, True])
def test_a_head_that_is_given(packed):
    case = make_case("gru", bidirectional=True, packed=packed)
    model = Tagger(case.layer)
    tags = torch.randint(CLASSES, (len(LENGTHS), TIME))
    head = nn.Sequential(model.head, model.out)
    scores = LogitDeltaAttribution(model, model.layer, head=head).attribute_predictions(
        case.inputs, target=tags, additional_forward_args=case.forward_args
    )
    expected = one_by_one(
        lambda alone, number: LogitDeltaAttribution(
            alone, model.layer, head=head, readout=nearest(case, number)
        ),
        model,
        case,
        target=tags,
    )
    torch.testing.assert_close(scores, within(case, expected), rtol=0, atol=1e-13)


def test_ids_and_time_first_inputs():
    embedding = nn.Embedding(9, FEATURES).double()
    case = make_case("gru", batch_first=False)
    model = Tagger(case.layer)

    def of_ids(ids):
        return model(embedding(ids))

    ids = torch.randint(9, (2, TIME))
    every = LogitDeltaAttribution(of_ids, model.layer).attribute_predictions(ids, target=1)
    assert every.shape == (2, TIME, TIME)
    time_first = LogitDeltaAttribution(lambda ids: of_ids(ids.t()), model.layer, batch_first=False)
    torch.testing.assert_close(time_first.attribute_predictions(ids.t(), target=1), every)
    last = time_first.attribute_predictions(ids.t(), target=1, aggregate="last")
    torch.testing.assert_close(last, every.diagonal(dim1=1, dim2=2).t())


class Slow(nn.Module):
    """Whose steps are not those of a gated layer, so that it is called step by step."""

    bidirectional, batch_first, proj_size = False, True, 0

    def __init__(self, features, hidden):
        super().__init__()
        self.hidden_size = hidden
        self.weight_ih_l0 = nn.Parameter(torch.randn(features, hidden))
        self.weight_hh_l0 = nn.Parameter(torch.randn(hidden, hidden))

    def forward(self, inputs, state=None):
        state = inputs.new_zeros(len(inputs), self.hidden_size) if state is None else state
        states = []
        for token in inputs.unbind(1):
            state = (token @ self.weight_ih_l0 + state @ self.weight_hh_l0).sin()
            states.append(state)
        return torch.stack(states, 1), state


def test_a_layer_that_is_followed_step_by_step():
    layer = Slow(FEATURES, HIDDEN).double()
    model = Tagger(layer)
    inputs = torch.randn(2, TIME, FEATURES, dtype=torch.float64)
    adjoint = AdjointDeltaAttribution(model, layer)
    scores = adjoint.attribute_predictions(inputs, target=1)
    for number in range(TIME):
        alone = AdjointDeltaAttribution(Alone(model, number), layer)
        torch.testing.assert_close(scores[:, number], alone.attribute(inputs, target=1))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"target": 3}, "0 to 2"),
        ({}, r"\(2, 4, 3\)"),
        ({"target": torch.zeros(3, dtype=torch.int64)}, r"\(3,\)"),
        ({"target": torch.full((2, TIME), 7)}, "0 to 2"),
        ({"target": 1, "predictions": [4]}, "-4 to 3"),
        ({"target": 1, "predictions": slice(9, None)}, "none of 4"),
        ({"target": 1, "aggregate": "mean"}, "'last', 'sum', 'window'"),
        ({"target": 1, "aggregate": "window"}, "window is None"),
        ({"target": 1, "window": 3}, "window is 3"),
        ({"target": 1, "aggregate": "window", "window": -1}, "window is -1"),
    ],
)
def test_what_does_not_fit_is_said(given, says):
    case = make_case("gru")
    model = Tagger(case.layer)
    with pytest.raises(ValueError, match=says):
        LogitDeltaAttribution(model, model.layer).attribute_predictions(case.inputs, **given)


def test_one_output_for_a_row_and_horizons_without_steps_are_refused():
    case = make_case("gru")
    model = Tagger(case.layer, horizons=3)
    with pytest.raises(ValueError, match='aggregate is "last"'):
        LogitDeltaAttribution(model, model.layer).attribute_predictions(
            case.inputs, target=1, aggregate="last"
        )
    with pytest.raises(ValueError, match="use attribute"):
        LogitDeltaAttribution(
            lambda inputs: model(inputs)[:, 0, 0], model.layer
        ).attribute_predictions(case.inputs)
    beside = LogitDeltaAttribution(
        lambda inputs: model(inputs) + inputs.sum(2, keepdim=True)[:, :3], model.layer
    )
    with pytest.raises(ValueError, match="beside the layer"):
        beside.attribute_predictions(case.inputs, target=1)
