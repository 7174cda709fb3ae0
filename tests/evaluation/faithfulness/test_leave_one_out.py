import importlib
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from captum_rnn.evaluation import PerturbedPredictions
from captum_rnn.evaluation.faithfulness.leave_one_out import leave_one_out


def test_by_hand(bag_of_words: Any) -> None:
    positive = bag_of_words.positive

    scores = leave_one_out(
        PerturbedPredictions(bag_of_words, torch.tensor([[1, 0, 2, 6, 0], [2, 5, 0, 0, 0]]))
    )

    whole = positive(1, 2, 6)
    assert scores[0].tolist() == pytest.approx(
        [whole - positive(2, 6), 0, whole - positive(1, 6), whole - positive(1, 2), 0], abs=1e-7
    )
    # The second text is predicted as class 0.
    assert scores[1, :2].tolist() == pytest.approx(
        [positive(5) - positive(2, 5), positive(2) - positive(2, 5)], abs=1e-7
    )


@settings(max_examples=25)
@given(
    st.lists(st.lists(st.integers(0, 9), min_size=6, max_size=6), min_size=1, max_size=5),
    st.integers(1, 60),
)
def test_equals_one_removal_after_the_other(rows: list[list[int]], token_budget: int) -> None:
    """An order-sensitive classifier, so that a token put in the wrong place would show."""

    def positive(words: list[int]) -> float:
        read = [word for word in words if word != 0]
        state = 0.0
        for word in read:
            state = 0.7 * state + word / 10
        return state / 4

    def predict(ids: torch.Tensor) -> torch.Tensor:
        share = torch.tensor([positive(row) for row in ids.tolist()], dtype=torch.float64)
        return torch.stack([1 - share, share], dim=1)

    scores = leave_one_out(
        PerturbedPredictions(predict, torch.tensor(rows), token_budget=token_budget)
    )

    for row, row_scores in zip(rows, scores.tolist(), strict=True):
        whole = positive(row)
        sign = 1 if whole > 1 - whole else -1
        expected = [
            sign * (whole - positive(row[:place] + row[place + 1 :])) if row[place] else 0.0
            for place in range(6)
        ]
        assert row_scores == pytest.approx(expected, abs=1e-12)


def test_all_removals_share_few_forward_passes(bag_of_words: Any) -> None:
    ids = torch.randint(1, 7, (50, 20), generator=torch.Generator().manual_seed(0))
    leave_one_out(PerturbedPredictions(bag_of_words, ids, token_budget=10_000))
    assert bag_of_words.shapes == [(50, 20), (526, 19), (474, 19)]


def test_texts_without_read_tokens_score_zero(bag_of_words: Any) -> None:
    assert (
        leave_one_out(
            PerturbedPredictions(bag_of_words, torch.zeros(2, 3, dtype=torch.long))
        ).tolist()
        == [[0] * 3] * 2
    )


def test_a_list_of_ids_is_refused(bag_of_words: Any) -> None:
    with pytest.raises(TypeError, match="ids is a list"):
        leave_one_out(PerturbedPredictions(bag_of_words, [[1, 2]]))  # type: ignore[arg-type]


def test_replacement_by_hand(bag_of_words: Any) -> None:
    positive = bag_of_words.positive
    scores = leave_one_out(
        PerturbedPredictions(bag_of_words, torch.tensor([[1, 0, 2]]), replacement_id=6)
    )
    assert scores[0].tolist() == pytest.approx(
        [positive(1, 2) - positive(6, 2), 0, positive(1, 2) - positive(1, 6)], abs=1e-7
    )


def test_more_tokens_than_one_block_of_masks(
    bag_of_words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = torch.randint(0, 7, (9, 5), generator=torch.Generator().manual_seed(0))
    expected = leave_one_out(PerturbedPredictions(bag_of_words, ids))
    module = importlib.import_module("captum_rnn.evaluation.faithfulness.leave_one_out")
    monkeypatch.setattr(module, "_MASKS_AT_ONCE", 12)
    assert torch.allclose(
        leave_one_out(PerturbedPredictions(bag_of_words, ids)), expected, atol=1e-7
    )
