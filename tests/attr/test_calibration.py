"""The vectors of each row's class, the file they are kept in, and the digest of a model."""

import copy
import json
import math
import os

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from captum_rnn.attr.calibration import Calibration, weights_digest
from models import Classifier

VECTORS = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]], dtype=torch.float64)


@pytest.fixture
def calibration():
    return Calibration(VECTORS.clone(), (5, 2), "0123abcd", against_baselines=True)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (2, [3.0, 3.0]),
        ([5, 2], [1.0, 3.0]),
        (torch.tensor([2, 5]), [3.0, 1.0]),
        (torch.tensor(5), [1.0, 1.0]),
        (torch.tensor([5]), [1.0, 1.0]),
    ],
)
def test_the_vector_of_each_rows_class(calibration, target, expected):
    found = calibration.vectors_for(target, batch=2)
    assert found.shape == (2, 1, 2)
    assert found[:, 0, 0].tolist() == expected


def test_a_target_without_a_vector(calibration):
    with pytest.raises(ValueError, match=r"target holds 1, but the classes \[5, 2\] were fitted"):
        calibration.vectors_for([5, 1], batch=2)
    with pytest.raises(ValueError, match=r"target holds \(5, 2\), but the classes"):
        calibration.vectors_for((5, 2), batch=2)
    with pytest.raises(ValueError, match=r"target is None, but the classes \[5, 2\] were fitted"):
        calibration.vectors_for(None, batch=2)
    alone = Calibration(VECTORS[:1], (5,), "")
    assert alone.vectors_for(None, batch=2)[:, 0, 0].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("against_baselines", [True, False, None])
def test_what_is_saved_is_loaded(tmp_path, against_baselines):
    Calibration(VECTORS, (5, 2), "0123abcd", against_baselines).save(tmp_path / "calibration")
    loaded = Calibration.load(tmp_path / "calibration")
    assert loaded.classes == (5, 2)
    assert loaded.digest == "0123abcd"
    assert loaded.vectors.dtype == torch.float64
    torch.testing.assert_close(loaded.vectors, VECTORS, rtol=0, atol=0)
    assert loaded.against_baselines is against_baselines


def test_a_missing_file_and_one_that_would_wait(tmp_path):
    with pytest.raises(FileNotFoundError):
        Calibration.load(tmp_path / "none")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="is no regular file"):
        Calibration.load(tmp_path / "fifo")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_are_refused(calibration, tmp_path, value):
    calibration.vectors.view(-1)[0] = value
    calibration.save(tmp_path / "calibration")
    with pytest.raises(ValueError, match="vectors holds NaN or infinity"):
        Calibration.load(tmp_path / "calibration")


@pytest.mark.parametrize("content", [b"", b"no safetensors", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_file_of_another_kind(tmp_path, content):
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"other holds no calibration .* give a file that"):
        Calibration.load(path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"format": "something else"}, "its format is 'something else'"),
        ({"classes": "[5, 2, 3]"}, r"3 classes with vectors of shape \(2, 1, 2\)"),
        ({"classes": "[5, true]"}, r"classes is \[5, true\]"),
        ({"classes": "{}"}, "classes is {}"),
        ({"classes": "[["}, "JSONDecodeError"),
        ({"digest": None}, "its format is"),
        ({"against_baselines": None}, "KeyError: 'against_baselines'"),
        ({"against_baselines": "3"}, "against_baselines is 3"),
    ],
)
def test_a_calibration_with_a_damaged_description(calibration, tmp_path, changed, words):
    described = {
        "format": "captum-rnn calibration 2",
        "classes": json.dumps([5, 2]),
        "against_baselines": "null",
        "digest": calibration.digest,
    } | changed
    kept = {name: text for name, text in described.items() if text is not None}
    save_file({"vectors": VECTORS}, tmp_path / "damaged", kept)
    with pytest.raises(ValueError, match=words):
        Calibration.load(tmp_path / "damaged")


def test_a_file_without_vectors(tmp_path):
    described = {"format": "captum-rnn calibration 2", "classes": "[0]", "digest": ""}
    save_file({"weights": VECTORS}, tmp_path / "without", described)
    with pytest.raises(ValueError, match=r"holds no calibration .*vectors"):
        Calibration.load(tmp_path / "without")


def test_the_digest_follows_every_weight():
    model = Classifier(nn.GRU(5, 6, batch_first=True), 50)
    digest = weights_digest(model, model.layer)
    assert len(digest) == 64
    assert weights_digest(copy.deepcopy(model), model.layer) == digest
    assert weights_digest(model.eval(), model.layer) == digest
    for name in ("embedding.weight", "layer.weight_hh_l0", "head.bias"):
        changed = copy.deepcopy(model)
        with torch.no_grad():
            changed.state_dict()[name].view(-1)[-1] += 1e-6
        assert weights_digest(changed, changed.layer) != digest, name
    assert weights_digest(copy.deepcopy(model).double(), model.layer) != digest


def test_the_digest_knows_the_kind_and_the_nonlinearity_of_the_layer():
    layers = [nn.RNN(3, 4, nonlinearity=name) for name in ("tanh", "relu")]
    layers[1].load_state_dict(layers[0].state_dict())
    assert weights_digest(layers[0], layers[0]) != weights_digest(layers[1], layers[1])
    model = Classifier(nn.RNN(3, 4))
    digest = weights_digest(model, model.layer)
    model.layer.mode = "RNN_RELU"
    assert weights_digest(model, model.layer) != digest


def test_the_digest_of_a_function_is_that_of_its_layer():
    model = Classifier(nn.GRU(5, 6, batch_first=True), 50)
    digest = weights_digest(lambda ids: model(ids), model.layer)
    assert digest == weights_digest(model.layer, model.layer)
    assert digest != weights_digest(model, model.layer)
    with torch.no_grad():
        model.head.bias += 1
    assert weights_digest(lambda ids: model(ids), model.layer) == digest


def test_half_precision_scalars_and_empty_weights_have_a_digest():
    class Odd(nn.Module):
        def __init__(self, scale):
            super().__init__()
            self.register_buffer("scale", torch.tensor(scale))
            self.register_buffer("nothing", torch.zeros(0, 3))
            self.low = nn.Parameter(torch.ones(2, dtype=torch.bfloat16))

    layer = nn.GRU(2, 2)
    assert weights_digest(Odd(1.0), layer) == weights_digest(Odd(1.0), layer)
    assert weights_digest(Odd(1.0), layer) != weights_digest(Odd(2.0), layer)


def test_a_compiled_model_has_the_digest_of_the_model_it_wraps():
    class Wrapper(nn.Module):
        def __init__(self, model):
            super().__init__()
            self._orig_mod = model

    model = Classifier(nn.GRU(5, 6, batch_first=True), 50)
    assert weights_digest(Wrapper(model), model.layer) == weights_digest(model, model.layer)
