from functools import partial

import pytest
import torch

from captum_rnn import (
    AdjointDeltaAttribution,
    CalibratedDeltaAttribution,
    HiddenStateDeltaAttribution,
    LocalDeltaAttribution,
    LogitDeltaAttribution,
    RecurrentDeepLiftAttribution,
    RecurrentLRPAttribution,
    RecurrentShapleyAttribution,
)
from captum_rnn.jobs.scoring import METHOD_NAMES, Scorer, check_method, fitting_method
from captum_rnn.text.classifier import RecurrentClassifier

IDS = torch.tensor([[1, 2, 0, 3], [4, 5, 6, 0], [7, 0, 0, 0]])


def explained_margin(model, predicted):
    """For two classes, the margin of a class is its logit minus the other one's."""

    def forward(ids):
        logits = model(ids)
        rows = torch.arange(len(ids))
        return logits[rows, predicted] - logits[rows, 1 - predicted]

    return forward


def margins_of(model):
    """For two classes, the differences of the logits, either way."""

    def forward(ids):
        logits = model(ids)
        return logits - logits.flip(1)

    return forward


@pytest.mark.parametrize("pooling", ["last", "mean"])
@pytest.mark.parametrize("name", [name for name in METHOD_NAMES if name != "calibrated-delta"])
def test_each_method_is_its_class_on_the_predicted_margin(name, pooling):
    model = RecurrentClassifier(9, embedding_dim=4, hidden_size=5, pooling=pooling).eval()
    probabilities, predicted = model(IDS).softmax(1).max(1)
    forward = explained_margin(model, predicted)
    readout, options = "mean" if pooling == "mean" else "final", {}
    if name.startswith("hidden-state-delta"):
        reference = HiddenStateDeltaAttribution(
            model, model.rnn, distance=name.rpartition("-")[2], readout=readout
        )
    elif name == "local-delta":
        mean = model.embedding.weight[1:].mean(0)
        reference = LocalDeltaAttribution(forward, model.rnn)
        options = {"baselines": mean}
    elif name == "adjoint-delta-replaced":
        reference = AdjointDeltaAttribution(forward, model.rnn)
        options = {"baselines": model.embedding.weight[1]}
    else:
        classes = {
            "logit-delta": LogitDeltaAttribution,
            "adjoint-delta": AdjointDeltaAttribution,
            "relevance-propagation": RecurrentLRPAttribution,
            "recurrent-deep-lift": RecurrentDeepLiftAttribution,
            "recurrent-deep-lift-word": RecurrentDeepLiftAttribution,
            "recurrent-shapley": RecurrentShapleyAttribution,
            "secant-step": partial(RecurrentDeepLiftAttribution, step="secant"),
        }
        reference = classes[name](forward, model.rnn)
        if name == "recurrent-deep-lift-word":
            options = {"baselines": model.embedding.weight[1]}
        if name == "recurrent-shapley":  # of the class of the whole text, whatever is left of it
            reference = RecurrentShapleyAttribution(margins_of(model), model.rnn)
            options = {"target": predicted}
    scored = Scorer(model, name)(IDS)
    torch.testing.assert_close(scored.scores, reference.attribute(IDS, **options))
    torch.testing.assert_close(scored.probability, probabilities)
    assert scored.predicted.tolist() == predicted.tolist()
    assert not scored.scores[IDS == 0].any()
    assert not scored.scores.requires_grad


def test_deep_lift_fits_this_classifier_and_explains_the_class_of_the_whole_text():
    """Its scores sum to that class's change from zero vectors, whatever class those are of."""
    model = RecurrentClassifier(9, embedding_dim=4, hidden_size=5).eval()
    with torch.no_grad():
        model.head.weight.mul_(20)
        model.embedding.weight.mul_(20)
        zeros = [model.rnn(torch.zeros(1, int(n), 4))[0][0, -1] for n in (IDS != 0).sum(1)]
        baseline = model.head(torch.stack(zeros))
        logits = model(IDS)
    scored = Scorer(model, fitting_method(model))(IDS)
    rows, other = torch.arange(3), 1 - scored.predicted
    change = (logits - baseline)[rows, scored.predicted] - (logits - baseline)[rows, other]
    torch.testing.assert_close(scored.scores.sum(1), change, atol=1e-4, rtol=1e-4)


def test_a_stored_calibration(tmp_path):
    model = RecurrentClassifier(9, classes=3, embedding_dim=4, hidden_size=5).eval()
    fitted = CalibratedDeltaAttribution(model, model.rnn).fit([IDS], show_progress=False)
    fitted.save(tmp_path / "calibration")
    scored = Scorer(model, "calibrated-delta", tmp_path / "calibration")(IDS)
    predicted = model(IDS).argmax(1)
    assert scored.predicted.tolist() == predicted.tolist()
    torch.testing.assert_close(scored.scores, fitted.attribute(IDS, target=predicted).float())


def test_one_forward_pass_with_dropout_off_and_the_mode_kept():
    model = RecurrentClassifier(9, embedding_dim=4, hidden_size=5).train()
    calls = []
    model.head.register_forward_hook(lambda *_: calls.append(model.training))
    scorer = Scorer(model, "adjoint-delta")
    first, second = scorer(IDS), scorer(IDS)
    assert torch.equal(first.scores, second.scores)
    assert calls == [False, False]
    assert model.training


@pytest.mark.parametrize(
    ("method", "calibration", "reason"),
    [
        (
            "magic",
            None,
            "'magic' is no method for whole corpora; choose from hidden",
        ),
        ("calibrated-delta", None, "needs calibration"),
        ("logit-delta", "file", "takes no calibration"),
    ],
)
def test_methods_that_cannot_be(method, calibration, reason):
    with pytest.raises(ValueError, match=reason):
        check_method(method, calibration)
