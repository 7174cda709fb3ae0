"""What the class refuses, in a sentence."""

import math

import pytest
import torch
from torch import nn

from captum_rnn.attr.noise_search import NoiseSearch
from captum_rnn.attr.word_information import WordInformationAttribution
from models import Classifier, hooks
from readers import FEATURES

SHORT = NoiseSearch(max_steps=2, pairs=1, probes=2, directions=2)
VOCABULARY = 50


@pytest.fixture
def model():
    return Classifier(nn.LSTM(FEATURES, 6, batch_first=True), VOCABULARY).eval()


@pytest.fixture
def ids():
    return torch.randint(1, VOCABULARY, (3, 5))


def test_an_embedding_that_the_model_does_not_use(model, ids):
    method = WordInformationAttribution(
        model, model.layer, embedding=nn.Embedding(VOCABULARY, FEATURES)
    )
    with pytest.raises(ValueError, match=r"the embedding \(Embedding\) did not run"):
        method.attribute(ids, search=SHORT)
    assert hooks(model) == 0


def test_a_layer_that_does_not_depend_on_the_embedding(model, ids):
    other = nn.Linear(3, 4)

    def forward(tokens):
        model(tokens)
        return other(torch.ones(len(tokens), 3))

    method = WordInformationAttribution(
        forward, other, embedding=model.embedding, state_variance=1.0
    )
    with pytest.raises(ValueError, match="the layer's output does not depend on the embedding"):
        method.attribute(ids, search=SHORT)
    with pytest.raises(
        ValueError, match=r"the variance of the state of Linear over inputs is 0\.0"
    ):
        method.fit([ids])


def test_a_loss_that_is_not_finite(model, ids):
    nn.init.constant_(model.head.weight, math.inf)
    method = WordInformationAttribution(
        model, model.head, embedding=model.embedding, state_variance=1.0
    )
    with pytest.raises(ValueError, match="not finite"):
        method.attribute(ids, search=SHORT)


def test_a_model_that_drops_out(ids):
    model = Classifier(nn.LSTM(FEATURES, 6, 2, dropout=0.5, batch_first=True), VOCABULARY)
    method = WordInformationAttribution(model, model.layer, embedding=model.embedding)
    with pytest.raises(ValueError, match=r"two runs .* call model.eval\(\) first"):
        method.attribute(ids, search=SHORT)


def test_wrong_arguments(model, ids):
    def make(**options):
        return WordInformationAttribution(model, model.layer, embedding=model.embedding, **options)

    with pytest.raises(ValueError, match="readout is 'mean'; expected"):
        make(readout="mean")
    for name in ("rate", "scale"):
        with pytest.raises(ValueError, match=f"{name} is -1.0; expected a finite number above 0"):
            make(**{name: -1.0})
    with pytest.raises(ValueError, match=r"Identity.* has no weight to take the largest σ from"):
        WordInformationAttribution(model, model.layer, embedding=nn.Identity())
    with pytest.raises(ValueError, match="quantity is 'bits'"):
        make().attribute(ids, quantity="bits")
    with pytest.raises(ValueError, match="inputs holds 2 tensors"):
        make().attribute((ids, ids))
    with pytest.raises(ValueError, match="readout position 5 of row 0 is out of range"):
        make(readout=5).attribute(ids, search=SHORT)
    with pytest.raises(ValueError, match="batches hold 0 state"):
        make().fit([])
    with pytest.raises(ValueError, match="has no axis of 5 token"):
        WordInformationAttribution(
            model, model.head, embedding=model.embedding, readout=1
        ).attribute(ids)
    with pytest.raises(NotImplementedError, match="call attribute"):
        make().attribute_future()


def test_a_layer_in_inference_mode_has_no_derivative():
    model = Classifier(nn.GRU(4, 5, batch_first=True), 20)

    def forward(ids):
        with torch.inference_mode():
            return model.head(model.layer(model.embedding(ids))[1][-1])

    information = WordInformationAttribution(
        forward, model.layer, embedding=model.embedding, state_variance=0.3
    )
    with pytest.raises(ValueError, match=r"runs GRU in torch\.inference_mode"):
        information.attribute(torch.randint(20, (2, 3)))
