"""Shapley values of what is replaced by a baseline, against the definition over all sets."""

import itertools
import math
import warnings

import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from captum_rnn import RecurrentShapleyAttribution
from captum_rnn.baselines import carry_forward, mean_of


class Forecaster(nn.Module):
    """A GRU over series, its last state and a head that is not linear."""

    def __init__(self, features, *, batch_first=True, kind=nn.GRU, hidden=5):
        super().__init__()
        self.batch_first = batch_first
        self.layer = kind(features, hidden, batch_first=batch_first)
        self.head = nn.Linear(hidden, 3)

    def forward(self, series, scale=None):
        outputs = self.layer(series)[0]
        answers = self.head(outputs[:, -1] if self.batch_first else outputs[-1]).tanh()
        return answers if scale is None else answers * scale.unsqueeze(1)


def by_definition(value, players):
    """Of every player, over all sets of the others: `value` of the set that is kept."""
    scores = dict.fromkeys(players, 0.0)
    for player in players:
        others = [other for other in players if other != player]
        for size in range(len(players)):
            for kept in itertools.combinations(others, size):
                share = math.factorial(size) * math.factorial(len(others) - size)
                share /= math.factorial(len(players))
                scores[player] += share * (value({*kept, player}) - value(set(kept)))
    return scores


def of_cells(model, series, baseline, target, **arguments):
    """The definition for every number of series (batch, time, features)."""
    found = torch.zeros_like(series)
    for row in range(len(series)):
        own = {name: value[row : row + 1] for name, value in arguments.items()}

        def value(kept, row=row, own=own):
            changed = baseline[row].clone()
            for place in kept:
                changed[place] = series[row][place]
            return model(changed.unsqueeze(0), **own)[0, target[row]].item()

        cells = list(itertools.product(*map(range, series.shape[1:])))
        for place, score in by_definition(value, cells).items():
            found[row][place] = score
    return found


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Forecaster(2).double().eval()


