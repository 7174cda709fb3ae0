from dataclasses import astuple

import pytest
import torch

from captum_rnn.benchmark import ablate
from captum_rnn.benchmark.ablation import Ablation, Grid
from captum_rnn.benchmark.ablation.embedding import with_equal_norms
from captum_rnn.benchmark.ablation.sweep import sweep
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.text.corpus import Review

TEXTS = ["很好的书，推荐", "热气球", "酒店非常差", "不推荐热水器", "非常好的书", "书不好，酒店很差"]
REVIEWS = [Review(text, label) for text, label in zip(TEXTS, [1, 0, 0, 0, 1, 0], strict=True)]


@pytest.fixture
def ablation(classifier):
    return ablate(classifier, REVIEWS, texts=4)


def test_the_grid_is_that_of_the_layer(ablation):
    assert [found.cell for found in ablation.cells] == ablation.grid.cells
    assert ablation.grid.shape == (5, 3, 2, 1, 1, 2, 2, 2)
    assert len(ablation.effects) == 4 + 2 + 1 + 1 + 1 + 1


def test_what_was_written_is_read_again(ablation, tmp_path):
    text = ablation.to_json(tmp_path / "ablation.json")
    again = Ablation.load(tmp_path / "ablation.json")
    assert again.grid == ablation.grid
    assert again.cells[7].cell == ablation.cells[7].cell
    assert again.to_json() == text
    assert str(again) == str(ablation)


def test_an_ablation_of_an_earlier_version_is_refused(tmp_path):
    (tmp_path / "ablation.json").write_text('{"schema": 1, "cells": []}')
    with pytest.raises(ValueError, match="has the schema 1; expected 2"):
        Ablation.load(tmp_path / "ablation.json")


def test_texts_without_a_known_word_are_not_explained(ablation):
    assert ablation.texts == 4
    assert ablation.cells[0].measures["comprehensiveness"].texts == 4


def test_a_cell_holds_the_mean_of_its_texts(classifier):
    grid = Grid(distance=("l2", "l1"), normalize=(True, False))
    ablation = ablate(classifier, REVIEWS, texts=5, grid=grid)
    classifier.model.eval()
    dataset = Dataset.of(classifier, [text for text in TEXTS if text != "热气球"])
    values = sweep(dataset, grid, seed=0).values
    assert [(found.cell.distance, found.cell.normalize) for found in ablation.cells] == [
        ("l2", True),
        ("l2", False),
        ("l1", True),
        ("l1", False),
    ]
    for place, found in enumerate(ablation.cells):
        mean = values[1, place // 2].mean().item()
        sufficiency = found.measures["sufficiency"]
        assert sufficiency.mean == pytest.approx(mean)
        assert sufficiency.low <= mean <= sufficiency.high
    (distance, scale) = ablation.effects
    difference = (values[0, 1] - values[0, 0]).mean().item()
    assert distance.measures["comprehensiveness"].mean == pytest.approx(difference)
    assert astuple(scale.measures["comprehensiveness"]) == (0.0, 0.0, 0.0, 5, 0)


def test_accuracy_is_that_of_all_reviews(classifier, ablation):
    classifier.model.eval()
    dataset = Dataset.of(classifier, TEXTS)
    labels = torch.tensor([review.label for review in REVIEWS])
    before = dataset.predicted
    after = with_equal_norms(dataset.model).probabilities(dataset.ids).argmax(1)
    accuracy = ablation.accuracy
    assert accuracy.trained.value == pytest.approx((before == labels).double().mean())
    assert accuracy.l2.value == pytest.approx((after == labels).double().mean())
    gain = accuracy.l2.value - accuracy.trained.value
    assert accuracy.difference.mean == pytest.approx(gain)
    changed = (before != after).double().mean()
    assert accuracy.predictions_changed.mean == pytest.approx(changed)


def test_the_share_of_the_forward_passes_is_of_the_whole_time(ablation):
    work = ablation.work
    whole = work.seconds + work.summary_seconds
    assert work.summary_seconds > 0
    assert work.share_of_forwards == pytest.approx(work.forwards_seconds / whole)
    assert work.rankings_of_texts == 240 * 4


def test_the_same_seed_gives_the_same_numbers(classifier, ablation):
    again = ablate(classifier, REVIEWS, texts=4)
    assert list(map(repr, again.cells)) == list(map(repr, ablation.cells))
    assert list(map(repr, again.effects)) == list(map(repr, ablation.effects))


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
