from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from captum_rnn.evaluation import (
    PerturbedPredictions,
    comprehensiveness,
    leave_one_out,
    measure_rankings,
    sufficiency,
)
from captum_rnn.evaluation.faithfulness.curves import RankingMeasures


def measure(predict: Any, ids: torch.Tensor, scores: torch.Tensor, **options: Any) -> Any:
    return measure_rankings(PerturbedPredictions(predict, ids), {"one": scores}, **options)["one"]


def test_curves_and_areas_by_hand(bag_of_words: Any) -> None:
    """Two steps of a text of five: none, three (2.5, halves up) and all of its tokens."""
    ids = torch.tensor([[3, 1, 4, 2, 6]])
    scores = torch.tensor([[0.3, 0.9, 0.1, -0.5, 0.6]])
    positive = bag_of_words.positive

    found = measure(bag_of_words, ids, scores, steps=2)

    whole = positive(3, 1, 4, 2, 6)
    deletion = [whole, positive(4, 2), 0.5]
    insertion = [0.5, positive(3, 1, 6), whole]
    assert found.deletion_curve[0].tolist() == pytest.approx(deletion, abs=1e-7)
    assert found.insertion_curve[0].tolist() == pytest.approx(insertion, abs=1e-7)
    assert found.deletion_area.item() == pytest.approx(
        (deletion[0] + 2 * deletion[1] + deletion[2]) / 4, abs=1e-7
    )
    assert found.insertion_area.item() == pytest.approx(
        (insertion[0] + 2 * insertion[1] + insertion[2]) / 4, abs=1e-7
    )


def test_the_flip_by_hand(bag_of_words: Any) -> None:
    """Weights 1 + 2 - 1 - 0.5: without 6 and 1 the class changes; with the worst words first never.

    The text without any word has probability 1/2 of both classes and counts as class 0.
    """
    ids, best = torch.tensor([[6, 1, 2, 5]]), torch.tensor([[3.0, 2.0, 1.0, 0.0]])
    assert measure(bag_of_words, ids, best).decision_flip.item() == 2 / 4
    only_positive = torch.tensor([[1, 6, 3]])
    assert measure(bag_of_words, only_positive, best[:, :3]).decision_flip.item() == 1
    negative = torch.tensor([[2, 5]])
    assert measure(bag_of_words, negative, best[:, :2]).decision_flip.item() == 1


def test_the_flip_of_a_long_text_is_exact_within_its_step() -> None:
    """Of 90 tokens 37 must go; steps of 20 look at 36 and 41 only."""

    def predict(ids: torch.Tensor) -> torch.Tensor:
        positive = ((ids > 0).sum(dim=1) > 53).double() * 0.8 + 0.1
        return torch.stack([1 - positive, positive], dim=1)

    ids = torch.arange(1, 91).unsqueeze(0)
    scores = torch.randn(1, 90, generator=torch.Generator().manual_seed(0))
    assert measure(predict, ids, scores).decision_flip.item() == 37 / 90


