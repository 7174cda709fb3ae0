"""Norms of two features, and what saturates: derivatives that are rounding, or nothing at all."""

import pytest
import torch
from torch import nn

from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentLRPAttribution,
)

WORDS, TIME, HIDDEN = 20, 5, 4
TURNED = torch.eye(TIME).flip(0)
"""Turns the time round by a product, through which no place is followed but by derivatives."""


def layer_norm(vectors):
    middle = vectors - vectors.mean(-1, keepdim=True)
    return middle / (middle.square().mean(-1, keepdim=True) + 1e-5).sqrt()


def by_deviation(vectors):
    return (vectors - vectors.mean(-1, keepdim=True)) / (vectors.std(-1, keepdim=True) + 1e-6)


NORMS = {"layer norm": layer_norm, "by deviation": by_deviation}
SATURATED = {
    "one feature": lambda vectors: nn.functional.normalize(vectors[..., :1], dim=-1).expand(
        *vectors.shape[:-1], 2
    ),
    "tanh": lambda vectors: (1e3 * vectors).tanh(),
    "softmax": lambda vectors: (1e4 * vectors).softmax(-1),
    "sigmoid": lambda vectors: (1e4 * vectors).sigmoid(),
}


class Model(nn.Module):
    """Word vectors of two features, something before the layer, and a head."""

    def __init__(self, before, dtype=torch.float64):
        super().__init__()
        self.embedding, self.before = nn.Embedding(WORDS, 2), before
        self.layer = nn.GRU(2, HIDDEN, batch_first=True)
        self.head = nn.Linear(HIDDEN, 3)
        self.to(dtype).eval()

    def of_read(self, read):
        return self.head(self.layer(read)[0][:, -1].tanh())

    def of_vectors(self, vectors):
        return self.of_read(self.before(vectors))

    def forward(self, ids):
        return self.of_vectors(self.embedding(ids))


def turned(vectors):
    return TURNED.to(vectors) @ vectors


@pytest.fixture
def ids():
    return torch.randint(WORDS, (3, TIME))


@pytest.mark.filterwarnings("ignore:relevance sums")
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("order", [torch.clone, turned])
@pytest.mark.parametrize("norm", NORMS)
def test_a_norm_of_two_features_keeps_its_tokens(ids, norm, order, dtype):
    """All that a step reads of its token is a sign, and its derivative is rounding."""
    model = Model(lambda vectors: order(NORMS[norm](vectors)), dtype)
    vectors = model.embedding(ids).detach()
    read = model.before(vectors)
    for method in (
        HiddenStateDeltaAttribution,
        LogitDeltaAttribution,
        AdjointDeltaAttribution,
        RecurrentLRPAttribution,
    ):
        alone = method(model.of_read, model.layer).attribute(read, target=1, per_step=True)
        expected = turned(alone.unsqueeze(2)).squeeze(2) if order is turned else alone
        of_ids = method(model, model.layer).attribute(ids, target=1)
        of_vectors = method(model.of_vectors, model.layer).attribute(
            vectors, target=1, per_step=True
        )
        for found in (of_ids, of_vectors):
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", SATURATED)
@pytest.mark.parametrize("method", [HiddenStateDeltaAttribution, AdjointDeltaAttribution])
def test_what_saturates_is_said(ids, method, name, dtype):
    """Steps whose tokens have no derivative left are no start tokens."""
    model = Model(lambda vectors: turned(SATURATED[name](vectors)), dtype)
    said = "no token was followed to|read no token of inputs"
    with torch.no_grad():  # some token keeps its derivative, or none does
        model.embedding.weight[0] = 1e-4 * torch.tensor([1.0, -1.0])
    ids[:, 2] = 0
    with pytest.raises(ValueError, match=said):
        method(model, model.layer).attribute(ids, target=1)
    vectors = model.embedding(ids).detach()
    with pytest.raises(ValueError, match=said):
        method(model.of_vectors, model.layer).attribute(vectors, target=1)
    scores = method(model, model.layer).attribute(ids, target=1, attribute_to_layer_input=True)
    assert scores.shape == (3, TIME, 2)


def with_start(vectors):
    return torch.cat([torch.ones_like(vectors[:, :1]), turned(vectors)[:, :-1]], 1)


def masked(vectors):
    return turned(vectors * (vectors != 0).any(2, keepdim=True)) + 1


def at_tokens(before, of_steps):
    """What belongs to the steps (rows, time), where their tokens stand."""
    if before is with_start:
        of_steps = torch.cat([of_steps[:, 1:], torch.zeros_like(of_steps[:, :1])], 1)
    return of_steps.flip(1)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("before", [with_start, masked])
def test_steps_that_read_no_token_are_none_that_were_lost(ids, before, training):
    model = Model(lambda vectors: nn.functional.dropout(before(vectors), 0.5, training))
    model.train(training)
    vectors = model.embedding(ids).detach()
    if before is masked:
        vectors[0, 2:] = 0
    torch.manual_seed(1)
    method = HiddenStateDeltaAttribution(model.of_vectors, model.layer)
    scores = method.attribute(vectors, per_step=True)
    torch.manual_seed(1)
    read = model.before(vectors)
    alone = HiddenStateDeltaAttribution(model.of_read, model.layer).attribute(read, per_step=True)
    expected = at_tokens(before, alone)
    is_read = at_tokens(before, (read != 0).any(2).to(alone)) * (vectors != 0).any(2)
    torch.testing.assert_close(scores, expected * is_read, rtol=0, atol=1e-12)


def test_the_model_runs_twice_more_at_most(ids):
    ids[0, 3:] = 0
    without_padding = lambda vectors: turned(vectors) * (ids.flip(1) != 0).unsqueeze(2)  # noqa: E731
    for before, runs in ((turned, 1), (without_padding, 1), (with_start, 3)):
        model = Model(before)
        seen = []
        model.layer.register_forward_hook(lambda *_, seen=seen: seen.append(1))
        AdjointDeltaAttribution(model, model.layer).attribute(ids, target=1)
        assert len(seen) == runs
