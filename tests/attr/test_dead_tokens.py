"""Tokens of which nothing but zeros is left before the layer, which steps on over them.

What is right is the layer alone, given what stands before it as its input.
"""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LeaveOneOutAttribution,
    LogitDeltaAttribution,
)


def written(x):
    x = x.clone()
    x[x < 0] = 0.0
    return x


ZEROS = torch.zeros(3).double()
FRONTS = {
    "mask": lambda x: x * (x > 0),
    "mask of numbers": lambda x: (x > 0).double() * x,
    "mask in place": lambda x: x.clone().mul_(x > 0),
    "written": written,
    "where": lambda x: torch.where(x <= 0, ZEROS, x),
    "where of a number": lambda x: x.where(x > 0, 0.0),
    "where missing": lambda x: torch.where(torch.isnan(x), 0.0, x),
    "masked_fill": lambda x: x.masked_fill(~(x > 0), 0.0),
    "threshold": lambda x: F.threshold(x, 0.5, 0.0),
    "prelu": lambda x: F.prelu(x, ZEROS[:1]),
    "maximum": lambda x: torch.maximum(x, ZEROS),
    "max": lambda x: torch.max(x, ZEROS),
    "fmax": lambda x: torch.fmax(x, ZEROS),
    "minimum": lambda x: -torch.minimum(-x, ZEROS),
    "mask and product": lambda x: (x * (x > 0)) @ torch.ones(3, 3).to(x),
}
METHODS = [
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LogitDeltaAttribution,
    LeaveOneOutAttribution,
]


@pytest.mark.parametrize("features", [1, 3])
@pytest.mark.parametrize("name", FRONTS)
@pytest.mark.parametrize("made", METHODS)
def test_a_dead_token_keeps_the_score_of_its_step(made, name, features):
    layer, head = nn.LSTM(3, 4, batch_first=True).double(), nn.Linear(4, 2).double()
    widen = nn.Linear(features, 3, bias=False).double() if features < 3 else nn.Identity()
    front = FRONTS[name]
    if features == 1 and name in ("where", "maximum", "max", "fmax", "minimum", "mask and product"):
        return  # beside three numbers, a single one is three
    given = {} if made is HiddenStateDeltaAttribution else {"target": 1}
    series = torch.randn(2, 5, features).double()
    series[0, 1:3] = -series[0, 1:3].abs()
    series[1, -1] = -1.0
    if name == "where missing":
        series = torch.where(series < 0, torch.nan, series)

    def read(vectors):
        return head(layer(widen(vectors))[0][:, -1])

    left = front(series).detach()
    assert (left == 0).all(2).sum() >= 3
    expected = made(lambda vectors: head(layer(vectors)[0][:, -1]), layer).attribute(
        widen(left).detach(), per_step=True, **given
    )
    found = made(lambda series: read(front(series)), layer).attribute(
        series, per_step=True, **given
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


NAMED = {
    "mask": "mul",
    "mask of numbers": "mul",
    "mask in place": "mul",
    "written": "__setitem__",
    "where": "where",
    "masked_fill": "masked_fill",
    "maximum": "maximum",
    "prelu": "prelu",
}


@pytest.mark.parametrize("name", NAMED)
def test_behind_what_only_derivatives_can_follow_a_dead_token_is_named(name):
    convolution = nn.Conv1d(3, 3, 1).double()
    layer, head = nn.LSTM(3, 4, batch_first=True).double(), nn.Linear(4, 2).double()
    nn.init.constant_(convolution.bias, -1.0)
    front = FRONTS[name]

    def model(series):
        return head(layer(front(convolution(series.transpose(1, 2)).transpose(1, 2)))[0][:, -1])

    with pytest.raises(ValueError, match=rf"as {NAMED[name]}\(\) makes the same of tokens"):
        AdjointDeltaAttribution(model, layer).attribute(torch.randn(2, 5, 3).double(), target=1)
    alive = 9 * torch.ones(2, 5, 3).double() @ convolution.weight[:, :, 0].detach()
    scores = AdjointDeltaAttribution(model, layer).attribute(alive, target=1, per_step=True)
    assert (scores != 0).all()


def test_padding_that_a_mask_of_whole_tokens_hides_is_not_read():
    layer, head = nn.LSTM(3, 4, batch_first=True).double(), nn.Linear(4, 2).double()
    series, lengths = torch.randn(2, 5, 3).double(), torch.tensor([3, 5])
    is_token = (torch.arange(5) < lengths.unsqueeze(1)).unsqueeze(2)

    def masked(series):
        return head(layer(series * is_token)[0][:, -1])

    scores = AdjointDeltaAttribution(masked, layer).attribute(series, target=1, per_step=True)
    assert (scores[0, 3:] == 0).all()
    assert (scores[0, :3] != 0).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("order", [torch.clone, lambda x: x.flip(1)], ids=["as it is", "turned"])
def test_derivatives_of_rounding_alone_put_no_token_at_another_step(order, dtype):
    """A token with one number that is not 0 is normed to 1, whatever that number is."""
    for seed in range(40):
        torch.manual_seed(seed)
        layer, head = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 2)
        for module in (layer, head):
            module.to(dtype)
        series = torch.randn(2, 5, 3).to(dtype)

        def front(series):
            return order(F.normalize(series.relu(), dim=2))

        def read(vectors, layer=layer, head=head):
            return head(layer(vectors)[0][:, -1])

        expected = AdjointDeltaAttribution(read, layer).attribute(
            front(series), target=1, per_step=True
        )
        method = AdjointDeltaAttribution(lambda series, read=read: read(front(series)), layer)
        found = method.attribute(series, target=1, per_step=True)
        torch.testing.assert_close(found, order(expected))


MIXTURES = {
    "mean": lambda x, w: (1 - w) * x + w * x.mean(1, keepdim=True),
    "gate": lambda x, w: x * torch.sigmoid(4 * w * x.mean(1, keepdim=True)),
    "step before": lambda x, w: x + w * F.pad(x, (0, 0, 1, 0))[:, :-1],
}


@pytest.mark.parametrize("mixture", MIXTURES)
@pytest.mark.parametrize(
    ("dtype", "share"),
    [(torch.float64, 0.01), (torch.float32, 0.01), (torch.bfloat16, 0.3), (torch.float16, 0.3)],
)
def test_a_little_of_other_tokens_makes_no_token_of_its_own(mixture, dtype, share):
    """Digits of base 2 were read as those of half precision, a fifth of other tokens being none."""
    for seed in range(5):
        torch.manual_seed(seed)
        layer, head = nn.LSTM(3, 4, batch_first=True).to(dtype), nn.Linear(4, 2).to(dtype)
        series = torch.randn(2, 9, 3).to(dtype)

        def forward(series, layer=layer, head=head):
            return head(layer(MIXTURES[mixture](series, share))[0][:, -1])

        with pytest.raises(ValueError, match="read several tokens each"):
            HiddenStateDeltaAttribution(forward, layer).attribute(series)
