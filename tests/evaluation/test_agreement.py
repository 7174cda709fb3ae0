import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.evaluation.agreement import rank_correlation, rank_correlations


def test_by_hand() -> None:
    """Ranks 1 2 3 4 against 1 3 2 4: 1 - 6 · (0 + 1 + 1 + 0) / (4 · 15) = 0.8."""
    assert rank_correlation([0.1, 0.2, 0.3, 0.4], [-5.0, 7.0, 6.0, 100.0]) == pytest.approx(0.8)


@given(st.lists(st.integers(-50, 50), min_size=3, max_size=12, unique=True))
def test_only_the_order_counts(scores: list[int]) -> None:
    assert rank_correlation(scores, [score**3 for score in scores]) == pytest.approx(1)
    assert rank_correlation(scores, [-score for score in scores]) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("first", "second"),
    [([], []), ([1.0, 2.0], [1.0, 2.0]), ([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])],
    ids=["no token", "two tokens", "constant"],
)
def test_no_order_to_compare_is_nan(first: list[float], second: list[float]) -> None:
    assert math.isnan(rank_correlation(first, second))
    assert math.isnan(rank_correlation(second, first))


def test_scores_of_different_texts_are_refused() -> None:
    with pytest.raises(ValueError, match="cover 2 and 3 tokens"):
        rank_correlation([1.0, 2.0], [1.0, 2.0, 3.0])


def test_each_text_is_compared_over_the_tokens_it_reads() -> None:
    ids = torch.tensor([[1, 2, 3, 4], [5, 0, 6, 7], [8, 9, 0, 0]])
    first = torch.tensor([[0.1, 0.2, 0.3, 0.4], [1.0, -9.0, 2.0, 3.0], [1.0, 2.0, 0.0, 0.0]])
    second = torch.tensor([[1.0, 3.0, 2.0, 4.0], [3.0, 99.0, 2.0, 1.0], [1.0, 2.0, 0.0, 0.0]])
    correlations = rank_correlations(ids, first, second).tolist()
    assert correlations[:2] == pytest.approx([0.8, -1.0])
    assert math.isnan(correlations[2])
