"""All classes pickled, deep-copied and used by several threads at once, against a plain call."""

import copy
import pickle
import threading

import pytest
import torch
from torch import nn

from attribution_methods import FEATURES, TOKEN, VOCABULARY, calibrated
from captum_rnn.attr import (
    AdjointDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
    WordInformationAttribution,
)
from captum_rnn.attr.noise_search import NoiseSearch
from models import Classifier


def word_information(model, layer):
    return WordInformationAttribution(model, layer, embedding=model.embedding, state_variance=0.3)


CLASSES = {
    "hidden_state": (HiddenStateDeltaAttribution, {}),
    "logit": (LogitDeltaAttribution, {}),
    "local": (LocalDeltaAttribution, {"baselines": TOKEN}),
    "adjoint": (AdjointDeltaAttribution, {}),
    "deep_lift": (RecurrentDeepLiftAttribution, {}),
    "relevance": (RecurrentLRPAttribution, {}),
    "calibrated": (calibrated, {}),
    "word_information": (
        word_information,
        {"search": NoiseSearch(max_steps=2, pairs=1, probes=2, directions=2)},
    ),
}


@pytest.fixture(params=CLASSES)
def case(request):
    """One attribution of a model of two layers, and a function that calls such an object."""
    make, arguments = CLASSES[request.param]
    model = Classifier(nn.GRU(FEATURES, 6, num_layers=2, batch_first=True), VOCABULARY).eval()

    def scores(method, ids):
        return method.attribute(ids, target=1, **arguments)

    return make(model, model.layer), scores


@pytest.fixture
def ids():
    return torch.randint(1, VOCABULARY, (4, 3, 7)).unbind()


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda method: pickle.loads(pickle.dumps(method))]
)
def test_a_copy_scores_by_its_own_model(case, ids, copied):
    method, scores = case
    expected = scores(method, ids[0])
    again = copied(method)
    with torch.no_grad():
        for weight in method.forward_func.parameters():
            weight.zero_()
    assert torch.equal(scores(again, ids[0]), expected)


def test_four_threads_get_what_each_gets_alone(case, ids):
    method, scores = case
    expected = [scores(method, each) for each in ids]
    together, faults = threading.Barrier(len(ids)), []

    def work(number):
        together.wait()
        try:
            for _ in range(6):
                torch.testing.assert_close(scores(method, ids[number]), expected[number])
        except Exception as error:
            faults.append((number, error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(ids))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
