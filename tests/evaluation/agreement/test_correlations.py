import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from captum_rnn.evaluation.agreement.correlations import (
    pearson_correlations,
    rank_correlation,
    rank_correlation_matrices,
    rank_correlations,
)


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


def ragged(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids with gaps, and two sets of scores with many ties; unread positions score wildly."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 4, (40, 11), generator=generator)
    first, second = torch.randint(-3, 4, (2, 40, 11), generator=generator).double()
    return ids, first.masked_fill(ids == 0, 1e9), second.masked_fill(ids == 0, torch.nan)


def test_correlations_are_scipys_on_every_text() -> None:
    ids, first, second = ragged(0)
    spearman = rank_correlations(ids, first, second)
    pearson = pearson_correlations(ids, first, second)
    for row, read in enumerate(ids != 0):
        one, other = first[row, read].tolist(), second[row, read].tolist()
        assert spearman[row].item() == pytest.approx(rank_correlation(one, other), nan_ok=True)
        assert pearson[row].item() == pytest.approx(stats.pearsonr(one, other).statistic)


def test_several_scores_are_each_compared_with_the_same_ones() -> None:
    ids, second, _ = ragged(1)
    first = torch.stack([ragged(seed)[1].masked_fill(ids == 0, torch.nan) for seed in range(6)])
    expected = torch.stack([rank_correlations(ids, of_one, second) for of_one in first])
    found = rank_correlations(ids, first.reshape(2, 3, *ids.shape), second)
    torch.testing.assert_close(found, expected.reshape(2, 3, -1), equal_nan=True, rtol=0, atol=0)
    first[4, ids != 0] = torch.nan
    with pytest.raises(ValueError, match="hold NaN"):
        rank_correlations(ids, first, second)
    with pytest.raises(ValueError, match="but ids has"):
        rank_correlations(ids, first[:, 1:], second)


@pytest.mark.parametrize("measure", [rank_correlations, pearson_correlations])
def test_no_spread_or_too_few_tokens_are_nan(measure: Callable[..., torch.Tensor]) -> None:
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 0, 0], [0, 0, 0, 0]])
    # The mean of equal numbers is not exact: 0.1 + 0.1 + 0.1 is not 0.3.
    constant, rising = torch.full((3, 4), 0.1), torch.arange(12.0).reshape(3, 4)
    assert measure(ids, constant, rising).isnan().all()
    assert measure(ids, rising, constant).isnan().all()
    assert measure(ids, rising, rising).isnan().tolist() == [False, True, True]


def test_infinite_scores_have_ranks() -> None:
    ids, scores = torch.tensor([[1, 2, 3, 0]]), torch.tensor([[torch.inf, 0.0, 1.0, 0.0]])
    assert rank_correlations(ids, scores, torch.tensor([[3.0, 1.0, 2.0, 9.0]])).item() == 1


def test_the_matrix_holds_every_pair_of_methods() -> None:
    ids, first, second = ragged(1)
    scores = {
        "one": first,
        "two": second,
        "three": first - 0.9 * second.nan_to_num(),
        "same": first,
    }
    matrix = rank_correlation_matrices(ids, scores)
    assert matrix.shape == (40, 4, 4)
    for row, one in enumerate(scores.values()):
        for column, other in enumerate(scores.values()):
            expected = rank_correlations(ids, one, other)
            assert torch.allclose(matrix[:, row, column], expected, atol=1e-12, equal_nan=True)


def test_a_matrix_of_no_method_is_refused() -> None:
    with pytest.raises(ValueError, match="scores holds no method"):
        rank_correlation_matrices(torch.tensor([[1]]), {})
