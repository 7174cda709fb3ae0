"""Series compared with baselines near to them: every score is a derivative times a difference.

By autograd through the whole model as it is, whatever stands before and behind its layer. What a
model is not explained with feature by feature, as it mixes them without being linear, says so.
"""

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from captum_rnn import AdjointDeltaAttribution, RecurrentDeepLiftAttribution

ROWS, TIME, VARIABLES, HIDDEN, NEAR = 3, 6, 3, 5, 1e-5
MODELS = {}


class Around(nn.Module):
    """A layer with the modules that the functions below use."""

    def __init__(self, name):
        super().__init__()
        torch.manual_seed(0)
        self.body, options = MODELS[name]
        width = options.get("width", VARIABLES)
        if options.get("cell"):
            self.layer = nn.GRUCell(width, HIDDEN)
        else:
            self.layer = nn.GRU(width, HIDDEN, batch_first=True)
        self.out, self.of_last = nn.Linear(HIDDEN, 2), nn.Linear(VARIABLES, 2)
        self.mix, self.begin = nn.Linear(VARIABLES, VARIABLES), nn.Linear(VARIABLES, HIDDEN)
        self.convolution = nn.Conv1d(VARIABLES, VARIABLES, 3, padding=1)
        self.attention = nn.MultiheadAttention(HIDDEN, 1, batch_first=True)
        self.double().eval()

    def forward(self, *inputs):
        return self.body(self, *inputs)

    def last(self, read, state=None):
        return self.out(self.layer(read, state)[0][:, -1])


def model(**options):
    def known(body):
        MODELS[body.__name__] = body, options
        return body

    return known


@model()
def normalised_by_its_own_mean(self, x):
    mean = x.mean(1, keepdim=True)
    return self.last(x - mean) + mean[:, 0, :2]


@model()
def less_its_last_value(self, x):
    return self.last(x - x[:, -1:]) + x[:, -1, :2]


@model()
def beside_the_last_values(self, x):
    return self.last(x) + self.of_last(x[:, -1]).tanh()


@model()
def gated_behind_the_layer(self, x):
    return self.last(x) * self.of_last(x.mean(1)).sigmoid()


@model()
def behind_a_convolution(self, x):
    return self.last(self.convolution(x.transpose(1, 2)).transpose(1, 2).relu())


@model(width=2 * VARIABLES)
def with_differences(self, x):
    return self.last(torch.cat([x, nn.functional.pad(x.diff(dim=1), (0, 0, 1, 0))], 2))


@model()
def smoothed(self, x):
    states = [x[:, 0]]
    for step in x[:, 1:].unbind(1):
        states.append(0.7 * states[-1] + 0.3 * step)
    return self.last(torch.stack(states, 1))


@model()
def averaged_by_two(self, x):
    return self.last(nn.functional.avg_pool1d(x.transpose(1, 2), 2).transpose(1, 2))


@model(width=2 * VARIABLES)
def in_patches(self, x):
    return self.last(x.reshape(len(x), TIME // 2, 2 * VARIABLES))


@model(width=1)
def each_variable_alone(self, x):
    states = self.layer(x.transpose(1, 2).reshape(-1, TIME, 1))[0][:, -1]
    return self.out(states.view(len(x), VARIABLES, HIDDEN).mean(1))


@model(width=TIME)
def over_the_variables(self, x):
    return self.last(x.transpose(1, 2))


@model(width=VARIABLES + 1)
def with_the_time(self, x):
    time = torch.linspace(0, 1, TIME).to(x).view(1, -1, 1).expand(len(x), -1, -1)
    return self.last(torch.cat([x, time], 2))


@model()
def of_logarithms(self, x):
    return self.last(x.exp().log1p())


@model()
def packed(self, x):
    given = pack_padded_sequence(
        x[..., [2, 0, 1]] + 1, torch.tensor([6, 4, 2]), batch_first=True, enforce_sorted=False
    )
    return self.out(self.layer(given)[1][-1])


@model()
def behind_attention_over_the_states(self, x):
    states = self.layer(x)[0]
    return self.out(self.attention(states, states, states)[0].mean(1))


@model()
def begun_by_the_series(self, x):
    return self.last(x, self.begin(x.mean(1)).unsqueeze(0))


@model()
def in_chunks(self, x):
    first, state = self.layer(x[:, :3])
    return self.last(x[:, 3:], state) + self.out(first[:, -1])


@model()
def in_chunks_that_decay(self, x):
    state = None
    for chunk in x.split(2, 1):
        outputs, state = self.layer(chunk, state)
        state = 0.5 * state
    return self.out(outputs[:, -1] + state[0])


@model(cell=True)
def cells_with_a_residual(self, x):
    state = x.new_zeros(len(x), HIDDEN)
    for step in x.unbind(1):
        state = state + self.layer(self.mix(step), state)
    return self.out(state)


@model(cell=True, beside=2)
def decay_over_gaps_in_time(self, x, is_there, gaps):
    """Missing values are filled by the last ones, and states fade."""
    state, last = x.new_zeros(len(x), HIDDEN), x.new_zeros(len(x), VARIABLES)
    for step, there, gap in zip(x.unbind(1), is_there.unbind(1), gaps.unbind(1), strict=True):
        last = torch.where(there > 0, step, last)
        state = self.layer(last, state * torch.exp(-self.begin(gap).relu()))
    return self.out(state)


@model(shares=True)
def gated_by_other_variables(self, x):
    return self.last(x * self.mix(x).sigmoid())


@model(shares=True)
def probabilities(self, x):
    return self.last(x.softmax(2))


REFUSED = {"in_chunks_that_decay", "cells_with_a_residual", "decay_over_gaps_in_time"}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", [AdjointDeltaAttribution, RecurrentDeepLiftAttribution])
def test_scores_are_the_derivative_times_the_difference(method, name):
    around, options = Around(name), MODELS[name][1]
    x, direction = torch.randn(2, ROWS, TIME, VARIABLES).double()
    beside = ()
    if options.get("beside"):
        beside = (torch.rand(x.shape) > 0.4).double(), torch.rand(x.shape).double()
    leaf = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(around(leaf, *beside)[:, 1].sum(), leaf)
    expected = slope * direction
    given = {"target": 1, "additional_forward_args": beside or None}
    explain = method(around, around.layer)
    if method is RecurrentDeepLiftAttribution and name in REFUSED:
        with pytest.raises(ValueError, match="AdjointDelta"):
            explain.attribute(x, x - NEAR * direction, **given)
        return
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        scores = explain.attribute(x, x - NEAR * direction, **given) / NEAR
    told = any("shared equally" in str(warning.message) for warning in seen)
    assert told == bool(options.get("shares"))
    if told:
        scores, expected = scores.sum(2), expected.sum(2)
    tolerance = 1e-4 * float(expected.abs().max())
    torch.testing.assert_close(scores, expected, rtol=0, atol=tolerance)
