import copy
import dataclasses

import pytest
import torch

from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.methods import METHODS
from captum_rnn.benchmark.sanity import (
    check_sanity,
    randomisation,
    sensitivity,
)

TEXTS = ["很好的书，非常好", "酒店差，不推荐", "热水器很好，很推荐", "不推荐，非常差的书"]


@pytest.fixture
def dataset(classifier):
    classifier.model.eval()
    return Dataset.of(classifier, TEXTS)


def randomised(name, dataset):
    scores = dataset.score(METHODS[name])
    return randomisation(METHODS[name], dataset, scores, [], seed=0)


def test_scores_without_the_model_owe_nothing_to_its_weights(dataset):
    found = randomised("position", dataset)
    assert found["randomised_head"].tolist() == pytest.approx([1] * 4)
    assert found["randomised_all"].tolist() == pytest.approx([1] * 4)


def test_the_class_blind_delta_does_not_see_the_head(dataset):
    found = randomised("hidden-state-delta-l2", dataset)
    assert found["randomised_head"].tolist() == pytest.approx([1] * 4)
    assert found["randomised_all"].mean() < 0.9


def test_the_logit_delta_sees_the_head(dataset):
    found = randomised("logit-delta", dataset)
    assert found["randomised_head"].abs().min() < 0.99


def test_a_fitted_method_learns_again_from_the_random_model(dataset):
    background = [dataset.ids[:2, :7]]
    fitted = METHODS["calibrated-delta-mean-adjoint"].fit(dataset.model, background)
    scores = dataset.score(fitted)
    found = randomisation(fitted, dataset, scores, background, seed=0)
    assert set(found) == {"randomised_head", "randomised_layer", "randomised_all"}
    assert torch.isfinite(found["randomised_all"]).all()


def test_the_layer_is_randomised_on_the_way_from_the_head_to_all(dataset):
    """The norm of the word vectors changes with these alone, the last state with the layer."""
    norms = randomised("embedding-norm", dataset)
    assert norms["randomised_head"].tolist() == pytest.approx([1] * 4)
    assert norms["randomised_layer"].tolist() == pytest.approx([1] * 4)
    assert norms["randomised_all"].mean() < 0.9
    states = randomised("hidden-state-delta-l2", dataset)
    assert states["randomised_layer"].mean() < 0.9


def test_a_fit_reads_as_many_texts_as_the_first(dataset, monkeypatch):
    lexicon, seen = METHODS["word-lexicon"], []
    monkeypatch.setattr(
        type(lexicon), "fit", lambda self, model, texts: seen.append(len(texts)) or self
    )
    monkeypatch.setattr(
        type(lexicon), "__call__", lambda self, model, ids, target: (ids != 0).float()
    )
    scores = dataset.score(lexicon)
    randomisation(lexicon, dataset, scores, [dataset.ids[:1]] * 9, seed=0)
    assert seen == [9, 9, 9]


def test_a_check_that_fails_says_why(dataset):
    method = METHODS["word-lexicon"]
    found, reasons = check_sanity(
        method, dataset, torch.zeros(dataset.ids.shape), [], ["sensitivity", "randomisation"], 0
    )
    assert found == {}
    assert set(reasons) == {"sensitivity", "randomisation"}
    assert "background texts" in reasons["sensitivity"]


def test_the_sensitivity_knows_the_models_own_padding(dataset):
    """The padding is swapped with another id in text and model: nothing else changes."""
    swapped = copy.deepcopy(dataset.model.model)
    other, weights = 7, swapped.embedding.weight
    order = torch.arange(len(weights))
    order[[0, other]] = order[[other, 0]]
    with torch.no_grad():
        weights.copy_(weights[order])
    explained = dataclasses.replace(
        dataset.model, model=swapped, embedding=swapped.embedding, pad_id=other
    )
    moved = dataclasses.replace(dataset, model=explained, ids=order[dataset.ids])
    found, reasons = check_sanity(
        METHODS["embedding-norm"], moved, torch.zeros(moved.ids.shape), [], ["sensitivity"], 0
    )
    assert reasons == {}
    assert min(found["sensitivity"]) > 0


def test_the_trained_weights_stay(dataset):
    before = dataset.model.embedding.weight.clone()
    randomised("logit-delta", dataset)
    assert torch.equal(dataset.model.embedding.weight, before)


def test_the_position_is_not_sensitive_and_rarity_is(dataset):
    assert sensitivity(METHODS["position"], dataset, seed=0).tolist() == [0] * 4
    assert (sensitivity(METHODS["embedding-norm"], dataset, seed=0) > 0).all()
