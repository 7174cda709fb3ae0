"""A model, a batch of ids, and every way to score them."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from attribution_methods import FEATURES, METHODS, RECURRENT, REMOVING, VOCABULARY
from models import Classifier

READING = [name for name, method in (RECURRENT | REMOVING).items() if method.reads_output]


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


@pytest.fixture(params=list(RECURRENT | REMOVING))
def method(request):
    return METHODS[request.param]


@pytest.fixture
def make(method):
    return method.make


@pytest.fixture(params=READING)
def make_reading(request):
    """How to make a method that looks at what the model answers."""
    return METHODS[request.param].make


@pytest.fixture
def in_one_run(request):
    """Skips methods that remove tokens, where the model cannot be run on other texts."""
    name = "any_method" if "any_method" in request.fixturenames else "method"
    if request.getfixturevalue(name).removes:
        pytest.skip("the model is run on other texts too")
