"""Where each word stands in what the layer read."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from captum_rnn.attr.noise_search import NoiseSearch
from captum_rnn.attr.word_information import WordInformationAttribution
from models import Classifier
from readers import FEATURES

SEARCH = NoiseSearch(max_steps=20, pairs=1)


VOCABULARY = 50


@pytest.mark.parametrize("how", ["reversed", "first dropped", "strided", "sorted"])
def test_words_are_found_wherever_the_layer_reads_them(how):
    """Words that the state depends on are measured, in whatever order and step they are read."""
    model = Classifier(nn.LSTM(3, 6, batch_first=True), VOCABULARY).eval()
    conv, lengths = nn.Conv1d(3, 3, 2, stride=2), torch.tensor([3, 6])
    ids = torch.randint(1, VOCABULARY, (2, 6))

    def forward(ids):
        vectors, steps = model.embedding(ids), lengths
        if how == "reversed":
            return model.layer(vectors.flip(1))[0][:, -1]
        if how == "first dropped":
            vectors, steps = vectors[:, 1:], lengths - 1
        if how == "strided":
            vectors, steps = conv(vectors.transpose(1, 2)).transpose(1, 2), lengths // 2
        order = steps.argsort(descending=how == "sorted")
        packed = pack_padded_sequence(vectors[order], steps[order], True, enforce_sorted=False)
        return model.layer(packed)[1][0][-1][order.argsort()]

    method = WordInformationAttribution(
        forward, model.layer, embedding=model.embedding, state_variance=0.3
    )
    scores = method.attribute(ids, quantity="sigma", search=SEARCH)
    expected = {
        "reversed": [[True] * 6] * 2,
        "first dropped": [[False, True, True, False, False, False], [False] + [True] * 5],
        "strided": [[True, True, False, False, False, False], [True] * 6],
        "sorted": [[True] * 3 + [False] * 3, [True] * 6],
    }[how]
    assert (scores > 0).tolist() == expected


class Rearranging(nn.Module):
    """Hands its words to the layer in another order, or others of them."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.embedding = nn.Embedding(VOCABULARY, FEATURES)
        self.conv = nn.Conv1d(FEATURES, FEATURES, 2, stride=2)
        self.layer = nn.LSTM(FEATURES, 6, batch_first=True)

    def forward(self, ids, lengths):
        read, back = self.embedding(ids), torch.arange(len(ids))
        if self.how == "sorted":
            lengths, order = lengths.sort(descending=True)
            read, back = read[order], order.argsort()
        if self.how == "first dropped":
            read, lengths = read[:, 1:], lengths - 1
        if self.how == "convolved":
            read, lengths = self.conv(read.transpose(1, 2)).transpose(1, 2), lengths // 2
        if self.how == "reversed":
            return self.layer(read.flip(1))[0][:, -1]
        packed = pack_padded_sequence(read, lengths, batch_first=True, enforce_sorted=False)
        return self.layer(packed)[1][0][-1][back]


@pytest.mark.parametrize("how", ["sorted", "first dropped", "convolved", "reversed"])
def test_words_stand_where_the_layer_read_them(how):
    model, ids = Rearranging(how).eval(), torch.randint(VOCABULARY, (2, 6))
    lengths = torch.tensor([4, 6])
    method = WordInformationAttribution(
        model, model.layer, embedding=model.embedding, state_variance=0.3
    )
    scores = method.attribute(ids, additional_forward_args=(lengths,), search=SEARCH)
    vectors = model.embedding(ids).detach().requires_grad_()
    handle = model.embedding.register_forward_hook(lambda *_: vectors)
    model(ids, lengths).square().sum().backward()
    handle.remove()
    assert torch.equal(scores != 0, vectors.grad.abs().sum(2) > 0)


def test_lengths_and_positions_that_do_not_fit_what_was_read():
    ids, lengths = torch.randint(VOCABULARY, (2, 6)), torch.tensor([4, 6])
    for how, readout, given in (
        ("reversed", "final", lengths),
        ("sorted", torch.tensor([2, 3]), None),
    ):
        model = Rearranging(how).eval()
        method = WordInformationAttribution(
            model, model.layer, embedding=model.embedding, readout=readout, state_variance=0.3
        )
        with pytest.raises(ValueError, match=r"lengths\[0\] is 4|another row"):
            method.attribute(ids, None, (lengths,), lengths=given, search=SHORT)


SHORT = NoiseSearch(max_steps=2, pairs=1, probes=2, directions=2)
