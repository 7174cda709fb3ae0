from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.evaluation.perturbed import PerturbedPredictions


def reader(ids: torch.Tensor) -> torch.Tensor:
    """A classifier whose answer depends on every token it reads and on their order."""
    state = torch.zeros(len(ids), dtype=torch.float64)
    for column in ids.unbind(dim=1):
        state = torch.where(column == 0, state, (0.61 * state + column / 7) % 1)
    return torch.stack([state, 1 - state], dim=1)


@given(
    st.lists(st.lists(st.integers(0, 3), min_size=5, max_size=5), min_size=1, max_size=4),
    st.lists(st.lists(st.booleans(), min_size=20, max_size=20), min_size=1, max_size=6),
    st.sampled_from([None, 0, 2, 9]),
    st.integers(1, 40),
)
def test_equals_one_prediction_for_each_request(
    rows: list[list[int]], masks: list[list[bool]], replacement: int | None, budget: int
) -> None:
    """Answers are those of texts built and predicted one by one, also when asked again."""
    kept = [[mask[5 * row : 5 * row + 5] for row in range(len(rows))] for mask in masks]
    perturbed = PerturbedPredictions(
        reader, torch.tensor(rows), replacement_id=replacement, token_budget=budget
    )

    first = perturbed.of_masks(torch.tensor(kept[:1]))
    answers = perturbed.of_masks(torch.tensor(kept))

    assert first[0].tolist() == answers[0].tolist()
    for mask, of_mask in zip(kept, answers, strict=True):
        for text, stays, answer in zip(rows, mask, of_mask, strict=True):
            words = [
                token if keep else replacement or 0
                for token, keep in zip(text, stays, strict=True)
                if token
            ]
            expected = reader(torch.tensor([[word for word in words if word] or [0]]))
            assert answer.tolist() == pytest.approx(expected[0].tolist(), abs=1e-12)


def test_each_distinct_text_is_predicted_once(bag_of_words: Any) -> None:
    """Unread positions do not make a text distinct, and the whole text is known already."""
    ids = torch.tensor([[1, 0, 2], [3, 4, 5]])
    perturbed = PerturbedPredictions(bag_of_words, ids)
    bag_of_words.shapes.clear()

    rows = torch.tensor([0, 0, 1, 1, 0, 1])
    kept = torch.tensor(
        [
            [True, False, False],
            [True, True, False],
            [True, True, False],
            [True, True, False],
            [True, False, True],
            [True, True, True],
        ]
    )
    answers = perturbed.probabilities(rows, kept)

    positive = bag_of_words.positive
    expected = [positive(1)] * 2 + [positive(3, 4)] * 2 + [positive(1, 2), positive(3, 4, 5)]
    assert answers[:, 1].tolist() == pytest.approx(expected, abs=1e-7)
    assert perturbed.texts_predicted == 2
    assert bag_of_words.shapes == [(2, 2)]
    perturbed.probabilities(rows.flip(0), kept.flip(0))
    assert bag_of_words.shapes == [(2, 2)]


def test_a_failed_prediction_leaves_nothing_behind(bag_of_words: Any) -> None:
    failures = [RuntimeError("out of memory")]

    def predict(ids: torch.Tensor) -> torch.Tensor:
        if failures:
            raise failures.pop()
        return bag_of_words(ids)

    ids = torch.tensor([[1, 2]])
    perturbed = PerturbedPredictions(predict, ids, probabilities=bag_of_words(ids))
    kept = torch.tensor([[[True, False]], [[False, True]]])
    with pytest.raises(RuntimeError, match="out of memory"):
        perturbed.of_masks(kept)
    assert perturbed.of_masks(kept)[:, 0, 1].tolist() == pytest.approx(
        [bag_of_words.positive(1), bag_of_words.positive(2)], abs=1e-7
    )


def test_replaced_texts_keep_their_length(bag_of_words: Any) -> None:
    perturbed = PerturbedPredictions(bag_of_words, torch.tensor([[1, 0, 2, 3]]), replacement_id=6)
    bag_of_words.shapes.clear()
    answer = perturbed.of_masks(torch.tensor([[False, True, True, False]]))
    assert answer[0, 1].item() == pytest.approx(bag_of_words.positive(6, 2, 6), abs=1e-7)
    assert bag_of_words.shapes == [(1, 3)]


def test_probabilities_of_other_texts_are_refused(bag_of_words: Any) -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 2\) for 1 texts"):
        PerturbedPredictions(bag_of_words, torch.tensor([[1]]), probabilities=torch.ones(3, 2))
