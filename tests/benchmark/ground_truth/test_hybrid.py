import dataclasses

import pytest
import torch

from captum_rnn.benchmark.ground_truth.hybrid import HybridDocuments, hybrid_documents
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

GOOD = [Review(text, 1) for text in ("很好的书", "非常好，推荐", "好书，好酒店，好", "好，很好")]
BAD = [Review(text, 0) for text in ("不好，差", "差，很差的书", "酒店差，不推荐", "差差差，差")]
TOO_LONG = Review("很好的书，很好的酒店", 1)
TOO_SHORT = Review("好", 0)
UNKNOWN = Review("电脑手机衣服房间", 0)
REVIEWS = [*GOOD, TOO_LONG, *BAD, TOO_SHORT, UNKNOWN]


@pytest.fixture
def reader(classifier: TextClassifier) -> TextClassifier:
    return dataclasses.replace(classifier, max_length=20)


@pytest.fixture
def documents(reader: TextClassifier) -> HybridDocuments:
    return hybrid_documents(
        reader, REVIEWS, documents=25, seed=4, reviews_per_class=3, shortest=2, longest=8
    )


def test_every_document_has_three_whole_reviews_of_each_class(
    documents: HybridDocuments, reader: TextClassifier
) -> None:
    words = {tuple(reader.encode([review.text]).tokens[0]): review for review in [*GOOD, *BAD]}
    for row, tokens in enumerate(documents.tokens):
        places = documents.segments[row, : len(tokens)].tolist()
        assert places == sorted(places)
        used = []
        for place in range(6):
            piece = tuple(t for t, p in zip(tokens, places, strict=True) if p == place)
            used.append(words[piece])
            assert documents.segment_labels[row, place] == words[piece].label
        assert len(set(used)) == 6
        assert sum(review.label for review in used) == 3


def test_ids_are_those_of_the_words_and_padding_belongs_to_no_review(
    documents: HybridDocuments, reader: TextClassifier
) -> None:
    for row, tokens in enumerate(documents.tokens):
        end = len(tokens)
        assert documents.ids[row, :end].tolist() == reader.vocabulary.encode(tokens)
        assert documents.ids[row, end:].eq(0).all()
        assert documents.segments[row, :end].min() == 0
        assert documents.segments[row, end:].eq(-1).all()
        assert documents.token_labels[row, end:].eq(-1).all()
        labels = documents.segment_labels[row, documents.segments[row, :end]]
        assert torch.equal(documents.token_labels[row, :end], labels)
    assert documents.ids.shape == documents.segments.shape


def test_the_classes_come_in_random_order_which_the_seed_repeats(
    documents: HybridDocuments, reader: TextClassifier
) -> None:
    assert len({tuple(labels) for labels in documents.segment_labels.tolist()}) > 5
    first, again, other = (
        hybrid_documents(reader, REVIEWS, documents=25, seed=seed, shortest=2, longest=8).tokens
        for seed in (4, 4, 5)
    )
    assert documents.tokens == first == again != other


def test_too_few_reviews(reader: TextClassifier) -> None:
    expected = (
        "reviews with 2 known words or more and at most 8 words, of which there are 4 of 'negative'"
    )
    with pytest.raises(ValueError, match=expected):
        hybrid_documents(
            reader, REVIEWS, documents=1, seed=0, reviews_per_class=5, shortest=2, longest=8
        )
    with pytest.raises(ValueError, match=r"of which there are 0 of 'positive'"):
        hybrid_documents(reader, BAD, documents=1, seed=0, shortest=2)
