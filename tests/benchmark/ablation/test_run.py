import json

import pytest
import torch

from captum_rnn.benchmark import ablate
from captum_rnn.benchmark.ablation import Grid
from captum_rnn.benchmark.ablation.embedding import with_equal_norms
from captum_rnn.benchmark.ablation.sweep import sweep
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.text.corpus import Review

TEXTS = ["很好的书，推荐", "热气球", "酒店非常差", "不推荐热水器", "非常好的书", "书不好，酒店很差"]
REVIEWS = [Review(text, label) for text, label in zip(TEXTS, [1, 0, 0, 0, 1, 0], strict=True)]


@pytest.fixture
def results(classifier):
    return ablate(classifier, REVIEWS, texts=4)


def test_the_grid_is_that_of_the_layer_and_the_results_are_json(results):
    assert len(results["cells"]) == 240
    assert [len(options) for options in results["axes"].values()] == [5, 3, 2, 1, 1, 2, 2, 2]
    assert len(results["effects"]) == 4 + 2 + 1 + 1 + 1 + 1
    json.dumps(results, allow_nan=False)


def test_texts_without_a_known_word_are_not_explained(results):
    assert results["texts"] == 4
    assert results["cells"][0]["comprehensiveness"]["texts"] == 4


def test_a_cell_holds_the_mean_of_its_texts(classifier):
    grid = Grid(distance=("l2", "l1"), normalize=(True, False))
    results = ablate(classifier, REVIEWS, texts=5, grid=grid)
    classifier.model.eval()
    dataset = Dataset.of(classifier, [text for text in TEXTS if text != "热气球"])
    values = sweep(dataset, grid, seed=0).values
    assert [(cell["distance"], cell["normalize"]) for cell in results["cells"]] == [
        ("l2", True),
        ("l2", False),
        ("l1", True),
        ("l1", False),
    ]
    for place, cell in enumerate(results["cells"]):
        mean = values[1, place // 2].mean().item()
        assert cell["sufficiency"]["mean"] == pytest.approx(mean)
        assert cell["sufficiency"]["low"] <= mean <= cell["sufficiency"]["high"]
    (distance, scale) = results["effects"]
    difference = (values[0, 1] - values[0, 0]).mean().item()
    assert distance["comprehensiveness"]["mean"] == pytest.approx(difference)
    assert scale["comprehensiveness"] == {"mean": 0.0, "low": 0.0, "high": 0.0, "texts": 5}


def test_accuracy_is_that_of_all_reviews(classifier, results):
    classifier.model.eval()
    dataset = Dataset.of(classifier, TEXTS)
    labels = torch.tensor([review.label for review in REVIEWS])
    before = dataset.predicted
    after = with_equal_norms(dataset.model).probabilities(dataset.ids).argmax(1)
    accuracy = results["accuracy"]
    assert accuracy["trained"]["accuracy"] == pytest.approx((before == labels).double().mean())
    assert accuracy["l2"]["accuracy"] == pytest.approx((after == labels).double().mean())
    gain = accuracy["l2"]["accuracy"] - accuracy["trained"]["accuracy"]
    assert accuracy["difference"]["mean"] == pytest.approx(gain)
    changed = (before != after).double().mean()
    assert accuracy["predictions_changed"]["mean"] == pytest.approx(changed)


def test_the_share_of_the_forward_passes_is_of_the_whole_time(results):
    work = results["work"]
    whole = work["seconds"] + work["summary_seconds"]
    assert work["share_of_perturbed_forwards"] == pytest.approx(work["forwards_seconds"] / whole)
    assert work["rankings_of_texts"] == 240 * 4


def test_the_same_seed_gives_the_same_numbers(classifier, results):
    again = ablate(classifier, REVIEWS, texts=4)
    assert again["cells"] == results["cells"]
    assert again["effects"] == results["effects"]


def test_the_classifier_is_left_as_it_was(classifier):
    classifier.model.train()
    before = {name: value.clone() for name, value in classifier.model.state_dict().items()}
    ablate(classifier, REVIEWS, grid=Grid(embedding=("trained", "l2")))
    assert classifier.model.training
    after = classifier.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("reviews", "texts"), [([], 5), (REVIEWS[:2], 5), (REVIEWS, 1), (REVIEWS[1:2], 9)]
)
def test_fewer_than_two_texts_are_refused(classifier, reviews, texts):
    with pytest.raises(ValueError, match="at least two reviews with a word"):
        ablate(classifier, reviews, texts=texts)


def test_a_state_that_the_layer_lacks_is_refused(classifier):
    with pytest.raises(ValueError, match="layer_index is -2"):
        ablate(classifier, REVIEWS, grid=Grid(layer_index=(-1, -2)))
