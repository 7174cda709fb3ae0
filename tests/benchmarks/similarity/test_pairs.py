import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.similarity import Halves, other_partners, review_halves


@given(st.lists(st.lists(st.integers(0, 5), max_size=12), max_size=5))
def test_both_halves_together_are_the_known_words(sequences):
    kept = [known for text in sequences if len(known := [word for word in text if word]) >= 4]
    halves = review_halves(sequences, fewest_words=4)
    assert [[*first, *second] for first, second in halves] == kept
    assert all(len(second) - len(first) in (0, 1) for first, second in halves)


def test_long_halves_keep_their_beginnings():
    (halves,) = review_halves([range(1, 11)], fewest_words=2, most_words=3)
    assert halves == Halves((1, 2, 3), (6, 7, 8))


@pytest.mark.parametrize("reviews", [2, 3, 50])
@pytest.mark.parametrize("seed", [0, 1])
def test_everyone_gets_another_review_and_each_is_given_once(reviews, seed):
    partners = other_partners(reviews, seed=seed)
    assert sorted(partners.tolist()) == list(range(reviews))
    assert not (partners == torch.arange(reviews)).any()


def test_the_seed_decides_who_gets_whom():
    first, again, other = (other_partners(50, seed=seed).tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_wrong_arguments():
    with pytest.raises(ValueError, match="fewest_words is 1 and most_words 30"):
        review_halves([[1, 2]], fewest_words=1)
    with pytest.raises(ValueError, match="most_words 0"):
        review_halves([[1, 2]], most_words=0)
    with pytest.raises(ValueError, match="there are 1 reviews to pair"):
        other_partners(1, seed=0)
