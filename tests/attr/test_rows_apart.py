"""Batches whose rows the model mixes: refused, and right one row at a time."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from captum_rnn import (
    AdjointDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
)

READING = [
    AdjointDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentLRPAttribution,
    RecurrentDeepLiftAttribution,
]


class Mixing(nn.Module):
    """Mixes the rows of a batch before (`front`) or behind (`head`) its layer."""

    def __init__(self, front=None, head=None, kind=nn.GRU):
        super().__init__()
        self.layer = kind(3, 4, batch_first=True)
        self.norm, self.norm_of_states = nn.BatchNorm1d(3), nn.BatchNorm1d(4)
        self.top = nn.Linear(4, 2)
        self.front, self.mix = front, head
        self.double()

    def forward(self, vectors):
        read = vectors if self.front is None else self.front(self, vectors)
        state = self.layer(read)[0].tanh().mean(1)
        return self.top(state if self.mix is None else self.mix(self, state))


HEADS = {
    "centred": lambda model, state: state - 0.1 * state.mean(0),
    "attention over the batch": lambda model, state: (state @ state.T).softmax(1) @ state,
    "batch normalisation": lambda model, state: model.norm_of_states(state),
    "compared with the first row": lambda model, state: state - state[:1],
    "neighbours": lambda model, state: state + 0.01 * state.roll(1, 0),
}
FRONTS = {
    "centred": lambda model, vectors: vectors - vectors.mean((0, 1)),
    "batch normalisation": lambda model, vectors: model.norm(vectors.transpose(1, 2)).transpose(
        1, 2
    ),
}


@pytest.mark.parametrize("kind", READING)
@pytest.mark.parametrize("head", HEADS)
def test_a_head_that_mixes_rows_is_refused(kind, head):
    model = Mixing(head=HEADS[head])
    with pytest.raises(ValueError, match=r"depends on other rows .* explain one row at a time"):
        kind(model, model.layer).attribute(torch.randn(3, 5, 3).double(), target=1)


@pytest.mark.parametrize("front", FRONTS)
def test_what_mixes_rows_before_the_layer_is_refused(front):
    model = Mixing(front=FRONTS[front])
    with pytest.raises(ValueError, match="depends on other rows"):
        AdjointDeltaAttribution(model, model.layer).attribute(
            torch.randn(3, 5, 3).double(), target=1
        )


@pytest.mark.parametrize("kind", READING)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_rows_of_usual_heads_are_apart(kind, dtype):
    """In a precision that rounds: each row's scores are those of the row alone."""
    model = Mixing(head=lambda model, state: F.layer_norm(model.norm_of_states(state), (4,)))
    model.eval().to(dtype)
    vectors = torch.randn(9, 5, 3).to(dtype)
    scores = kind(model, model.layer).attribute(vectors, target=1)
    alone = [kind(model, model.layer).attribute(row[None], target=1) for row in vectors]
    rounding = 100 * torch.finfo(dtype).eps
    torch.testing.assert_close(scores, torch.cat(alone), rtol=0, atol=rounding)


def test_a_mixing_head_is_right_one_row_at_a_time():
    model = Mixing(head=HEADS["attention over the batch"])
    vectors = torch.randn(1, 5, 3).double()
    plain = Mixing()  # the attention of a row to itself alone changes nothing
    plain.load_state_dict(model.state_dict())
    scores = [
        AdjointDeltaAttribution(m, m.layer).attribute(vectors, target=1) for m in (model, plain)
    ]
    torch.testing.assert_close(*scores)


def test_rows_are_apart_in_a_walk_through_convolutions():
    """Where tokens mix within their row only."""
    model = Mixing(front=lambda model, vectors: vectors + vectors.roll(1, 1))
    vectors = torch.randn(3, 5, 3).double()
    leaf = vectors.clone().requires_grad_()
    (derivative,) = torch.autograd.grad(model(leaf)[:, 1].sum(), leaf)
    scores = AdjointDeltaAttribution(model, model.layer).attribute(vectors, target=1)
    torch.testing.assert_close(scores.sum(2), (derivative * vectors).sum(2))


def test_rows_are_asked_about_again_in_another_mode():
    """A model that was found apart in eval mode is not in training mode."""
    model = Mixing(head=HEADS["batch normalisation"]).eval()
    method, vectors = LogitDeltaAttribution(model, model.layer), torch.randn(3, 5, 3).double()
    scores = method.attribute(vectors, target=1)
    torch.testing.assert_close(method.attribute(vectors, target=1), scores)
    method.attribute(vectors[:1], target=1)
    model.train()
    with pytest.raises(ValueError, match="depends on other rows"):
        method.attribute(vectors, target=1)


def test_one_row_alone_says_nothing_of_several():
    model = Mixing(head=HEADS["centred"])
    method, vectors = LogitDeltaAttribution(model, model.layer), torch.randn(3, 5, 3).double()
    method.attribute(vectors[:1], target=1)
    with pytest.raises(ValueError, match="depends on other rows"):
        method.attribute(vectors, target=1)
