"""A GRU written by hand as a plain module, against the nn.GRU with the same weights."""

from typing import get_args

import pytest
import torch
from torch import nn

from captum_rnn.attr import (
    AdjointDeltaAttribution,
    CalibratedDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
)
from captum_rnn.functional import Distance
from other_layers import gru_step, looped

FEATURES, HIDDEN, TIME = 3, 4, 6
TOKEN = torch.linspace(-1, 1, FEATURES, dtype=torch.float64)


class HandWrittenGRU(nn.Module):
    """Nothing in it is torch's; its state is (batch, hidden)."""

    def __init__(self):
        super().__init__()
        for name, weight in nn.GRU(FEATURES, HIDDEN).named_parameters():
            setattr(self, name, nn.Parameter(weight.detach().clone()))

    def by_hand(self, token, state):
        hidden = gru_step(self, token, state[0])
        return hidden, (hidden,)

    def forward(self, tokens, hidden=None):
        hidden = tokens.new_zeros(len(tokens), HIDDEN) if hidden is None else hidden
        outputs, (hidden,) = looped(self, tokens, (hidden,))
        return outputs, hidden


class Model(nn.Module):
    def __init__(self, layer, reads):
        super().__init__()
        self.layer, self.reads, self.head = layer, reads, nn.Linear(HIDDEN, 2)

    def forward(self, tokens, initial=None):
        if initial is not None and isinstance(self.layer, nn.GRU):
            initial = initial.unsqueeze(0)
        outputs, state = self.layer(tokens, initial)
        state = state[0] if state.dim() == 3 else state
        pools = {"mean": outputs.mean(1), "max": outputs.amax(1), "state": state}
        read = outputs[:, self.reads] if isinstance(self.reads, int) else pools[self.reads]
        return self.head(read.tanh())


def twins(reads):
    layer = HandWrittenGRU()
    plain = nn.GRU(FEATURES, HIDDEN, batch_first=True)
    plain.load_state_dict(layer.state_dict())
    written, model = (Model(of, reads).double() for of in (layer, plain))
    written.head.load_state_dict(model.head.state_dict())
    return written, model


@pytest.fixture(params=["mean", "state"])
def models(request):
    return twins(request.param)


def both(models, make, *, initial=None, **options):
    given = {"baselines": options.pop("baselines")} if "baselines" in options else {}
    tokens = torch.randn(2, TIME, FEATURES, dtype=torch.float64)
    return [
        make(model, model.layer, **options)
        .attribute(tokens, target=1, additional_forward_args=(initial,), **given)
        .sum(-1)
        for model in models
    ]


@pytest.mark.parametrize("with_initial", [False, True])
@pytest.mark.parametrize(
    ("make", "options"),
    [
        (LogitDeltaAttribution, {}),
        (LocalDeltaAttribution, {"baselines": TOKEN}),
        (AdjointDeltaAttribution, {}),
        (AdjointDeltaAttribution, {"baselines": TOKEN}),
    ],
)
def test_every_method(models, make, options, with_initial):
    initial = torch.randn(2, HIDDEN, dtype=torch.float64) if with_initial else None
    found, expected = both(models, make, initial=initial, **options)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("with_initial", [False, True])
@pytest.mark.parametrize(
    ("distance", "readout"),
    list(zip(get_args(Distance), ["final", "mean", "max", 2, -1], strict=True)),
)
def test_every_distance_and_readout(distance, readout, with_initial):
    initial = torch.randn(2, HIDDEN, dtype=torch.float64) if with_initial else None
    models = twins("state" if readout == "final" else readout)
    options = {"distance": distance, "readout": readout}
    found, expected = both(models, HiddenStateDeltaAttribution, initial=initial, **options)
    torch.testing.assert_close(found, expected)


def test_the_logit_delta_knows_its_sum(models):
    tokens, initial = torch.randn(2, TIME, FEATURES).double(), torch.randn(2, HIDDEN).double()
    found, expected = (
        LogitDeltaAttribution(model, model.layer).attribute(
            tokens, target=1, additional_forward_args=(initial,), return_convergence_delta=True
        )[1]
        for model in models
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("baselines", [None, TOKEN])
def test_calibrated_delta(models, baselines):
    tokens = torch.randn(8, TIME, FEATURES).double()
    found, expected = (
        CalibratedDeltaAttribution(model, model.layer)
        .fit([tokens], show_progress=False)
        .attribute(tokens, baselines, target=1)
        for model in models
    )
    torch.testing.assert_close(found, expected)


def test_what_the_layer_does_not_have(models):
    model = models[0]
    for options, said in (
        ({"state": "cell"}, "HandWrittenGRU, which has no cell state"),
        ({"direction": "backward"}, "HandWrittenGRU reads forward only"),
        ({"layer_index": 1}, "HandWrittenGRU has 1 layer"),
    ):
        method = HiddenStateDeltaAttribution(model, model.layer, **options)
        with pytest.raises(ValueError, match=said):
            method.attribute(torch.randn(1, TIME, FEATURES).double())
