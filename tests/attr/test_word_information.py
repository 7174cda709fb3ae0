"""The class against closed forms, over every kind of layer and layout."""

import math

import pytest
import torch
from captum.attr._utils.attribution import InternalAttribution
from torch import nn

from captum_rnn import pack_tokens
from captum_rnn.attr.noise_search import NoiseSearch
from captum_rnn.attr.word_information import WordInformationAttribution
from models import Classifier
from readers import FEATURES, LENGTHS, make_case

SEARCH = NoiseSearch(max_steps=20, pairs=1)
SHORT = NoiseSearch(max_steps=2, pairs=1, probes=2, directions=2)
VOCABULARY = 50


class Linear(nn.Module):
    """Embedding → one matrix for all words of a text → (batch, width)."""

    def __init__(self, words=5, features=4, width=3):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, features)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(words * features, width)
        self.double()

    def forward(self, ids):
        return self.linear(self.flatten(self.embedding(ids)))

    def squared_gains(self):
        """‖A_i‖_F² of each word."""
        parts = self.linear.weight.reshape(3, 5, 4)
        return parts.square().sum((0, 2)).detach()


@pytest.fixture
def linear():
    return Linear()


@pytest.fixture
def model():
    return Classifier(nn.LSTM(FEATURES, 6, batch_first=True), VOCABULARY).eval()


@pytest.fixture
def ids():
    return torch.randint(1, VOCABULARY, (3, 5))


def test_a_linear_layer_agrees_with_the_closed_form(linear, ids):
    method = WordInformationAttribution(
        linear, linear.linear, embedding=linear.embedding, scale=50.0
    )
    fit_ids = torch.randint(1, VOCABULARY, (200, 5))
    method.fit([fit_ids[:120], (fit_ids[120:],)])
    states = linear(fit_ids).detach()
    assert method.state_variance == pytest.approx(float(states.var(0, correction=0).sum()))
    expected = (0.1 * method.state_variance / (2 * 5 * linear.squared_gains())).sqrt()
    sigma = method.attribute(ids, quantity="sigma", search=NoiseSearch(max_steps=60))
    assert isinstance(method, InternalAttribution)
    torch.testing.assert_close(sigma, expected.expand(3, 5), rtol=0.02, atol=0)
    entropy = method.attribute(ids, search=NoiseSearch(max_steps=60))
    torch.testing.assert_close(entropy, 2 * math.log(2 * math.pi * math.e) + 4 * sigma.log())
    information = method.attribute(ids, quantity="information", search=NoiseSearch(max_steps=60))
    torch.testing.assert_close(information, 4 * (math.log(50.0) - sigma.log()))
    share = method.attribute(ids, quantity="share", search=NoiseSearch(max_steps=60))
    torch.testing.assert_close(share, information / information.sum(1, keepdim=True))


def test_without_fit_each_text_is_measured_against_its_own_state(linear, ids):
    method = WordInformationAttribution(
        linear, linear.linear, embedding=linear.embedding, scale=50.0
    )
    sigma = method.attribute(ids, quantity="sigma", search=NoiseSearch(max_steps=60))
    squares = linear(ids).detach().square().sum(1, keepdim=True)
    expected = (0.1 * squares / (2 * 5 * linear.squared_gains())).sqrt()
    torch.testing.assert_close(sigma, expected, rtol=0.02, atol=0)


def test_the_scale_defaults_to_the_authors_advice(model):
    method = WordInformationAttribution(model, model.layer, embedding=model.embedding)
    assert method.scale == pytest.approx(10 * float(model.embedding.weight.detach().std()))


