import pytest

from benchmarks.reviews import subjects
from benchmarks.reviews.bag_of_words import bag_of_words_accuracy
from benchmarks.reviews.subjects import Recipe
from captum_rnn.text.corpus import Corpus, Review


def accuracy(monkeypatch: pytest.MonkeyPatch, reviews: list[Review]) -> float:
    """The accuracy on a corpus of one's own."""
    monkeypatch.setattr(subjects, "load_corpus", lambda name: Corpus(name, tuple(reviews)))
    subjects._distinct.cache_clear()
    subjects._split.cache_clear()
    try:
        return bag_of_words_accuracy(Recipe("lstm")).value
    finally:
        subjects._distinct.cache_clear()
        subjects._split.cache_clear()


def test_words_that_tell_the_class_are_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    words = (("很好", 1), ("太差", 0))
    reviews = [Review(f"{word}，第{n}次住", label) for n in range(60) for word, label in words]
    assert accuracy(monkeypatch, reviews) == 1


def test_words_behind_the_cut_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first 100 words are of no help, so the answer is right as often as by chance."""
    words = (("很好", 1), ("太差", 0))
    reviews = [
        Review("，" * 100 + f"{word}第{n}次住", label) for n in range(60) for word, label in words
    ]
    assert 0.2 < accuracy(monkeypatch, reviews) < 0.8


def test_the_order_of_the_words_is_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = (("价格 服务", 1), ("服务 价格", 0))
    reviews = [
        Review(f"{order} {2 * n + label}", label) for n in range(200) for order, label in orders
    ]
    assert 0.3 < accuracy(monkeypatch, reviews) < 0.7
