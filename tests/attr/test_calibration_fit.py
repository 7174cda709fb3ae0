"""What the vectors of a calibration are learnt from, and by which teachers."""

import functools

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from calibrated import expected_steps, fitted
from captum_rnn.attr.adjoint_delta import AdjointDeltaAttribution
from captum_rnn.attr.calibrated_delta import CalibratedDeltaAttribution
from captum_rnn.attr.logit_delta import LogitDeltaAttribution
from models import Classifier
from readers import TIME, Reader, make_case
from unrolled import padded, unrolled_rows

VOCABULARY = 50


@pytest.fixture
def model():
    return Classifier(nn.GRU(5, 6, batch_first=True), VOCABULARY)


@pytest.mark.parametrize("with_reference", [False, True], ids=["state", "reference"])
@pytest.mark.parametrize("packed", [False, True], ids=["padded", "packed"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "two-way"])
@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn_tanh"])
def test_the_ridge_regression_agrees_with_numpy(kind, bidirectional, packed, with_reference):
    case = make_case(kind, 2, bidirectional, packed=packed)
    reader = Reader(case.layer)
    token = case.reference if with_reference else None
    taught = torch.randn(2, *case.inputs.shape, dtype=torch.float64)
    arguments = case.forward_args

    def teacher(inputs, *, target, additional_forward_args):
        assert inputs is case.inputs
        assert additional_forward_args is arguments
        return taught[target]

    penalty = 0.3
    calibrated = fitted(
        reader,
        [(case.inputs, arguments)],
        baselines=token,
        teacher=teacher,
        penalty=penalty,
    )
    features, outputs = [], []
    for place, row in enumerate(unrolled_rows(reader, case)):
        steps = [expected_steps(row, d, token) for d in range(row.directions)]
        steps = [part.flip(0) if d else part for d, part in enumerate(steps)]
        features.append(torch.cat(steps, 1).numpy())
        outputs.append(taught[:, place, : row.time].sum(-1).t().numpy())
    width = features[0].shape[1]
    # Least squares with rows of √penalty · I that ask for 0.
    expected, *_ = np.linalg.lstsq(
        np.concatenate([*features, np.sqrt(penalty) * np.eye(width)]),
        np.concatenate([*outputs, np.zeros((width, 2))]),
        rcond=None,
    )
    np.testing.assert_allclose(
        calibrated.calibration.vectors.flatten(1).t(), expected, rtol=0, atol=1e-9
    )


def accumulator():
    """h_t = h_{t−1} + x_t as long as all inputs are positive, under a linear head."""
    layer = nn.RNN(4, 4, nonlinearity="relu", bias=False, batch_first=True).double()
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.eye(4))
        layer.weight_hh_l0.copy_(torch.eye(4))
    return Reader(layer)


def test_of_an_accumulator_it_is_the_logit_delta_and_exact_leave_one_out():
    reader, inputs = accumulator(), torch.rand(3, 5, 4, dtype=torch.float64)
    calibrated = fitted(reader, [torch.rand(2, 6, 4, dtype=torch.float64)])
    torch.testing.assert_close(calibrated.calibration.vectors[:, 0], reader.head.weight.detach())
    scores = calibrated.attribute(inputs, target=1).sum(-1)
    torch.testing.assert_close(
        scores,
        LogitDeltaAttribution(reader, reader.layer).attribute(inputs, target=1).sum(-1),
    )
    for left_out in range(5):
        kept = [step for step in range(5) if step != left_out]
        change = (reader(inputs) - reader(inputs[:, kept]))[:, 1].detach()
        torch.testing.assert_close(scores[:, left_out], change)


def test_of_a_leaky_accumulator_the_derivative_fades_with_the_distance_from_the_end():
    """With h_t = h_{t−1} / 2 + x_t, a state k steps before the end counts 2^−k."""
    reader = accumulator()
    with torch.no_grad():
        reader.layer.weight_hh_l0.mul_(0.5)
    calibrated = fitted(reader, [torch.rand(2, 3, 4, dtype=torch.float64)], classes=[1])
    expected = (1 + 1 / 2 + 1 / 4) / 3 * reader.head.weight[1].detach()
    torch.testing.assert_close(calibrated.calibration.vectors[0, 0], expected)


def test_a_regression_on_the_logit_delta_finds_the_head(model, ids):
    reader = Reader(model.layer)
    embedded = torch.randn(40, 6, 5)
    teacher = LogitDeltaAttribution(reader, reader.layer).attribute
    calibrated = fitted(reader, [embedded], teacher=teacher, penalty=1e-9)
    torch.testing.assert_close(
        calibrated.calibration.vectors[:, 0].float(), reader.head.weight.detach(), rtol=0, atol=1e-4
    )


