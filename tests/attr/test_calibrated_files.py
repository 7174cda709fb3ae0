"""A calibration that is saved, loaded and held against the weights of the model."""

import copy

import pytest
import torch
from torch import nn

from calibrated import fitted
from captum_rnn.attr.calibrated_delta import CalibratedDeltaAttribution
from models import Classifier

VOCABULARY = 50


@pytest.fixture
def model():
    return Classifier(nn.GRU(5, 6, batch_first=True), VOCABULARY)


@pytest.fixture
def calibrated(model, ids):
    return fitted(model, [ids])


def test_before_it_is_calibrated(model, ids, tmp_path):
    calibrated = CalibratedDeltaAttribution(model, model.layer)
    with pytest.raises(ValueError, match="no calibration yet; call fit with some dozens of texts"):
        calibrated.attribute(ids, target=1)
    with pytest.raises(ValueError, match="no calibration yet"):
        calibrated.save(tmp_path / "calibration")


def test_saved_and_loaded(model, calibrated, ids, tmp_path):
    path = tmp_path / "calibration.safetensors"
    calibrated.save(path)
    loaded = CalibratedDeltaAttribution(model, model.layer).load(path)
    torch.testing.assert_close(
        loaded.attribute(ids, target=1), calibrated.attribute(ids, target=1), rtol=0, atol=0
    )


def test_loaded_on_another_model(model, calibrated, tmp_path):
    path = tmp_path / "calibration.safetensors"
    calibrated.save(path)
    digest = calibrated.calibration.digest
    with torch.no_grad():
        model.head.bias += 1
    other = CalibratedDeltaAttribution(model, model.layer)
    with pytest.raises(ValueError, match=rf"digest {digest[:12]}…, but this model's weights have"):
        other.load(path)
    assert other.calibration is None


def test_scores_are_refused_once_the_weights_have_changed(model, calibrated, ids):
    scores = calibrated.attribute(ids, target=1)
    weights = copy.deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    model(ids).sum().backward()
    optimizer.step()
    with pytest.raises(ValueError, match=r"the calibration was fitted .* fit again"):
        calibrated.attribute(ids, target=1)
    model.load_state_dict(weights)
    assert torch.equal(calibrated.attribute(ids, target=1), scores)


def test_loaded_with_other_options(ids, tmp_path):
    path, model = tmp_path / "calibration", Classifier(nn.LSTM(5, 6, batch_first=True), VOCABULARY)
    both = {"with_cells": True, "by_distance": True}
    calibrated = fitted(model, [ids], kind=both)
    calibrated.save(path)
    loaded = CalibratedDeltaAttribution(model, model.layer, **both).load(path)
    assert torch.equal(loaded.attribute(ids, target=1), calibrated.attribute(ids, target=1))
    for other in ({}, {"with_cells": True}, {"by_distance": True}):
        with pytest.raises(ValueError, match="was fitted with by_distance=True and with_cells=Tru"):
            CalibratedDeltaAttribution(model, model.layer, **other).load(path)
