import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.word_vectors import WordVectorClassifier

IDS = st.integers(1, 8).flatmap(
    lambda time: st.lists(
        st.lists(st.integers(0, 9), min_size=time, max_size=time), min_size=1, max_size=4
    )
)


def whole_numbers(pooling="sum", classes=3, features=4):
    """A classifier in float64 whose sums and products are exact: its weights are whole numbers."""
    model = WordVectorClassifier(9, classes, features, pooling).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(torch.randint(-8, 9, weight.shape))
        model.embedding.weight[0] = 0
    return model


def bags(ids):
    return torch.stack([(ids == word).sum(1) for word in range(10)], 1).double()


@given(rows=IDS)
def test_a_sum_is_a_bag_of_words_exactly(rows):
    model, ids = whole_numbers(), torch.tensor(rows)
    expected = bags(ids) @ model.word_weights() + model.head.bias
    assert torch.equal(model(ids), expected)


@given(rows=IDS)
def test_a_mean_is_a_bag_of_shares_of_words(rows):
    model, ids = whole_numbers("mean"), torch.tensor(rows)
    words = (ids != 0).sum(1, keepdim=True).clamp(min=1)
    expected = bags(ids) / words @ model.word_weights() + model.head.bias
    torch.testing.assert_close(model(ids), expected, rtol=0, atol=1e-12)


@given(rows=IDS)
def test_contributions_are_what_the_logits_consist_of(rows):
    model, ids = whole_numbers(), torch.tensor(rows)
    contributions = model.contributions(ids)
    assert torch.equal(contributions.sum(1) + model.head.bias, model(ids))
    assert contributions[ids == 0].abs().sum() == 0


def test_a_contribution_is_what_the_logit_loses_without_the_word():
    model, ids = whole_numbers(), torch.tensor([[3, 7, 3, 0, 9]])
    for position in range(5):
        without = ids.clone()
        without[0, position] = 0
        assert torch.equal(model.contributions(ids)[:, position], model(ids) - model(without))


def test_contributions_to_a_mean_sum_to_the_logits():
    model, ids = whole_numbers("mean"), torch.tensor([[3, 7, 3, 0, 9], [1, 0, 0, 0, 0]])
    sums = model.contributions(ids).sum(1) + model.head.bias
    torch.testing.assert_close(sums, model(ids), rtol=0, atol=1e-12)


def test_the_matrix_has_no_higher_rank_than_the_vectors_have_features():
    weights = whole_numbers(classes=8, features=2).word_weights()
    assert weights.shape == (10, 8)
    assert torch.linalg.matrix_rank(weights) <= 2


def test_unknown_words_weigh_nothing_even_if_their_row_was_filled():
    model = whole_numbers()
    with torch.no_grad():
        model.embedding.weight[0] = 5
    assert torch.equal(model(torch.tensor([[0, 4, 0]])), model(torch.tensor([[4]])))
    assert model.word_weights()[0].tolist() == [0, 0, 0]


def test_embedded_words_are_classified_alike():
    model, ids = whole_numbers(), torch.tensor([[3, 0, 7]])
    assert torch.equal(model.forward_embedded(model.embedding(ids), ids), model(ids))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"vocabulary_size": 0}, r"\(0, 128\) with 2 classes"),
        ({"vocabulary_size": 5, "embedding_dim": 0}, r"\(5, 0\) with 2 classes"),
        ({"vocabulary_size": 5, "classes": 1}, "with 1 classes"),
        ({"vocabulary_size": 5, "pooling": "max"}, "pooling is 'max'"),
    ],
)
def test_wrong_arguments(arguments, reason):
    with pytest.raises(ValueError, match=reason):
        WordVectorClassifier(**arguments)
