import dataclasses
import json

import pytest
import torch

from captum_rnn.benchmark.full_comparison import full_comparison
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


@pytest.fixture
def twin(classifier):
    """The same net with other weights, as if trained on other labels."""
    twin = made_classifier()
    torch.manual_seed(8)
    with torch.no_grad():
        twin.model.head.weight.normal_(std=2)
    return twin


def test_all_sections_hold_the_same_methods(classifier, twin):
    marked = [MarkedText("很好的书，非常差", ((0, 2, 1), (5, 8, -1)))]
    results = full_comparison(
        classifier,
        REVIEWS,
        texts=4,
        methods=["logit-delta", "calibrated-delta-mean-adjoint", "random"],
        metrics=["deletion"],
        marked=marked,
        twin=twin,
        progress=False,
    )
    names = [method["name"] for method in results["methods"]]
    for section in ("hybrids", "marks", "lexicon", "shuffled_labels"):
        assert list(results[section]["methods"]) == names
        assert {m["error"] for m in results[section]["methods"].values()} == {None}
    assert results["known_answers"] is None
    assert results["hybrids"]["documents"] == 4
    assert results["subject"]["texts"] == 4
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_sections_that_cannot_be_had_are_none(classifier):
    results = full_comparison(
        classifier, REVIEWS[:4], texts=4, methods=["random"], metrics=["deletion"], progress=False
    )
    assert results["hybrids"] is None
    assert results["marks"] is None
    assert results["shuffled_labels"] is None


def test_without_short_reviews_there_are_no_hybrid_documents_and_all_else(classifier):
    long = [Review("，".join([review.text] * 12), review.label) for review in REVIEWS]
    results = full_comparison(
        classifier, long, texts=4, methods=["random"], metrics=["deletion"], progress=False
    )
    assert results["hybrids"] is None
    (sentence,) = results["missing"]
    assert sentence.startswith("hybrid documents are made of reviews with 4 known words or more")
    assert results["methods"][0]["measures"]["comprehensiveness"]["texts"] == 4


def test_a_twin_of_another_vocabulary_is_refused_before_the_work(classifier, twin):
    words = Vocabulary((*twin.vocabulary.words[1:], "新"))
    with pytest.raises(ValueError, match="another vocabulary than the classifier"):
        full_comparison(
            classifier,
            [],
            methods=["random"],
            twin=dataclasses.replace(twin, vocabulary=words),
            progress=False,
        )
