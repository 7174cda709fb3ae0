"""A model, a batch of ids, and every way to score them."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from attribution_methods import FEATURES, METHODS, RECURRENT, VOCABULARY
from models import Classifier

DIFFERENTIATING = [name for name, method in RECURRENT.items() if method.differentiates]


@pytest.fixture
def model():
    return Classifier(nn.LSTM(FEATURES, 6, num_layers=2, batch_first=True), VOCABULARY)


@pytest.fixture
def ids():
    return torch.randint(1, VOCABULARY, (3, 7))


@pytest.fixture(params=list(METHODS))
def any_method(request, model):
    """How to make one of all classes, on `model` or what runs it, and what is known of it."""
    method = METHODS[request.param]
    if request.param != "word_information":
        return method
    return replace(method, make=partial(method.make, embedding=model.embedding))


@pytest.fixture
def make_any(any_method):
    return any_method.make


@pytest.fixture(params=list(RECURRENT))
def method(request):
    return RECURRENT[request.param]


@pytest.fixture
def make(method):
    return method.make


@pytest.fixture(params=DIFFERENTIATING)
def make_differentiating(request):
    return RECURRENT[request.param].make