@pytest.mark.over_every_layer
def test_recurrent_layers_of_every_layout(
    kind, num_layers, bidirectional, batch_first, packed, with_initial_state
):
    """At a state after the first token of a one-way network, later tokens are unknown."""
    case = make_case(kind, num_layers, bidirectional, batch_first, packed, with_initial_state)

    class Embedded(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Identity()
            self.layer = case.layer

        def forward(self, tokens, lengths=None, initial=None):
            embedded = self.embedding(tokens)
            fed = embedded if case.layer.batch_first else embedded.transpose(0, 1)
            if lengths is not None:
                fed = nn.utils.rnn.pack_padded_sequence(
                    fed, lengths, case.layer.batch_first, enforce_sorted=False
                )
            return case.layer(fed, initial)[1]

    model = Embedded()
    method = WordInformationAttribution(
        model, case.layer, embedding=model.embedding, readout=0, scale=2.0, state_variance=1e-6
    )
    scores = method.attribute(
        case.inputs,
        additional_forward_args=case.forward_args,
        quantity="information",
        search=SHORT,
    )
    assert scores.shape == case.inputs.shape
    information = scores.sum(-1)
    if kind != "rnn_relu":  # of which a whole state may be cut off
        assert (information[:, 0] > 0).all()
    if packed:
        for row, length in enumerate(LENGTHS):
            assert (information[row, length:] == 0).all()
    if not bidirectional:
        assert (information[:, 1:] == 0).all()
    elif kind != "rnn_relu":
        assert (information[:, 1 : min(LENGTHS)] > 0).all()


def test_every_state_and_the_last_one(model, ids):
    """One LSTM read as a whole keeps the last word; its first state knows the first word alone."""

    def information(readout):
        method = WordInformationAttribution(
            model, model.layer, embedding=model.embedding, readout=readout, state_variance=1.0
        )
        return method.attribute(ids, quantity="information", search=SEARCH)

    assert (information(0)[:, 1:] == 0).all()
    assert (information("all") > 0).all()
    assert torch.equal(information("final"), information(-1))
    assert torch.equal(information(torch.tensor([0, 1, 4]))[0], information(0)[0])


def test_padding_is_zero_and_changes_nothing(model):
    ids = torch.randint(1, VOCABULARY, (3, 6))
    lengths = torch.tensor([6, 2, 4])
    for quantity in ("entropy", "sigma", "information", "share"):
        method = WordInformationAttribution(
            model, model.layer, embedding=model.embedding, state_variance=0.3
        )
        scores = method.attribute(
            ids, additional_forward_args=(lengths,), quantity=quantity, search=SEARCH
        )
        for row, length in enumerate(lengths.tolist()):
            assert (scores[row, length:] == 0).all()
            assert (scores[row, :length] != 0).any()


def test_tokens_of_a_sequence_from_pack_tokens():
    class Packing(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, FEATURES, padding_idx=0)
            self.layer = nn.GRU(FEATURES, 6, batch_first=True)

        def forward(self, ids):
            return self.layer(pack_tokens(self.embedding(ids), ids != 0))[1][-1]

    model = Packing().eval()
    method = WordInformationAttribution(
        model, model.layer, embedding=model.embedding, state_variance=0.3
    )
    scores = method.attribute(torch.tensor([[3, 0, 7, 0], [5, 6, 0, 8]]), search=SEARCH)
    assert (scores == 0).tolist() == [[False, True, False, True], [False, False, True, False]]


def test_rows_do_not_depend_on_their_batch(model, ids):
    method = WordInformationAttribution(
        model, model.layer, embedding=model.embedding, state_variance=0.3
    )
    together = method.attribute(ids, search=SEARCH)
    torch.testing.assert_close(
        method.attribute(ids[[2, 0]], search=SEARCH), together[[2, 0]], rtol=1e-4, atol=1e-4
    )
    assert torch.equal(method.attribute(ids, search=SEARCH), together)


def test_time_first_inputs(model, ids):
    def time_first(tokens):
        return model.head(model.layer(model.embedding(tokens).transpose(0, 1))[0].mean(1))

    given = WordInformationAttribution(
        model, model.layer, embedding=model.embedding, state_variance=0.3
    )
    expected = given.attribute(ids, search=SEARCH)
    method = WordInformationAttribution(
        time_first, model.layer, embedding=model.embedding, state_variance=0.3, batch_first=False
    )
    scores = method.attribute(ids.t(), search=SEARCH)
    torch.testing.assert_close(scores, expected.t(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stage", ["encoder", "last"])
def test_a_transformer(stage, ids):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(VOCABULARY, 8)
            layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

        def forward(self, ids):
            return self.encoder(self.embedding(ids))

    model = Encoder().eval()
    layer = model.encoder if stage == "encoder" else model.encoder.layers[-1]
    method = WordInformationAttribution(model, layer, embedding=model.embedding, readout=0)
    method.fit([torch.randint(1, VOCABULARY, (32, 5))])
    information = method.attribute(ids, quantity="information", search=SEARCH)
    assert (information > 0).all()
    assert (information[:, 0] > information[:, 1:].mean(1)).all()


def test_a_state_that_is_zero(model, ids):
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    method = WordInformationAttribution(model, model.head, embedding=model.embedding)
    with pytest.raises(ValueError, match="the state of row 0 is zero"):
        method.attribute(ids, search=SHORT)