def test_captums_integrated_gradients_as_teacher(model, ids):
    teacher = LayerIntegratedGradients(model, model.embedding)
    calibrated = fitted(model, [ids], teacher=functools.partial(teacher.attribute, n_steps=5))
    taught = [
        teacher.attribute(ids, target=target, n_steps=5).sum(-1).detach() for target in (0, 1)
    ]

    def replay(inputs, *, target, additional_forward_args):
        return taught[target]

    expected = fitted(model, [ids], teacher=replay)
    torch.testing.assert_close(calibrated.calibration.vectors, expected.calibration.vectors)


def test_how_the_texts_are_batched_does_not_matter(model, ids):
    whole = fitted(model, [ids]).calibration.vectors
    loader = DataLoader(TensorDataset(ids), batch_size=2)
    torch.testing.assert_close(fitted(model, loader).calibration.vectors, whole)
    torch.testing.assert_close(fitted(model, iter(loader)).calibration.vectors, whole)


@pytest.mark.parametrize("width", [1, None])
def test_a_model_that_answers_one_number_needs_no_target(model, ids, width):
    def positive(ids):
        logits = model(ids)[:, 1]
        return logits if width is None else logits.unsqueeze(1)

    calibrated = fitted(positive, [ids], model.layer)
    assert calibrated.calibration.classes == (0,)
    expected = fitted(model, [ids], classes=[1])
    torch.testing.assert_close(calibrated.calibration.vectors, expected.calibration.vectors)
    torch.testing.assert_close(calibrated.attribute(ids), expected.attribute(ids, target=1))


def test_the_bare_layer_has_no_classes():
    layer = nn.GRU(5, 6, batch_first=True)
    with pytest.raises(ValueError, match="the recurrent module itself, which has no classes"):
        CalibratedDeltaAttribution(layer).fit([torch.randn(2, 3, 5)])


def test_wrong_batches(model, ids):
    with pytest.raises(ValueError, match="batches is empty; expected at least one batch"):
        fitted(model, [])
    with pytest.raises(TypeError, match="a batch is a dict"):
        fitted(model, [{"inputs": ids}])
    with pytest.raises(ValueError, match=r"GRU did not run .* pass the layer that forward_func"):
        fitted(model, [ids], nn.GRU(5, 6))


def test_vectors_that_are_not_finite(model, ids):
    with torch.no_grad():
        model.head.weight[0, 0] = float("nan")
    calibrated = CalibratedDeltaAttribution(model, model.layer)
    with pytest.raises(ValueError, match="learnt vectors are not finite"):
        calibrated.fit([ids])
    assert calibrated.calibration is None


def test_the_progress_bar_is_shown_on_demand(model, ids, capsys):
    CalibratedDeltaAttribution(model, model.layer).fit([ids])
    assert capsys.readouterr().err == ""
    CalibratedDeltaAttribution(model, model.layer).fit([ids], show_progress=True)
    assert "calibrating" in capsys.readouterr().err


def test_a_teachers_scores_by_distance():
    """The regression is joint over both directions, whose distances differ."""
    case = make_case("gru", 1, True, packed=True)
    reader = Reader(case.layer)
    taught = torch.randn(*case.inputs.shape, dtype=torch.float64)
    calibrated = fitted(
        reader,
        [(case.inputs, case.forward_args)],
        teacher=lambda *args, **options: taught,
        penalty=1e-6,
        classes=[1],
        kind={"by_distance": True},
    )
    # With far more coefficients than tokens, the regression repeats its teacher.
    scores = calibrated.attribute(case.inputs, additional_forward_args=case.forward_args).sum(-1)
    expected = padded([taught[r, :end].sum(-1) for r, end in enumerate(case.ends)], TIME)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-3)


def test_cell_states_of_a_layer_without_any(model, ids):
    with pytest.raises(ValueError, match="with_cells is True, but the layer is a GRU, which has"):
        fitted(model, [ids], kind={"with_cells": True})


@pytest.mark.parametrize("teacher", [None, "adjoint"])
def test_a_distance_that_no_text_of_the_fit_had_is_served_by_the_plain_vector(model, teacher):
    """Fitted on texts of 4 tokens: at the distances 4 to 7 and beyond nothing was learnt."""
    texts = [torch.arange(1, 9).reshape(2, 4)]
    teach = teacher and AdjointDeltaAttribution(model, model.layer).attribute
    plain, far = (
        CalibratedDeltaAttribution(model, model.layer, by_distance=by).fit(texts, teacher=teach)
        for by in (False, True)
    )
    vectors = far.calibration.vectors.reshape(2, 7, -1)
    for number in range(7):
        is_plain = torch.allclose(vectors[:, number], plain.calibration.vectors[:, 0])
        assert is_plain == (number > 2)
