"""Models that go on to write into what their layer has read: as if they did not."""

import pytest
import torch
from torch import nn

from attribution_methods import RECURRENT
from captum_rnn import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LogitDeltaAttribution,
)
from models import Classifier

WORDS, FEATURES, HIDDEN = 50, 5, 6


class Writing(Classifier):
    """Fills its word vectors, once read, with something else."""

    def forward(self, tokens):
        vectors = self.embedding(tokens)
        vectors[:, 0] *= 2
        outputs, _ = self.layer(vectors)
        vectors.zero_()
        return self.head(outputs[:, -1])


class Leaving(Classifier):
    """Does the same before the layer, and nothing behind it."""

    def forward(self, tokens):
        vectors = self.embedding(tokens)
        vectors = torch.cat([2 * vectors[:, :1], vectors[:, 1:]], 1)
        return self.head(self.layer(vectors)[0][:, -1])


@pytest.mark.usefixtures("in_one_run")
def test_word_vectors_that_are_overwritten_behind_the_layer(make):
    models = [
        kind(nn.GRU(FEATURES, HIDDEN, batch_first=True), WORDS) for kind in (Writing, Leaving)
    ]
    models[1].load_state_dict(models[0].state_dict())
    ids = torch.randint(WORDS, (3, 4))
    scores = [make(model, model.layer).attribute(ids, target=1) for model in models]
    torch.testing.assert_close(*scores, rtol=0, atol=1e-6)


class Looping(nn.Module):
    """A cell that reads each token from one and the same buffer, or not."""

    def __init__(self, buffered):
        super().__init__()
        self.words, self.cell = nn.Embedding(WORDS, FEATURES), nn.LSTMCell(FEATURES, HIDDEN)
        self.head, self.buffered = nn.Linear(HIDDEN, 2), buffered

    def forward(self, tokens):
        buffer, state = torch.zeros(len(tokens), FEATURES), None
        for token in tokens.unbind(1):
            vectors = self.words(token)
            state = self.cell(buffer.copy_(vectors) if self.buffered else vectors, state)
        return self.head(state[0])


@pytest.mark.parametrize("name", ["hidden_state", "logit", "adjoint", "relevance", "deep_lift"])
def test_one_buffer_for_all_steps(name):
    models = Looping(True), Looping(False)
    models[1].load_state_dict(models[0].state_dict())
    ids, make = torch.randint(WORDS, (3, 4)), RECURRENT[name].make
    scores = [make(model, model.cell).attribute(ids, target=1) for model in models]
    torch.testing.assert_close(*scores, rtol=0, atol=1e-6)


def test_what_normalises_a_series_in_place():
    """Which inference never needed a graph of; the same scores as by new tensors."""
    layer, head = nn.GRU(4, 5, batch_first=True).double(), nn.Linear(5, 2).double()
    series = torch.randn(2, 6, 4).double()
    kept = series.clone()

    def in_place(series, axis):
        series = series.clone()
        series -= series.mean(axis, keepdim=True)
        series /= series.std(axis, keepdim=True)
        return head(layer(series.tanh())[1][-1])

    def anew(series, axis):
        series = series - series.mean(axis, keepdim=True)
        return head(layer((series / series.std(axis, keepdim=True)).tanh())[1][-1])

    for axis, made in (
        (2, HiddenStateDeltaAttribution),
        (2, LogitDeltaAttribution),
        (2, AdjointDeltaAttribution),
        (1, AdjointDeltaAttribution),
    ):
        found, expected = (
            made(forward, layer).attribute(
                series, target=1, additional_forward_args=(axis,), per_step=True
            )
            for forward in (in_place, anew)
        )
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)
    assert torch.equal(series, kept)