def naive(predict: Any, text: list[int], scores: list[float], steps: int) -> dict[str, Any]:
    """All measures of one text by building every perturbed text as a list of words."""
    order = sorted(range(len(text)), key=lambda place: (-scores[place], place))

    def answer(kept: list[int]) -> list[float]:
        return predict(torch.tensor([[text[place] for place in sorted(kept)] or [0]]))[0].tolist()

    whole = answer(order)
    label = int(np.argmax(whole))
    count = len(text)
    counts = [int(np.floor(count * i / steps + 0.5)) for i in range(steps + 1)]
    without = [answer(order[k:]) for k in range(count + 1)]
    alone = [answer(order[:k])[label] for k in range(count + 1)]
    deletion = [without[k][label] for k in counts]
    insertion = [alone[k] for k in counts]
    tops = [max(1, int(np.floor(count * f + 0.5))) for f in (0.01, 0.05, 0.1, 0.2, 0.5)]
    flips = [k for k in range(1, count + 1) if int(np.argmax(without[k])) != label]
    return {
        "comprehensiveness": np.mean([whole[label] - without[k][label] for k in tops]),
        "sufficiency": np.mean([whole[label] - alone[k] for k in tops]),
        "deletion_curve": deletion,
        "insertion_curve": insertion,
        "deletion_area": integrate.trapezoid(deletion, dx=1 / steps),
        "insertion_area": integrate.trapezoid(insertion, dx=1 / steps),
        "decision_flip": min(flips, default=count) / count,
    }


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(0, 3))
def test_equals_a_measure_of_each_text_alone(seed: int, texts: int, padding: int) -> None:
    """Ragged texts, an order-sensitive classifier of three classes, many equal scores."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 9, size=texts)
    ids = torch.zeros(texts, int(lengths.max()) + padding, dtype=torch.long)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.from_numpy(generator.integers(1, 6, size=length))
    scores = {
        name: torch.from_numpy(generator.integers(-2, 3, size=tuple(ids.shape)) / 2)
        for name in ("first", "second", "third")
    }
    weight = torch.from_numpy(generator.normal(size=(6, 3)))
    weight[0] = 0

    def predict(texts: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(len(texts), 3, dtype=torch.float64)
        for column in texts.unbind(dim=1):
            state = torch.where(
                (column == 0).unsqueeze(1), state, torch.tanh(0.6 * state.flip(1) + weight[column])
            )
        return torch.softmax(3 * state, dim=1)

    found = measure_rankings(PerturbedPredictions(predict, ids, token_budget=30), scores, steps=20)

    for name, of_method in scores.items():
        for row, length in enumerate(lengths):
            expected = naive(
                predict, ids[row, :length].tolist(), of_method[row, :length].tolist(), steps=20
            )
            for measure_name, value in expected.items():
                actual = getattr(found[name], measure_name)[row].tolist()
                assert actual == pytest.approx(value, abs=1e-9), measure_name


def test_agrees_with_the_measures_of_one_method(bag_of_words: Any) -> None:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(0, 7, (20, 30), generator=generator)
    scores = torch.randn(20, 30, generator=generator)
    for replacement in (None, 4):
        perturbed = PerturbedPredictions(bag_of_words, ids, replacement_id=replacement)
        found = measure_rankings(perturbed, {"one": scores}, seed=0)["one"]
        for single, together in (
            (comprehensiveness, found.comprehensiveness),
            (sufficiency, found.sufficiency),
        ):
            apart = PerturbedPredictions(bag_of_words, ids, replacement_id=replacement)
            alone = single(apart, scores, seed=0)
            assert together.tolist() == pytest.approx(alone.tolist(), abs=1e-6)


def test_equal_rankings_cost_nothing_more(bag_of_words: Any) -> None:
    """A second method of the same order, and leave-one-out of the top token, are known already."""
    ids = torch.tensor([[1, 2, 3, 4, 5, 6]])
    scores = torch.tensor([[5.0, 1.0, 4.0, 3.0, 2.0, 0.0]])
    perturbed = PerturbedPredictions(bag_of_words, ids)
    measure_rankings(perturbed, {"one": scores})
    # Five proper subsets without the top tokens, five of them alone, and the empty text.
    assert perturbed.texts_predicted == 11
    again = measure_rankings(perturbed, {"scaled": 3 * scores, "shifted": scores + 1})
    assert perturbed.texts_predicted == 11
    assert torch.equal(again["scaled"].deletion_curve, again["shifted"].deletion_curve)
    leave_one_out(perturbed)
    # Without the top token is known, and without the last one is the five top tokens alone.
    assert perturbed.texts_predicted == 11 + 4


def test_methods_beyond_one_block_of_masks_measure_the_same(
    bag_of_words: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(1, 7, (5, 12), generator=generator)
    scores = {str(k): torch.randn(5, 12, generator=generator) for k in range(4)}
    together = measure_rankings(PerturbedPredictions(bag_of_words, ids), scores)
    monkeypatch.setattr("captum_rnn.evaluation.faithfulness.curves._MASKS_AT_ONCE", 1)
    apart = measure_rankings(PerturbedPredictions(bag_of_words, ids), scores)
    assert list(together) == list(apart) == list(scores)
    for name in scores:
        assert torch.allclose(together[name].deletion_curve, apart[name].deletion_curve, atol=1e-6)


def test_a_text_without_tokens_is_nan_everywhere(bag_of_words: Any) -> None:
    found = measure(bag_of_words, torch.tensor([[0, 0], [1, 2]]), torch.zeros(2, 2))
    for name in RankingMeasures.__dataclass_fields__:
        values = getattr(found, name)
        assert values[0].isnan().all(), name
        assert not values[1].isnan().any(), name


def test_a_text_of_one_token(bag_of_words: Any) -> None:
    found = measure(bag_of_words, torch.tensor([[1]]), torch.tensor([[0.0]]), steps=4)
    whole = bag_of_words.positive(1)
    # Half of one token is one token, so the token goes at the second of four steps.
    assert found.deletion_curve[0].tolist() == pytest.approx([whole] * 2 + [0.5] * 3, abs=1e-7)
    assert found.decision_flip.item() == 1


def test_the_method_with_a_nan_score_is_named(bag_of_words: Any) -> None:
    perturbed = PerturbedPredictions(bag_of_words, torch.tensor([[1, 2]]))
    scores = {"good": torch.zeros(1, 2), "broken": torch.tensor([[0.0, torch.nan]])}
    with pytest.raises(ValueError, match="broken: scores of row 0 hold NaN"):
        measure_rankings(perturbed, scores)


def test_no_steps_are_refused(bag_of_words: Any) -> None:
    with pytest.raises(ValueError, match="steps is 0; expected 1 or more"):
        measure(bag_of_words, torch.tensor([[1]]), torch.zeros(1, 1), steps=0)
