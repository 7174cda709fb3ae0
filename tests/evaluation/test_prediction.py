from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.evaluation.prediction import length_batches, predict_texts, predicted_class


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 100))
def test_batches_hold_each_text_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = [rows.tolist() for rows in length_batches(torch.tensor(lengths), budget)]

    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[row] for row in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget
    in_order = [lengths[row] for batch in batches for row in batch]
    assert in_order == sorted(lengths, reverse=True)


def test_probabilities_come_back_in_the_order_of_the_texts(bag_of_words: Any) -> None:
    ids = torch.tensor([[2, 0, 0, 0], [1, 3, 4, 5], [0, 6, 0, 1], [0, 0, 0, 0]])

    probabilities = predict_texts(bag_of_words, ids, token_budget=4)

    expected = [bag_of_words.positive(*row) for row in ids.tolist()]
    assert probabilities[:, 1].tolist() == pytest.approx(expected, abs=1e-7)
    assert probabilities.dtype == torch.float64
    assert bag_of_words.shapes == [(1, 4), (2, 2), (1, 1)]


def test_another_pad_id_is_left_out() -> None:
    received: list[list[list[int]]] = []

    def predict(ids: torch.Tensor) -> torch.Tensor:
        received.append(ids.tolist())
        return torch.ones(len(ids), 2)

    predict_texts(predict, torch.tensor([[9, 0, 9], [0, 7, 9]]), pad_id=9)
    assert received == [[[0, 7], [0, 9]]]


@pytest.mark.parametrize("answer", [torch.ones(2), torch.ones(3, 2)])
def test_an_answer_of_the_wrong_shape_is_named(answer: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"predict answered with shape .* for 2 texts"):
        predict_texts(lambda ids: answer, torch.tensor([[1], [2]]))


def test_predicted_class_is_the_most_probable() -> None:
    ids, probabilities = torch.tensor([[1, 3], [2, 5]]), torch.tensor([[0.2, 0.8], [0.75, 0.25]])
    probability, predicted = predicted_class(ids, probabilities)
    assert predicted.tolist() == [1, 0]
    assert probability.tolist() == pytest.approx([0.8, 0.75])


def test_probabilities_of_other_texts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 2\) for 1 texts"):
        predicted_class(torch.tensor([[1]]), torch.ones(3, 2))
