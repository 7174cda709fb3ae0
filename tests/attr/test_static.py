"""Static covariates and given initial states: inputs that no step of the layer reads."""

import pytest
import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)
from models import Classifier
from other_layers import MinimalGRU
from reference import KINDS, make_layer
from static_models import CLASS, HIDDEN, ROWS, STATIC, TIME, VARIABLES, Series, derivative, drawn

COMPARING = (AdjointDeltaAttribution, LocalDeltaAttribution, RecurrentDeepLiftAttribution)


WHERE = ["head", "smooth head", "begin", "smooth begin", "state"]


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("kind", ["gru", "lstm", "rnn_tanh"])
def test_adjoint_is_the_whole_derivative_times_the_difference(kind, where):
    model = Series(kind, where, depth=2)
    series, static, base, static_base = drawn(model)
    _, scores = AdjointDeltaAttribution(model, model.layer).attribute(
        (series, static), (base, static_base), target=CLASS
    )
    expected = derivative(model, series, static) * (static - static_base)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-10)
    _, skipped = AdjointDeltaAttribution(model, model.layer).attribute(
        (series, static), target=CLASS, per_step=True
    )
    expected = derivative(model, series, static) * static
    expected = expected.sum(2) if where == "state" else expected
    torch.testing.assert_close(skipped, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("make", COMPARING)
def test_the_series_keep_the_scores_that_they_have_with_the_static_part_held_fixed(make, where):
    """Of DeepLIFT only where the other run begins with the same state and reads the same beside."""
    model = Series("lstm", where)
    series, static, base, static_base = drawn(model)
    if make is RecurrentDeepLiftAttribution:
        static_base = static
    scores, of_static = make(model, model.layer).attribute(
        (series, static), (base, static_base), target=CLASS
    )
    alone = make(lambda x: model(x, static), model.layer).attribute(series, base, target=CLASS)
    torch.testing.assert_close(scores, alone, rtol=0, atol=1e-10)
    assert bool(of_static.any()) == (make is not RecurrentDeepLiftAttribution)


@pytest.mark.parametrize("where", ["head", "smooth head", "begin", "state", "steps"])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_deep_lift_loses_nothing(kind, bidirectional, where):
    if kind == "lstm_projected" and where in ("begin", "state"):
        pytest.skip("whose states and cell states have different widths")
    model = Series(kind, where, depth=2, bidirectional=bidirectional)
    series, static, base, static_base = drawn(model)
    method = RecurrentDeepLiftAttribution(model, model.layer)
    (scores, of_static), delta = method.attribute(
        (series, static), (base, static_base), target=CLASS, return_convergence_delta=True
    )
    with torch.no_grad():
        change = (model(series, static) - model(base, static_base))[:, CLASS]
    rows = of_static.transpose(0, 1) if where == "state" else of_static
    total = scores.sum((1, 2)) + rows.flatten(1).sum(1)
    torch.testing.assert_close(total, change, rtol=0, atol=1e-10)
    assert delta.abs().max() < 1e-10
    close, _ = method.attribute((series, static), (series, static), target=CLASS)
    assert not close.any()


@pytest.mark.parametrize("kind", ["gru", "lstm", "rnn_tanh"])
def test_deep_lift_of_a_given_state_is_one_of_integrated_paths_to_second_order(kind):
    """Near the baseline the shares are those of the derivative halfway, by autograd."""
    model = Series(kind, "state")
    series, static, *_ = drawn(model)
    direction = torch.randn_like(static)

    def error(distance):
        other = static + distance * direction
        _, scores = RecurrentDeepLiftAttribution(model, model.layer).attribute(
            (series, static), (series, other), target=CLASS
        )
        halfway = derivative(model, series, (static + other) / 2) * (static - other)
        return (scores - halfway).norm().item()

    assert error(2e-2) / error(1e-2) == pytest.approx(8, rel=0.2)


@pytest.mark.parametrize("kind", ["gru", "lstm", "rnn_tanh"])
def test_local_delta_holds_a_given_state_against_what_is_read_of_it(kind):
    """The first state is one more step: what reads the last state reads it with those weights."""
    model = Series(kind, "state")
    series, static, base, static_base = drawn(model)
    _, scores = LocalDeltaAttribution(model, model.layer).attribute(
        (series, static), (base, static_base), target=CLASS
    )
    expected = model.head.weight[CLASS] * (static - static_base)
    torch.testing.assert_close(scores, expected.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["gru", "rnn_tanh"])
def test_relevance_of_a_given_state_is_that_of_the_steps_that_led_to_it(kind):
    """A run is cut in two. Without biases nothing is lost on the way back from the cut."""
    model = Series(kind, "state")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "bias" in name:
                parameter.zero_()
    series, *_ = drawn(model)
    method = RecurrentLRPAttribution(model, model.layer, epsilon=1e-12)
    whole, _ = method.attribute(
        (series, torch.zeros(1, ROWS, HIDDEN, dtype=torch.float64)), target=CLASS
    )
    state = model.layer(series[:, :1])[1].detach()
    later, of_state = method.attribute((series[:, 1:], state), target=CLASS)
    torch.testing.assert_close(later, whole[:, 1:], rtol=0, atol=1e-7)
    torch.testing.assert_close(of_state[0].sum(1), whole[:, 0].sum(1), rtol=0, atol=1e-7)
    total = of_state[0].sum(1) + later.sum((1, 2))
    torch.testing.assert_close(
        total, model(series[:, 1:], state)[:, CLASS].detach(), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("make", [*COMPARING, RecurrentLRPAttribution])
@pytest.mark.parametrize("kind", KINDS)
def test_what_every_step_reads_gets_the_sum_of_the_steps(kind, make):
    """Against the same series with the static part written into each step by the caller."""
    model = Series(kind, "steps")
    series, static, base, static_base = drawn(model)

    def widened(series, static):
        return torch.cat([series, static.unsqueeze(1).expand(-1, TIME, -1)], 2)

    def bare(both):
        return model.head(model.layer(both)[0][:, -1])

    baselines = (base, static_base) if make in COMPARING else None
    given = {} if baselines is None else {"baselines": baselines}
    scores, of_static = make(model, model.layer).attribute((series, static), target=CLASS, **given)
    if baselines is not None:
        given = {"baselines": widened(*baselines)}
    alone = make(bare, model.layer).attribute(widened(series, static), target=CLASS, **given)
    torch.testing.assert_close(scores, alone[..., :VARIABLES], rtol=0, atol=1e-9)
    torch.testing.assert_close(of_static, alone[..., VARIABLES:].sum(1), rtol=0, atol=1e-9)


@pytest.mark.parametrize("make", [*COMPARING, RecurrentLRPAttribution])
@pytest.mark.parametrize("where", [*WHERE, "steps"])
def test_without_weights_it_scores_0(where, make):
    model = Series("gru", "begin" if where == "state" else where)
    with torch.no_grad():
        model.begin.weight[:, 0] = 0
        if where in ("head", "smooth head"):
            model.head.weight[:, -STATIC] = 0
            model.deep.weight[:, -STATIC] = 0
            model.deep.weight[-STATIC] = 0
        if where == "steps":
            model.layer.weight_ih_l0[:, VARIABLES] = 0
        model.begin.bias.zero_()
    if where == "smooth begin" and make is RecurrentDeepLiftAttribution:
        pytest.skip("refused; see below")
    series, static, *_ = drawn(model)
    _, scores = make(model, model.layer).attribute((series, static), target=CLASS)
    assert not scores[:, 0].any()
    assert scores[:, 1].all()


def test_two_rows_and_two_layers_are_told_apart():
    """A state (layers, rows, features) with as many rows as layers: the sums are those of rows."""
    model = Series("lstm", "state", depth=2)
    given = drawn(model, rows=2)
    method = RecurrentDeepLiftAttribution(model, model.layer)
    _, delta = method.attribute(
        tuple(given[:2]), tuple(given[2:]), target=CLASS, return_convergence_delta=True
    )
    assert delta.abs().max() < 1e-10


def test_one_state_for_all_rows_is_a_baseline_of_a_given_state():
    model = Series("gru", "state", depth=2)
    series, static, base, _ = drawn(model)
    one = torch.randn(model.number, HIDDEN, dtype=torch.float64)
    method = RecurrentDeepLiftAttribution(model, model.layer)
    found, expected = (
        method.attribute((series, static), (base, other), target=CLASS)
        for other in (one, one.unsqueeze(1).expand_as(static))
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("make", COMPARING)
def test_what_reaches_the_output_beside_the_layer_is_compared_with_the_baseline(make):
    """A series that a linear map of its mean carries past the layer, too."""
    model = Classifier(make_layer("gru", batch_first=True)).double()
    past = nn.Linear(5, 2).double()
    series, base = torch.randn(2, 3, 7, 5, dtype=torch.float64)
    both = make(lambda x: model(x) + past(x.mean(1)), model.layer)
    scores = both.attribute(series, base, target=CLASS)
    alone = make(model, model.layer).attribute(series, base, target=CLASS)
    expected = past.weight[CLASS] * (series - base) / 7
    torch.testing.assert_close(scores.sum(2), (alone + expected).sum(2).detach())


def test_deep_lift_past_the_layer_is_complete_for_ids_too():
    words, layer = nn.Embedding(9, 4).double(), nn.GRU(4, 3, batch_first=True).double()
    past, head = nn.Linear(4, 2).double(), nn.Linear(3, 2).double()

    def model(ids):
        vectors = words(ids)
        return head(layer(vectors)[0][:, -1]) + past(vectors.mean(1))

    ids = torch.randint(1, 9, (3, 5))
    scores = RecurrentDeepLiftAttribution(model, layer).attribute(ids, 0, target=CLASS)
    change = (model(ids) - model(torch.zeros_like(ids)))[:, CLASS]
    torch.testing.assert_close(scores.sum(1), change.detach())


def test_runs_that_hand_their_state_on_begin_with_what_is_given():
    model = Series("lstm", "state")
    series, static, base, static_base = drawn(model)

    def chunked(series, static):
        _, state = model.layer(series[:, :2], model.initial(static))
        return model.head(model.layer(series[:, 2:], state)[0][:, -1])

    for make in COMPARING:
        found, whole = (
            make(forward, model.layer).attribute(
                (series, static), (base, static_base), target=CLASS
            )
            for forward in (chunked, model)
        )
        torch.testing.assert_close(found, whole, rtol=0, atol=1e-10)


def test_deep_lift_refuses_a_smooth_way_into_the_first_state():
    model = Series("gru", "smooth begin")
    series, static, *_ = drawn(model)
    with pytest.raises(ValueError, match="not linear"):
        RecurrentDeepLiftAttribution(model, model.layer).attribute((series, static), target=CLASS)


@pytest.mark.parametrize("make", [HiddenStateDeltaAttribution, LogitDeltaAttribution])
def test_methods_of_states_refuse_what_no_step_reads(make):
    model = Series("gru", "head")
    series, static, *_ = drawn(model)
    target = {"target": CLASS} if make is LogitDeltaAttribution else {}
    with pytest.raises(ValueError, match=r"no token of inputs\[1\]"):
        make(model, model.layer).attribute((series, static), **target)


def test_an_input_that_reaches_nothing_is_refused():
    model = Series("gru", "state")
    series, static, *_ = drawn(model)
    with pytest.raises(ValueError, match=r"no token of inputs\[2\]"):
        AdjointDeltaAttribution(lambda a, b, c: model(a, b), model.layer).attribute(
            (series, static, static.clone()), target=CLASS
        )


def test_a_state_that_is_given_to_a_layer_of_other_code():
    layer, head = MinimalGRU(VARIABLES, HIDDEN).double(), nn.Linear(HIDDEN, 2).double()

    def model(series, state):
        return head(layer(series, state)[0][:, -1])

    series, state, base, state_base = (
        torch.randn(*shape, dtype=torch.float64)
        for shape in [(ROWS, TIME, VARIABLES), (ROWS, HIDDEN)] * 2
    )
    given = {"baselines": (base, state_base), "target": CLASS}
    _, scores = AdjointDeltaAttribution(model, layer).attribute((series, state), **given)
    expected = derivative(model, series, state) * (state - state_base)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-10)
    _, local = LocalDeltaAttribution(model, layer).attribute((series, state), **given)
    expected = head.weight[CLASS] * (state - state_base)
    torch.testing.assert_close(local, expected.detach(), rtol=0, atol=1e-10)


def test_a_state_that_a_cell_is_given():
    cell, head = nn.LSTMCell(VARIABLES, HIDDEN).double(), nn.Linear(HIDDEN, 2).double()

    def model(series, state):
        states = state, state.tanh()
        for step in series.unbind(1):
            states = cell(step, states)
        return head(states[0])

    series, state = torch.randn(ROWS, TIME, VARIABLES).double(), torch.randn(ROWS, HIDDEN).double()
    _, scores = AdjointDeltaAttribution(model, cell).attribute(
        (series, state), (0.0, 0.3), target=CLASS
    )
    expected = derivative(model, series, state) * (state - 0.3)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-10)
