"""Models that draw random numbers or keep states: further runs begin as the first one did."""

import pytest
import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
)

COMPARING = [AdjointDeltaAttribution, LocalDeltaAttribution, RecurrentDeepLiftAttribution]


class Dropping(nn.Module):
    """Drops out in one place, in training mode or always."""

    def __init__(self, where, several=False, always=False):
        super().__init__()
        self.where, self.several, self.always = where, several, always
        self.lower, self.upper = (nn.GRU(n, 4, batch_first=True) for n in (3, 4))
        self.head = nn.Linear(4, 2)
        self.double().train(not always)

    @property
    def layers(self):
        return [self.lower, self.upper] if self.several else self.lower

    def drop(self, where, values):
        if where != self.where:
            return values
        return nn.functional.dropout(values, 0.5, self.training or self.always)

    def forward(self, series):
        states = self.lower(self.drop("before", series))[0]
        if self.several:
            states = self.upper(self.drop("between", states))[0]
        return self.head(self.drop("behind", states.mean(1)))


def runs_of(model, seed, *each):
    """The values of some inputs, all with the same numbers drawn."""
    values = []
    for series in each:
        torch.manual_seed(seed)
        values.append(model(series)[:, 1].detach())
    return values


PLACES = [("before", False), ("behind", False), ("before", True), ("between", True)]


@pytest.mark.parametrize("always", [False, True])
@pytest.mark.parametrize(("where", "several"), PLACES)
@pytest.mark.parametrize("method", COMPARING)
def test_nothing_has_changed_from_the_inputs_themselves(method, where, several, always):
    if several and method is LocalDeltaAttribution:
        pytest.skip("for layers beside each other")
    model = Dropping(where, several, always)
    series = torch.randn(2, 5, 3, dtype=torch.float64)
    scores = method(model, model.layers).attribute(series, series.clone(), target=1)
    torch.testing.assert_close(scores, torch.zeros_like(scores), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("where", "several"), PLACES)
def test_the_change_that_deep_lift_shares_out(where, several):
    model = Dropping(where, several)
    series, others = torch.randn(2, 2, 5, 3, dtype=torch.float64)
    torch.manual_seed(1)
    scores, delta = RecurrentDeepLiftAttribution(model, model.layers).attribute(
        series, others, target=1, return_convergence_delta=True
    )
    value, instead = runs_of(model, 1, series, others)
    torch.testing.assert_close(scores.sum((1, 2)), value - instead, rtol=0, atol=1e-12)
    torch.testing.assert_close(delta, torch.zeros_like(delta), rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", [*COMPARING, LogitDeltaAttribution])
def test_one_run_is_drawn_and_no_more(method):
    model, series = Dropping("before"), torch.randn(2, 5, 3, dtype=torch.float64)
    torch.manual_seed(1)
    model(series)
    expected = torch.rand(3)
    torch.manual_seed(1)
    given = () if method is LogitDeltaAttribution else (0.0,)
    method(model, model.layers).attribute(series, *given, target=1)
    assert torch.equal(torch.rand(3), expected)


class Keeping(nn.Module):
    """Goes on from where its last run stopped: an attribute, or a buffer that is written to."""

    def __init__(self, how):
        super().__init__()
        self.how, self.layer, self.cell = how, nn.GRU(3, 4, batch_first=True), nn.GRUCell(3, 4)
        self.head = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
        self.state = None
        self.register_buffer("written", torch.randn(2, 4))
        self.double()

    @property
    def followed(self):
        return self.cell if self.how == "cell" else self.layer

    def states(self, series):
        before = self.written if self.how == "buffer" else self.state
        if self.how == "cell":
            states = []
            for token in series.unbind(1):
                before = self.cell(token, before)
                states.append(before)
            return torch.stack(states, 1), before
        before = None if before is None else before.unsqueeze(0)
        parts = [series] if self.how != "chunks" else series.split(2, 1)
        outputs = []
        for part in parts:
            output, before = self.layer(part, before)
            outputs.append(output)
        return torch.cat(outputs, 1), before[0]

    def forward(self, series):
        outputs, end = self.states(series)
        if self.how == "buffer":
            self.written.copy_(end.detach())
        else:
            self.state = end.detach()
        return self.head(outputs.mean(1))

    def begin(self, state):
        self.state = state
        if state is not None:
            self.written.copy_(state)
        return self


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("how", ["once", "buffer", "chunks", "cell"])
def test_a_baseline_is_read_from_the_state_that_the_inputs_were_read_from(how, begun):
    model, first = Keeping(how), torch.randn(2, 4, dtype=torch.float64) if begun else None
    series, others = torch.randn(2, 2, 5, 3, dtype=torch.float64)
    written = model.written.clone()

    def run(given):
        model.written.copy_(written)
        return model.begin(None if first is None else first.clone())(given)[:, 1].detach()

    instead, value = run(others), run(series)
    state, kept = model.state, model.written.clone()
    model.written.copy_(written)
    model.begin(None if first is None else first.clone())
    scores, delta = RecurrentDeepLiftAttribution(model, model.followed).attribute(
        series, others, target=1, return_convergence_delta=True
    )
    torch.testing.assert_close(scores.sum((1, 2)), value - instead, rtol=0, atol=1e-12)
    torch.testing.assert_close(delta, torch.zeros_like(delta), rtol=0, atol=1e-12)
    assert torch.equal(model.written, kept)  # as after the one run
    if how != "buffer":
        assert torch.equal(model.state, state)


@pytest.mark.parametrize("method", COMPARING)
def test_statistics_of_batches_are_taken_once(method):
    model = Dropping("nowhere").eval()
    norm = nn.BatchNorm1d(4).double().train()
    forward = lambda series: model.head(norm(model.lower(series)[0].mT).mean(2))  # noqa: E731
    series = torch.randn(1, 5, 3, dtype=torch.float64)
    method(forward, model.lower).attribute(series, 0.0, target=1)
    assert norm.num_batches_tracked == 1
