import pytest
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.text.corpus import Corpus, Review


def test_distinct_keeps_the_first_of_equal_texts_and_none_of_contradicting_ones():
    reviews = (
        Review("很 好", 1),
        Review("差", 0),
        Review("  很\u3000\n好 ", 1),
        Review("一般", 0),
        Review(" \t", 1),
        Review("", 0),
        Review("一般", 1),
        Review("一般", 1),
        Review("推荐", 1),
    )
    distinct = Corpus("mixed", reviews).distinct()
    assert distinct.reviews == (Review("很 好", 1), Review("差", 0), Review("推荐", 1))
    assert (distinct.name, len(distinct)) == ("mixed", 3)


@given(st.lists(st.tuples(st.text("ab \n", max_size=3), st.integers(0, 1))))
def test_distinct_texts_stay_as_they_are(rows):
    reviews = [Review("x", 0), Review("y", 1), *(Review(*row) for row in rows)]
    distinct = Corpus("any", tuple(reviews)).distinct()
    texts = [review.text for review in distinct.reviews]
    assert len(set(texts)) == len(texts)
    assert distinct.distinct() == distinct
    assert {"x", "y"} <= set(texts)


def test_one_class_only():
    with pytest.raises(ValueError, match=r"'shop' has 2 reviews, all of positive"):
        Corpus("shop", (Review("好", 1), Review("很好", 1)))


def test_one_class_only_after_contradictions_are_dropped():
    corpus = Corpus("shop", (Review("好", 1), Review("好", 0), Review("很好", 1)))
    with pytest.raises(ValueError, match="at least two classes"):
        corpus.distinct()


def test_no_reviews():
    with pytest.raises(ValueError, match="has 0 reviews; a classifier needs"):
        Corpus("shop", ())


def test_a_label_without_a_class():
    with pytest.raises(ValueError, match="the label 2; expected labels from 0 to 1"):
        Corpus("shop", (Review("好", 2), Review("差", 0)))
