import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.text.corpus import Corpus, Review
from captum_rnn.text.split import held_out_reviews, split_corpus


def corpus_of(size, name="numbers"):
    return Corpus(name, tuple(Review(f"text {number}", number % 2) for number in range(size)))


@given(st.integers(10, 200), st.integers(-5, 10**6))
def test_the_parts_are_disjoint_complete_and_of_the_promised_sizes(size, seed):
    corpus = corpus_of(size)
    split = split_corpus(corpus, seed=seed)
    assert len(split.validation) == len(split.held_out) == size // 10
    together = [*split.train, *split.validation, *split.held_out]
    assert len(together) == size
    assert set(together) == set(corpus.reviews)


def test_the_held_out_reviews_have_the_smallest_hashes_of_seed_and_text():
    corpus = corpus_of(40)

    def place(review):
        return hashlib.sha256(f"7\n{review.text}".encode()).hexdigest()

    ordered = sorted(corpus.reviews, key=place)
    split = split_corpus(corpus, seed=7)
    assert list(split.held_out) == ordered[:4]
    assert list(split.validation) == ordered[4:8]
    assert list(split.train) == ordered[8:]


def test_the_order_of_the_file_does_not_matter_but_the_seed_and_every_label_do():
    corpus = corpus_of(50)
    split = split_corpus(corpus, seed=1)
    shuffled = list(corpus.reviews)
    random.Random(0).shuffle(shuffled)
    assert split_corpus(Corpus("again", tuple(shuffled)), seed=1) == split
    assert split_corpus(corpus, seed=2).held_out != split.held_out
    relabelled = (Review("text 0", 1), *corpus.reviews[1:])
    assert split_corpus(Corpus("numbers", relabelled), seed=1).digest != split.digest


def test_the_held_out_reviews_are_rebuilt_from_the_record():
    corpus = corpus_of(50)
    split = split_corpus(corpus, seed=3)
    record = {"corpus": "numbers", "split_seed": 3, "split_digest": split.digest}
    with_copies = Corpus("numbers", corpus.reviews + corpus.reviews[::-1])
    assert held_out_reviews(record, with_copies) == split.held_out


def test_another_corpus_is_refused():
    digest = split_corpus(corpus_of(50), seed=3).digest
    record = {"corpus": "numbers", "split_seed": 3, "split_digest": digest}
    with pytest.raises(
        ValueError, match=r"'other' \(51 distinct reviews\) is not the one .*numbers"
    ):
        held_out_reviews(record, corpus_of(51, "other"))
    with pytest.raises(ValueError, match="is not the one"):
        held_out_reviews(record | {"split_seed": 4}, corpus_of(50))


@pytest.mark.parametrize("record", [{}, {"split_seed": 1}, {"split_seed": "1", "split_digest": ""}])
def test_a_classifier_without_a_record_is_refused(record):
    with pytest.raises(ValueError, match="does not record split_seed"):
        held_out_reviews(record, corpus_of(50))


def test_copies_are_refused():
    with pytest.raises(ValueError, match=r"split corpus\.distinct\(\) instead"):
        split_corpus(Corpus("twice", corpus_of(20).reviews * 2), seed=0)


def test_too_few_reviews():
    with pytest.raises(ValueError, match="has 9 distinct reviews; expected at least 10"):
        split_corpus(corpus_of(9), seed=0)


def test_training_reviews_of_one_class():
    """One seed holds out the only negative review; nothing could be learnt of its class."""
    reviews = tuple(Review(f"text {number}", int(number > 0)) for number in range(10))
    seed = next(
        seed
        for seed in range(1000)
        if min(reviews, key=lambda r: hashlib.sha256(f"{seed}\n{r.text}".encode()).digest())
        is reviews[0]
    )
    with pytest.raises(ValueError, match=r"training part of lopsided.* all of positive"):
        split_corpus(Corpus("lopsided", reviews), seed=seed)