@pytest.fixture
def series():
    return torch.randn(2, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def same(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("baseline", ["number", "mean", "carried"])
def test_every_number_is_replaced_by_the_baseline(model, series, baseline):
    given = {
        "number": 0.25,
        "mean": mean_of([series]),
        "carried": carry_forward(series),
    }[baseline]
    base = torch.as_tensor(given, dtype=series.dtype).expand(series.shape)
    method = RecurrentShapleyAttribution(model, model.layer)
    target = torch.tensor([2, 0])
    scores, errors, delta = method.attribute(
        series,
        target,
        baselines=given,
        n_samples=14,
        return_standard_error=True,
        return_convergence_delta=True,
    )
    same(scores, of_cells(model, series, base, target.tolist()))
    assert (errors == 0).all()
    assert delta.abs().max() < 1e-12
    if baseline == "carried":
        assert (scores[:, 0] == 0).all()  # the first step stands for itself


def test_all_numbers_of_a_step_are_replaced_together(model, series):
    method = RecurrentShapleyAttribution(model, model.layer)
    scores = method.attribute(series, 1, baselines=0.0, per_step=True)
    for row in range(2):

        def value(kept, row=row):
            changed = torch.zeros_like(series[row])
            for step in kept:
                changed[step] = series[row, step]
            return model(changed.unsqueeze(0))[0, 1].item()

        expected = by_definition(value, range(3))
        same(scores[row], torch.tensor([expected[step] for step in range(3)], dtype=series.dtype))


def test_the_time_may_come_first_and_arguments_go_with_their_rows(model, series):
    other = Forecaster(2, batch_first=False).double().eval()
    other.load_state_dict(model.state_dict())
    scale = torch.tensor([0.5, -2.0], dtype=series.dtype)
    method = RecurrentShapleyAttribution(other, other.layer, batch_first=False)
    turned = series.transpose(0, 1)
    scores = method.attribute(turned, 1, scale, baselines=0.0, n_samples=14)
    zeros = torch.zeros_like(series)
    same(scores.transpose(0, 1), of_cells(model, series, zeros, [1, 1], scale=scale))


def test_padding_is_not_replaced(model, series):
    method = RecurrentShapleyAttribution(model, model.layer)
    scores = method.attribute(series, 1, baselines=0.0, n_samples=14, lengths=torch.tensor([3, 2]))
    assert (scores[1, 2] == 0).all()
    base = series.clone()
    base[1, :2] = 0
    same(scores[1].sum(), model(series)[1, 1] - model(base)[1, 1])


class Tagged(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.inner = Forecaster(4)

    def forward(self, ids):
        return self.inner(self.embedding(ids))


def test_ids_are_replaced_by_an_id():
    torch.manual_seed(0)
    model = Tagged().double().eval()
    ids = torch.tensor([[3, 5, 0, 7]])
    method = RecurrentShapleyAttribution(model, model.inner.layer)
    scores = method.attribute(ids, 1, baselines=0, n_samples=8)

    def value(kept):
        changed = [[id_ if place in kept else 0 for place, id_ in enumerate(ids[0].tolist())]]
        return model(torch.tensor(changed))[0, 1].item()

    expected = by_definition(value, range(4))
    same(scores[0], torch.tensor([expected[place] for place in range(4)], dtype=scores.dtype))
    assert scores[0, 2] == 0
    with pytest.raises(ValueError, match="baselines holds vectors for ids"):
        method.attribute(ids, 1, baselines=torch.zeros(4))


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_scans_come_near_to_what_orders_converge_to(kind):
    torch.manual_seed(3)
    model = Forecaster(5, kind=kind, hidden=16).double().eval()
    series = torch.randn(3, 10, 5, dtype=torch.float64)
    method = RecurrentShapleyAttribution(model, model.layer)
    orders, scans = (
        method.attribute(series, 1, baselines=0.0, estimator=estimator, n_samples=n_samples)
        for estimator, n_samples in (("permutations", 400), ("scans", 32))
    )
    for of_orders, of_scans in zip(orders.flatten(1), scans.flatten(1), strict=True):
        assert spearmanr(of_orders, of_scans).statistic > 0.97
    same(scans.sum((1, 2)), model(series)[:, 1] - model(torch.zeros_like(series))[:, 1])
    same(method.attribute(series, 1, baselines=0.0, n_samples=32), scans)


def test_orders_are_drawn_where_scans_do_not_tell_features_apart(series):
    torch.manual_seed(0)
    inner = Forecaster(6).double().eval()
    norm = nn.LayerNorm(6).double()
    method = RecurrentShapleyAttribution(lambda x: inner(norm(x)), inner.layer)
    wide = torch.randn(2, 8, 6, dtype=torch.float64)
    auto, orders = (
        method.attribute(wide, 1, baselines=0.0, estimator=estimator, n_samples=4)
        for estimator in ("auto", "permutations")
    )
    same(auto, orders)
    for empty in ([], [0]):  # a row without players tells nothing of the others
        wide[empty] = 0
        with pytest.raises(ValueError, match='estimator="permutations"'):
            method.attribute(wide, 1, baselines=0.0, estimator="scans")


def test_an_argument_that_is_no_rows_own_is_refused(series):
    torch.manual_seed(0)
    layer, head = nn.GRU(2, 5, num_layers=2, batch_first=True).double(), nn.Linear(5, 3).double()
    method = RecurrentShapleyAttribution(lambda x, state: head(layer(x, state)[0][:, -1]), layer)
    states = torch.randn(2, 2, 5, dtype=torch.float64)  # (layers, rows, state)
    with pytest.raises(ValueError, match="or an argument is no row's own"):
        method.attribute(series, 1, states, baselines=0.0)


def test_one_input_alone_has_parts_that_are_replaced(model, series):
    method = RecurrentShapleyAttribution(model, model.layer)
    with pytest.raises(ValueError, match="inputs holds 2 tensor"):
        method.attribute((series, series[:, 0, 0]), 1, baselines=(0.0, 0.0))


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("estimator", ["permutations", "scans"])
def test_series_that_change_each_others_answers_are_refused(rows, estimator):
    """Batch statistics are the same in another order, and of each row twice, but not of parts."""
    torch.manual_seed(0)
    inner, norm = Forecaster(2).double(), nn.BatchNorm1d(2).double().train()
    series = torch.randn(rows, 4, 2, dtype=torch.float64)

    def forward(given):
        return inner(norm(given.transpose(1, 2)).transpose(1, 2))

    method = RecurrentShapleyAttribution(forward, inner.layer)
    with pytest.raises(ValueError, match=r"or beside others.* call model.eval\(\)"):
        method.attribute(series, 1, baselines=0.0, estimator=estimator, n_samples=2)
    norm.eval()
    found = method.attribute(series, 1, baselines=0.0, n_samples=256)
    same(found, of_cells(forward, series, torch.zeros_like(series), [1] * rows))


@pytest.mark.filterwarnings("ignore:this head is deprecated")
def test_scans_are_not_kept_from_models_that_warn_of_something_else():
    torch.manual_seed(0)
    inner = Forecaster(3).double().eval()
    series = torch.randn(2, 15, 3, dtype=torch.float64)

    def warning(given):
        warnings.warn("this head is deprecated", UserWarning, stacklevel=1)
        return inner(given)

    expected, *found = (
        RecurrentShapleyAttribution(model, inner.layer).attribute(
            series, 1, baselines=0.0, estimator=estimator
        )
        for model, estimator in ((inner, "scans"), (warning, "scans"), (warning, "auto"))
    )
    for of_warning in found:
        same(of_warning, expected)
