import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from benchmarks.word_vectors import cooccurrence_counts, positive_pmi

TEXTS = st.lists(st.lists(st.integers(0, 4), max_size=7), max_size=4)


def counted_by_hand(texts, window):
    """Every ordered pair of positions of one text, unknown words taken out first."""
    found = Counter()
    for text in texts:
        known = [word for word in text if word != 0]
        for here, word in enumerate(known):
            for there, other in enumerate(known):
                if 0 < abs(here - there) <= window:
                    found[word, other] += 1
    return found


def test_a_window_of_two_on_four_words():
    counts = cooccurrence_counts([[1, 2, 3, 1]], 3, window=2).toarray()
    # 1-2, 2-3, 3-1 stand side by side; 1-3 and 2-1 one word apart.
    expected = [[0, 0, 0, 0], [0, 0, 2, 2], [0, 2, 0, 1], [0, 2, 1, 0]]
    assert counts.tolist() == expected


def test_a_word_beside_itself_counts_in_both_directions():
    assert cooccurrence_counts([[2, 2]], 2, window=1).toarray()[2, 2] == 2


def test_words_of_two_texts_are_no_neighbours():
    assert cooccurrence_counts([[1], [2], [], [0, 0]], 2, window=5).nnz == 0


def test_words_around_an_unknown_one_are_neighbours():
    assert cooccurrence_counts([[1, 0, 0, 2]], 2, window=1).toarray()[1, 2] == 1


@given(texts=TEXTS, window=st.integers(1, 8))
def test_counts_are_those_of_all_pairs(texts, window):
    counts = cooccurrence_counts(texts, 4, window=window).toarray()
    expected = np.zeros((5, 5))
    for pair, number in counted_by_hand(texts, window).items():
        expected[pair] = number
    assert counts.tolist() == expected.tolist()


@pytest.mark.parametrize("text", [[1, 5], [-1]])
def test_an_id_outside_the_vocabulary(text):
    with pytest.raises(ValueError, match=rf"hold the id {max(text, key=abs)}; expected ids from 0"):
        cooccurrence_counts([text], 4, window=1)


def test_a_window_of_nothing():
    with pytest.raises(ValueError, match="window is 0; expected 1 or more"):
        cooccurrence_counts([[1, 2]], 2, window=0)


def test_pmi_by_hand():
    counts = sparse.csr_array([[0.0, 6.0, 2.0], [6.0, 0.0, 0.0], [2.0, 0.0, 4.0]])
    weights = positive_pmi(counts).toarray()
    # Row sums 8, 6, 6 of 20: P(0, 1) / (P(0) P(1)) = 6 · 20 / (8 · 6).
    assert weights[0, 1] == pytest.approx(math.log(2.5))
    assert weights[2, 2] == pytest.approx(math.log(4 * 20 / 36))
    # 2 · 20 / (8 · 6) is below 1: rarer than by chance.
    assert weights[0, 2] == 0
    assert weights.tolist() == weights.T.tolist()


def test_pairs_no_more_frequent_than_by_chance_are_not_stored():
    independent = sparse.csr_array(np.outer([1.0, 2.0, 3.0], [2.0, 5.0, 1.0]))
    assert positive_pmi(independent).nnz == 0
    assert independent.nnz == 9


def test_pmi_of_nothing_is_nothing():
    assert positive_pmi(cooccurrence_counts([], 3, window=1)).nnz == 0
