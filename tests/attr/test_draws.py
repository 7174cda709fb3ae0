"""Models that draw random numbers: further runs of an explanation draw those of the first one."""

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
