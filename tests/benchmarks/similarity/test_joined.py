import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.similarity import (
    SentenceSimilarity,
    join_pairs,
    joined_similarity,
    split_pairs,
)
from captum_rnn.evaluation import PerturbedPredictions, comprehensiveness, leave_one_out

FIRST = torch.tensor([[3, 0, 7, 0], [1, 2, 9, 4]])
SECOND = torch.tensor([[5, 1, 9], [8, 0, 0]])


@pytest.fixture
def model():
    model = SentenceSimilarity(9, "cosine", "lstm", 4, 5).double().eval()
    with torch.no_grad():
        model.embedding.weight[1:].normal_()
    return model


ROWS = st.lists(st.integers(0, 9), min_size=4, max_size=4)


@given(st.lists(st.tuples(ROWS, ROWS), min_size=1, max_size=3))
def test_splitting_gives_back_the_words_of_each_sentence(pairs):
    first, second = (torch.tensor([pair[side] for pair in pairs]) for side in (0, 1))
    for sentences, found in zip(
        (first, second), split_pairs(join_pairs(first, second, 9), 9), strict=True
    ):
        for row, words in zip(sentences, found, strict=True):
            assert row[row != 0].tolist() == words[words != 0].tolist()


def test_the_similarity_is_that_of_the_pair(model):
    joined = join_pairs(FIRST, SECOND, 9)
    similarity = joined_similarity(model, 9)(joined)
    torch.testing.assert_close(similarity[:, 0], model(FIRST, SECOND), rtol=0, atol=1e-12)


def test_leave_one_out_takes_words_from_the_sentence_they_stand_in(model):
    joined = join_pairs(FIRST, SECOND, 9)
    alone = leave_one_out(PerturbedPredictions(joined_similarity(model, 9), joined))
    whole = model(FIRST, SECOND).detach()
    for column in range(joined.shape[1]):
        pair = FIRST.clone(), SECOND.clone()
        pair[column >= 4][:, column - 4 * (column >= 4)] = 0
        expected = whole - model(*pair).detach()
        torch.testing.assert_close(alone[:, column], expected, rtol=0, atol=1e-7)


def test_comprehensiveness_ranks_the_words_of_both_sentences_together(model):
    joined = join_pairs(FIRST, SECOND, 9)[:1]
    scores = torch.tensor([[0.1, 0, 0.9, 0, 0.2, 0.8, 0.3]])
    fall = comprehensiveness(
        PerturbedPredictions(joined_similarity(model, 9), joined), scores, fractions=[0.4]
    )
    left = model(torch.tensor([[3]]), torch.tensor([[5, 9]]))
    expected = (model(FIRST[:1], SECOND[:1]) - left).detach()
    torch.testing.assert_close(fall, expected, rtol=0, atol=1e-7)
