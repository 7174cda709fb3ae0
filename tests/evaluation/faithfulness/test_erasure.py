import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.evaluation import PerturbedPredictions
from captum_rnn.evaluation.faithfulness.erasure import comprehensiveness, sufficiency


def test_comprehensiveness_by_hand(bag_of_words: Any) -> None:
    """Five tokens: 1, 5 and 10 % are one token, 20 % one and 50 % three (2.5, halves up)."""
    ids = torch.tensor([[3, 1, 4, 2, 6]])
    scores = torch.tensor([[0.3, 0.9, 0.1, -0.5, 0.6]])
    positive = bag_of_words.positive

    result = comprehensiveness(PerturbedPredictions(bag_of_words, ids), scores)

    without_top_token = positive(3, 1, 4, 2, 6) - positive(3, 4, 2, 6)
    without_top_three = positive(3, 1, 4, 2, 6) - positive(4, 2)
    assert result.tolist() == pytest.approx([(4 * without_top_token + without_top_three) / 5])


def test_sufficiency_by_hand(bag_of_words: Any) -> None:
    ids = torch.tensor([[3, 1, 4, 2, 6]])
    scores = torch.tensor([[0.3, 0.9, 0.1, -0.5, 0.6]])
    positive = bag_of_words.positive

    result = sufficiency(PerturbedPredictions(bag_of_words, ids), scores)

    only_top_token = positive(3, 1, 4, 2, 6) - positive(1)
    only_top_three = positive(3, 1, 4, 2, 6) - positive(3, 1, 6)
    assert result.tolist() == pytest.approx([(4 * only_top_token + only_top_three) / 5])


def test_the_predicted_class_counts_even_where_it_is_class_zero(bag_of_words: Any) -> None:
    result = comprehensiveness(
        PerturbedPredictions(bag_of_words, torch.tensor([[2, 5]])),
        torch.tensor([[1.0, 0.0]]),
        fractions=[0.5],
    )
    negative = 1 - bag_of_words.positive(2, 5)
    assert result.tolist() == pytest.approx([negative - (1 - bag_of_words.positive(5))])


def test_unread_tokens_are_neither_ranked_nor_counted(bag_of_words: Any) -> None:
    """An id 0 inside a text, whatever its score, changes nothing."""
    plain = comprehensiveness(
        PerturbedPredictions(bag_of_words, torch.tensor([[1, 2, 6]])),
        torch.tensor([[0.2, 0.1, 0.3]]),
    )
    with_unread = comprehensiveness(
        PerturbedPredictions(bag_of_words, torch.tensor([[0, 1, 0, 2, 6, 0, 0, 0]])),
        torch.tensor([[9.0, 0.2, 8.0, 0.1, 0.3, 7.0, 7.0, torch.nan]]),
    )
    assert with_unread.tolist() == plain.tolist()


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 6), st.floats(-1, 1)), min_size=1, max_size=8),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 3),
)
def test_rows_are_independent(rows: list[list[tuple[int, float]]], padding: int) -> None:
    weights = torch.tensor([0.0, 2.0, -1.0, 0.5, 0.25, -0.5, 1.0], dtype=torch.float64)

    def predict(ids: torch.Tensor) -> torch.Tensor:
        positive = torch.sigmoid(weights[ids].sum(dim=1))
        return torch.stack([1 - positive, positive], dim=1)

    width = max(len(row) for row in rows) + padding
    ids = torch.tensor([[token for token, _ in row] + [0] * (width - len(row)) for row in rows])
    scores = torch.tensor(
        [[score for _, score in row] + [0.0] * (width - len(row)) for row in rows]
    )
    for metric in (comprehensiveness, sufficiency):
        together = metric(PerturbedPredictions(predict, ids, token_budget=16), scores)
        alone = [
            metric(
                PerturbedPredictions(predict, torch.tensor([[token for token, _ in row]])),
                torch.tensor([[score for _, score in row]]),
            ).item()
            for row in rows
        ]
        assert together.tolist() == pytest.approx(alone, abs=1e-12)


