import itertools
import math

import pytest
import torch

from captum_rnn.benchmark.methods import METHODS, ExplainedModel
from captum_rnn.benchmark.methods.sampling_methods import (
    KernelShapley,
    LimeForTexts,
    ShapleySampling,
    similarity_of_texts,
)
from foreign_models import KINDS, explained_model, margin_of_text, words_of

NEUTRAL = 1
SAMPLED = ["shapley-sampling", "kernel-shap", "lime"]


def shapley_values(model: ExplainedModel, words: list[int], target: int) -> list[float]:
    """By definition: the weighted effects of each word on every set of the others."""
    places = range(len(words))

    def value(kept: tuple[int, ...]) -> float:
        text = [words[place] if place in kept else NEUTRAL for place in places]
        return margin_of_text(model, text, target)

    values = []
    for place in places:
        others = [other for other in places if other != place]
        effect = 0.0
        for size in range(len(words)):
            weight = 1 / (len(words) * math.comb(len(words) - 1, size))
            for kept in itertools.combinations(others, size):
                effect += weight * (value((*kept, place)) - value(kept))
        values.append(effect)
    return values


@pytest.mark.parametrize("kind", ["lstm", "packed-gru"])
def test_both_estimates_go_to_the_shapley_values(kind: str) -> None:
    model, ids = explained_model(kind, classes=3), KINDS[kind].ids
    target = torch.arange(len(ids)) % 3
    options = {"label": "", "passes": "", "passes_per_word": 300}
    sampled = ShapleySampling(name="sampled", **options)(model, ids, target)
    regression = KernelShapley(name="regression", **options)(model, ids, target)
    for row, (words, label) in enumerate(zip(words_of(ids), target.tolist(), strict=True)):
        expected = torch.tensor(shapley_values(model, words, label))
        for scores in (sampled, regression):
            torch.testing.assert_close(scores[row][ids[row] != 0], expected, atol=0.15, rtol=0.1)


@pytest.mark.parametrize("words", [[3], [3, 7]])
@pytest.mark.parametrize("name", ["shapley-sampling", "kernel-shap"])
def test_texts_of_one_and_two_words(name: str, words: list[int]) -> None:
    model = explained_model("packed-gru")
    scores = METHODS[name](model, torch.tensor([words]), torch.tensor([1]))
    expected = shapley_values(model, words, 1)
    # The two orders, and the two proper subsets, of two words do not come up equally often.
    tolerance = 1e-4 if len(words) == 1 else 0.1
    assert scores[0].tolist() == pytest.approx(expected, abs=tolerance)
    assert float(scores.sum()) == pytest.approx(sum(expected), abs=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", ["rnn", "packed-gru", "last-output-lstm", "mean-of-words"])
def test_shapley_values_sum_to_the_change_of_the_margin(kind: str, classes: int) -> None:
    model, ids = explained_model(kind, classes), KINDS[kind].ids
    target = torch.arange(len(ids)) % classes
    change = torch.tensor(
        [
            margin_of_text(model, words, label) - margin_of_text(model, [1] * len(words), label)
            for words, label in zip(words_of(ids), target.tolist(), strict=True)
        ]
    )
    # Captum holds the regression to the sum by weights of a million.
    for name, tolerance in (("shapley-sampling", 1e-5), ("kernel-shap", 1e-3)):
        method = METHODS[name]
        torch.testing.assert_close(method.total(model, ids, target).float(), change)
        sums = method(model, ids, target).sum(1)
        torch.testing.assert_close(sums, change, atol=tolerance, rtol=tolerance)
    assert METHODS["lime"].total(model, ids, target) is None


@pytest.mark.parametrize("name", SAMPLED)
def test_the_draws_depend_on_the_seed_alone(name: str) -> None:
    model, ids, target = explained_model("gru"), KINDS["gru"].ids, torch.tensor([1, 0, 1])
    method = METHODS[name]
    first = method.seeded(3)(model, ids, target)
    torch.rand(5)
    assert torch.equal(first, method.seeded(3)(model, ids, target))
    assert not torch.equal(first, method.seeded(4)(model, ids, target))


@pytest.mark.parametrize("name", SAMPLED)
def test_every_method_runs_the_model_as_often(name: str) -> None:
    model, seen = explained_model("packed-gru"), []
    model.embedding.register_forward_hook(lambda _, inputs, output: seen.append(len(inputs[0])))
    METHODS[name](model, torch.tensor([[3, 4, 5, 6, 7, 8, 9, 10, 11, 2]]), torch.tensor([0]))
    # Shapley sampling also runs on the text of neutral words.
    assert sum(seen) in (250, 251)


def test_lime_is_the_ridge_regression_over_every_set_of_kept_words() -> None:
    """Many draws of each of the 2⁴ sets: the weighted regression, written out, over all of them."""
    model, words = explained_model("gru", classes=3), [3, 7, 2, 9]
    draws = 500
    method = LimeForTexts(name="lime", label="lime", passes="", passes_per_word=draws)
    scores = method(model, torch.tensor([words]), torch.tensor([2]))

    kept = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4)), dtype=torch.float64)
    margins = torch.tensor(
        [
            margin_of_text(model, [w if k else NEUTRAL for w, k in zip(words, row, strict=True)], 2)
            for row in kept.tolist()
        ],
        dtype=torch.float64,
    )
    distance = 1 - kept.mean(1).sqrt()
    weights = torch.exp(-(distance**2) / 0.125) * 4 * draws / 16
    design = torch.cat([kept, torch.ones(16, 1, dtype=torch.float64)], 1)
    penalty = torch.diag(torch.tensor([1.0, 1, 1, 1, 0], dtype=torch.float64))
    moments = design.t() @ (weights.unsqueeze(1) * design) + penalty
    expected = torch.linalg.solve(moments, design.t() @ (weights * margins))[:4]
    torch.testing.assert_close(scores[0].double(), expected, atol=0.1, rtol=0.1)


def test_a_text_counts_for_lime_by_the_words_it_kept() -> None:
    ids = torch.empty(0)
    quarter = similarity_of_texts(ids, ids, torch.tensor([[1, 0, 0, 0]]))
    assert quarter == pytest.approx(math.exp(-2))  # distance 1 − √¼ is twice the width
    assert similarity_of_texts(ids, ids, torch.tensor([[0, 0]])) == pytest.approx(math.exp(-8))
