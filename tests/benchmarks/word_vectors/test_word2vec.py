import sys

import pytest
import torch

from benchmarks.word_vectors import cbow_vectors

OPTIONS = {"window": 2, "epochs": 3, "seed": 0}


def test_words_of_like_surroundings_get_like_vectors():
    # 1 and 2 stand between 5 and 6; 3 and 4 between 7 and 8.
    texts = [[5, 1, 6], [5, 2, 6], [7, 3, 8], [7, 4, 8]] * 300
    vectors = cbow_vectors(texts, 8, 10, window=2, epochs=30, seed=0)

    def cosine(first, second):
        return torch.cosine_similarity(vectors[first], vectors[second], dim=0).item()

    assert min(cosine(1, 2), cosine(3, 4)) > max(
        cosine(first, second) for first in (1, 2) for second in (3, 4)
    )


def test_a_seed_gives_one_result():
    texts = [[1, 2, 3], [3, 2, 1]] * 20
    first, second = (cbow_vectors(texts, 3, 4, **OPTIONS) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, cbow_vectors(texts, 3, 4, **(OPTIONS | {"seed": 1})))


def test_rows_are_numbered_by_id_and_words_that_do_not_occur_are_zero():
    vectors = cbow_vectors([[9, 4, 0, 9, 4], []], 10, 6, **OPTIONS)
    assert vectors.shape == (11, 6)
    assert vectors.norm(dim=1).nonzero().flatten().tolist() == [4, 9]


def test_an_unknown_word_leaves_no_gap():
    with_gap = cbow_vectors([[1, 0, 2, 3]] * 10, 3, 4, **OPTIONS)
    assert torch.equal(with_gap, cbow_vectors([[1, 2, 3]] * 10, 3, 4, **OPTIONS))


def test_no_known_word():
    with pytest.raises(ValueError, match="none of the 2 texts holds a known word"):
        cbow_vectors([[0], []], 3, 4, **OPTIONS)


def test_gensim_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(ImportError, match=r"gensim.*\[studies\]"):
        cbow_vectors([[1, 2]], 2, 4, **OPTIONS)