def test_the_true_weights_beat_every_other_order(bag_of_words: Any) -> None:
    """Removing the words of greatest weight first lowers a linear classifier fastest."""
    text = [1, 2, 3, 4, 5, 6]
    ids = torch.tensor([text])
    weights = torch.tensor([[2.0, -1.0, 0.5, 0.25, -0.5, 1.0]])
    best = comprehensiveness(PerturbedPredictions(bag_of_words, ids), weights).item()
    generator = torch.Generator().manual_seed(0)
    others = [
        comprehensiveness(
            PerturbedPredictions(bag_of_words, ids), torch.randn(1, 6, generator=generator)
        ).item()
        for _ in range(20)
    ]
    assert best >= max(others) - 1e-7


def test_a_text_of_one_token_loses_it(bag_of_words: Any) -> None:
    ids, scores = torch.tensor([[1]]), torch.tensor([[0.0]])
    removed = comprehensiveness(PerturbedPredictions(bag_of_words, ids), scores).item()
    assert removed == pytest.approx(bag_of_words.positive(1) - 0.5, abs=1e-7)
    assert sufficiency(PerturbedPredictions(bag_of_words, ids), scores).item() == pytest.approx(
        0, abs=1e-7
    )


def test_a_text_without_read_tokens_is_nan(bag_of_words: Any) -> None:
    ids = torch.tensor([[0, 0], [1, 2]])
    for metric in (comprehensiveness, sufficiency):
        values = metric(PerturbedPredictions(bag_of_words, ids), torch.zeros(2, 2)).tolist()
        assert [math.isnan(value) for value in values] == [True, False]


def test_known_probabilities_save_a_forward_pass(bag_of_words: Any) -> None:
    ids, scores = torch.tensor([[1, 2, 3]]), torch.tensor([[0.3, 0.2, 0.1]])
    predicted = comprehensiveness(PerturbedPredictions(bag_of_words, ids), scores)
    calls = len(bag_of_words.shapes)
    known = comprehensiveness(
        PerturbedPredictions(bag_of_words, ids, probabilities=bag_of_words(ids)), scores
    )
    assert known.tolist() == predicted.tolist()
    assert len(bag_of_words.shapes) == 2 * calls


@pytest.mark.parametrize("fractions", [[], [0.0], [0.2, 1.5]])
def test_fractions_outside_the_unit_interval_are_refused(
    bag_of_words: Any, fractions: list[float]
) -> None:
    with pytest.raises(ValueError, match="expected one or more shares of the tokens"):
        sufficiency(
            PerturbedPredictions(bag_of_words, torch.tensor([[1]])),
            torch.ones(1, 1),
            fractions=fractions,
        )


def test_replacement_by_hand(bag_of_words: Any) -> None:
    """Two of four tokens are replaced: the top ones, or all others."""
    ids, scores = torch.tensor([[3, 1, 4, 2]]), torch.tensor([[0.3, 0.9, 0.1, -0.5]])
    positive = bag_of_words.positive
    whole = positive(3, 1, 4, 2)
    replaced = PerturbedPredictions(bag_of_words, ids, replacement_id=6)
    without_top = comprehensiveness(replaced, scores, fractions=[0.5])
    assert without_top.item() == pytest.approx(
        positive(3, 1, 4, 2) - positive(6, 6, 4, 2), abs=1e-7
    )
    top_alone = sufficiency(replaced, scores, fractions=[0.5])
    assert top_alone.item() == pytest.approx(whole - positive(3, 1, 6, 6), abs=1e-7)


def test_equal_scores_lose_the_earlier_tokens_first(bag_of_words: Any) -> None:
    removed = comprehensiveness(
        PerturbedPredictions(bag_of_words, torch.tensor([[1, 3, 6]])),
        torch.zeros(1, 3),
        fractions=[0.3],
    )
    expected = bag_of_words.positive(1, 3, 6) - bag_of_words.positive(3, 6)
    assert removed.item() == pytest.approx(expected, abs=1e-7)
