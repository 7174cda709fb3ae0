import math
import sys
from typing import Any

import pytest
import torch

from captum_rnn.evaluation.plausibility.marks import (
    average_precision,
    lexicon_polarity,
    pointing_accuracy,
    sign_accuracy,
    token_f1,
)

IDS = torch.tensor([[4, 5, 0, 6, 7], [8, 9, 3, 0, 0], [0, 0, 0, 0, 0]])
SCORES = torch.tensor([[0.9, -0.2, 9.0, 0.5, 0.1], [0.3, 0.2, 0.1, 9.0, 9.0], [1.0] * 5])
GOLD = torch.tensor([[1, 0, 1, 0, 1], [0, 0, 0, 1, 1], [1, 1, 1, 1, 1]]).bool()


def test_token_f1_by_hand() -> None:
    """Two tokens of the first text are marked, one of the top two is among them."""
    found = token_f1(IDS, SCORES, GOLD).tolist()
    assert found[0] == 1 / 2
    assert math.isnan(found[1])
    assert math.isnan(found[2])


def test_pointing_by_hand() -> None:
    found = pointing_accuracy(IDS, SCORES, GOLD).tolist()
    assert found[0] == 1
    assert math.isnan(found[1])
    assert pointing_accuracy(IDS, -SCORES, GOLD)[0].item() == 0


def test_average_precision_by_hand() -> None:
    """Marked are ranks 1 and 3 of 4: (1/1 + 2/3) / 2."""
    found = average_precision(IDS, SCORES, GOLD).tolist()
    assert found[0] == pytest.approx((1 + 2 / 3) / 2)
    assert math.isnan(found[1])
    assert math.isnan(found[2])


def test_constant_scores_have_the_share_of_the_marked_tokens() -> None:
    zeros = torch.zeros(SCORES.shape)
    assert average_precision(IDS, zeros, GOLD)[0].item() == pytest.approx(2 / 4)
    # The earlier of equal tokens come first.
    assert token_f1(IDS, zeros, GOLD)[0].item() == 1 / 2
    assert pointing_accuracy(IDS, zeros, GOLD)[0].item() == 1


def test_perfect_scores_are_perfect() -> None:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, 3, (30, 12), generator=generator)
    gold = torch.rand(30, 12, generator=generator) < 0.3
    marked = (gold & (ids != 0)).any(dim=1)
    scores = gold + torch.rand(30, 12, generator=generator) / 2
    for measure in (token_f1, pointing_accuracy, average_precision):
        found = measure(ids, scores, gold)
        assert (found[marked] == 1).all()
        assert found[~marked].isnan().all()


def test_sign_accuracy_by_hand() -> None:
    """The second text explains the negative class, for which a bad word scores above 0."""
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 0]])
    polarity = torch.tensor([[1, -1, 1, 0], [1, -1, -1, 1]])
    scores = torch.tensor([[0.4, 0.3, 0.0, -0.2], [-0.1, 0.2, -0.3, 9.0]])
    found = sign_accuracy(ids, scores, polarity, torch.tensor([True, False]))
    assert found.tolist() == pytest.approx([1 / 3, 2 / 3])
    turned = sign_accuracy(ids, -scores, polarity, torch.tensor([False, True]))
    assert turned.tolist() == found.tolist()


def test_no_polarity_is_nan() -> None:
    ids, scores = torch.tensor([[1, 2]]), torch.ones(1, 2)
    nothing = torch.zeros(1, 2, dtype=torch.long)
    assert sign_accuracy(ids, scores, nothing, torch.tensor([True])).isnan().all()


def test_the_lexicon_pads_and_cuts_to_the_width_of_the_ids() -> None:
    tokens = [["很", "好看", "不", "差"], ["差"], []]
    lexicon = {"好看": 1, "差": -1}
    assert lexicon_polarity(tokens, lexicon, width=3).tolist() == [[0, 1, 0], [-1, 0, 0], [0] * 3]
    assert lexicon_polarity(tokens, lexicon)[0].tolist() == [0, 1, 0, -1]


def test_graded_polarity_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gives \[3\] for a word; .* take the sign"):
        lexicon_polarity([["superb"]], {"superb": 3})


@pytest.mark.parametrize("measure", [token_f1, pointing_accuracy, average_precision])
def test_marks_of_the_wrong_kind_are_refused(measure: Any) -> None:
    with pytest.raises(TypeError, match=r"expected torch\.bool: compare a polarity"):
        measure(IDS, SCORES, GOLD.long())
    with pytest.raises(ValueError, match=r"has shape \(3, 4\) but ids has \(3, 5\)"):
        measure(IDS, SCORES, GOLD[:, :4])
    with pytest.raises(ValueError, match="scores of row 0 hold NaN"):
        measure(IDS, torch.full(SCORES.shape, torch.nan), GOLD)


def test_one_answer_for_each_text_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"positive \(2,\) for ids of shape \(3, 5\)"):
        sign_accuracy(IDS, SCORES, GOLD.long(), torch.tensor([True, False]))


def test_without_scikit_learn_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.delitem(sys.modules, "sklearn.metrics", raising=False)
    with pytest.raises(ImportError, match=r"sklearn.*captum-rnn\[benchmark\]"):
        average_precision(IDS, SCORES, GOLD)
