import pytest
import torch

from captum_rnn.benchmark.methods import METHODS
from captum_rnn.benchmark.probes import PROBED_TEXTS, probed_rows, randomisation, sensitivity
from captum_rnn.benchmark.subject import Subject

TEXTS = ["很好的书，非常好", "酒店差，不推荐", "热水器很好，很推荐", "不推荐，非常差的书"]


@pytest.fixture
def subject(classifier):
    classifier.model.eval()
    return Subject.of(classifier, TEXTS)


def randomised(name, subject):
    scores = subject.score(METHODS[name])
    return randomisation(METHODS[name], subject, scores, [], seed=0)


def test_rows_are_drawn_once_each():
    rows = probed_rows(500, seed=1)
    assert len(set(rows)) == PROBED_TEXTS
    assert rows == sorted(rows) == probed_rows(500, seed=1)
    assert rows != probed_rows(500, seed=2)
    assert probed_rows(3, seed=1) == [0, 1, 2]


def test_scores_without_the_model_owe_nothing_to_its_weights(subject):
    found = randomised("position", subject)
    assert found["randomised_head"].tolist() == pytest.approx([1] * 4)
    assert found["randomised_all"].tolist() == pytest.approx([1] * 4)


def test_the_class_blind_delta_does_not_see_the_head(subject):
    found = randomised("hidden-state-delta-l2", subject)
    assert found["randomised_head"].tolist() == pytest.approx([1] * 4)
    assert found["randomised_all"].mean() < 0.9


def test_the_logit_delta_sees_the_head(subject):
    found = randomised("logit-delta", subject)
    assert found["randomised_head"].abs().min() < 0.99


def test_a_fitted_method_learns_again_from_the_random_model(subject):
    background = [subject.ids[:2, :7]]
    fitted = METHODS["calibrated-delta-mean-adjoint"].fit(subject.model, background)
    scores = subject.score(fitted)
    found = randomisation(fitted, subject, scores, background, seed=0)
    assert set(found) == {"randomised_head", "randomised_all"}
    assert torch.isfinite(found["randomised_all"]).all()


def test_the_trained_weights_stay(subject):
    before = subject.model.embedding.weight.clone()
    randomised("logit-delta", subject)
    assert torch.equal(subject.model.embedding.weight, before)


def test_the_position_is_not_sensitive_and_rarity_is(subject):
    assert sensitivity(METHODS["position"], subject, seed=0).tolist() == [0] * 4
    assert (sensitivity(METHODS["embedding-norm"], subject, seed=0) > 0).all()
