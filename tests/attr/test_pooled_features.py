"""Steps that read several tokens, each of them alone: what becomes of their features' scores."""

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


def against_zero(forward, layer, **options):
    method = AdjointDeltaAttribution(forward, layer, **options)
    method.attribute = partial(method.attribute, baselines=0.0)
    return method


METHODS = {
    "relevance": RecurrentLRPAttribution,
    "deep_lift": RecurrentDeepLiftAttribution,
    "local": LocalDeltaAttribution,
    "adjoint": against_zero,
    "adjoint, exact": partial(against_zero, features="exact"),
}


@pytest.fixture(params=list(METHODS))
def make(request):
    return METHODS[request.param]


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("pool", ["mean", "max", "words"])
@pytest.mark.filterwarnings("ignore:.*shared equally")
def test_each_of_them_has_a_share(make, pool, rows):
    """Neither twice nor lost: downsampled series, and word pieces that become words.

    What each is worth goes on by derivatives; the exact step of a feature is shared equally.
    """
    layer, head = nn.GRU(3, 6, batch_first=True).double(), nn.Linear(6, 2).double()
    inputs = torch.randn(rows, 6, 3).double()
    sizes = [2, 3, 1] if pool == "words" else [2, 2, 2]

    def read_of(inputs):
        if pool == "words":
            return torch.stack([part.sum(1) for part in inputs.split(sizes, 1)], 1)
        pooling = nn.functional.avg_pool1d if pool == "mean" else nn.functional.max_pool1d
        return pooling(inputs.transpose(1, 2), 2).transpose(1, 2)

    def whole(read):
        return head(layer(read)[0].mean(1))

    if pool == "max":  # each token is the largest in some feature
        inputs[:, ::2, 0], inputs[:, ::2, 1] = inputs[:, 1::2, 0] + 1, inputs[:, 1::2, 1] - 1
    with torch.no_grad():
        read = read_of(inputs)
    method = make(lambda inputs: whole(read_of(inputs)), layer)
    scores = method.attribute(inputs, target=1)
    alone = make(whole, layer)
    of_read = alone.attribute(read, target=1)
    if make is METHODS["adjoint, exact"]:
        if pool == "max":
            of_read = alone.attribute(read, target=1, per_step=True).unsqueeze(2).expand(-1, -1, 3)
            of_read = of_read / 3
        for step, part in enumerate(torch.split(scores, sizes, 1)):
            expected = of_read[:, step : step + 1] / sizes[step]
            torch.testing.assert_close(part, expected.expand_as(part), rtol=0, atol=1e-12)
        return
    leaf = inputs.clone().requires_grad_()
    (worth,) = torch.autograd.grad((read_of(leaf) * of_read / read).sum(), leaf)
    torch.testing.assert_close(scores, inputs * worth, rtol=0, atol=1e-12)
    if make in (RecurrentLRPAttribution, RecurrentDeepLiftAttribution):
        by_steps = method.attribute(inputs, target=1, per_step=True)
        torch.testing.assert_close(scores.sum(2), by_steps, rtol=0, atol=1e-12)
