import math
from dataclasses import replace

import pytest
import torch

from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.measures import (
    MEASURES,
    METRICS,
    completeness_error,
    measure_batch,
)
from captum_rnn.benchmark.methods import METHODS
from captum_rnn.evaluation import PerturbedPredictions, leave_one_out

NAMES = ["logit-delta", "hidden-state-delta-l2", "saliency"]


@pytest.fixture
def block(classifier):
    classifier.model.eval()
    dataset = Dataset.of(classifier, ["很好的书，非常好", "酒店差，不推荐"])
    methods = [METHODS[name] for name in NAMES]
    scores = {method.name: dataset.score(method) for method in methods}
    return dataset, methods, scores


def test_every_measure_is_explained(block):
    dataset, methods, scores = block
    found = measure_batch(dataset, scores, methods, METRICS, seed=0)
    for measures in found.measures.values():
        assert set(measures) <= set(MEASURES)
        assert all(len(values) == 2 for values in measures.values())
    assert all(measure.explanation.endswith(".") for measure in MEASURES.values())


def test_totals_and_tails_by_hand(block):
    dataset, methods, scores = block
    scores["logit-delta"] = torch.zeros_like(scores["logit-delta"])
    scores["logit-delta"][:, 0] = 1.0
    scores["hidden-state-delta-l2"] = 2 * scores["logit-delta"]  # sums to 2 where it promises 1
    errors = {m.name: completeness_error(m, dataset, scores[m.name]).tolist() for m in methods}
    assert errors["hidden-state-delta-l2"] == pytest.approx([0.5, 0.5])
    assert all(math.isnan(value) for value in errors["saliency"])
    found = measure_batch(dataset, scores, methods, ["deletion"], seed=0).measures
    assert found["logit-delta"]["last_fifth"] == [0, 0]


def test_curves_begin_and_end_with_the_whole_and_the_empty_text(block):
    dataset, methods, scores = block
    curves = measure_batch(dataset, scores, methods, ["deletion"], seed=0).curves
    whole = dataset.probabilities.max(dim=1).values.tolist()
    empty = dataset.model.probabilities(torch.zeros(1, 1, dtype=torch.long))[0]
    nothing = [float(empty[int(c)]) for c in dataset.predicted]
    for curve in curves.values():
        assert [row[0] for row in curve["deletion"]] == pytest.approx(whole)
        assert [row[-1] for row in curve["deletion"]] == pytest.approx(nothing, abs=1e-6)
        assert [row[0] for row in curve["insertion"]] == pytest.approx(nothing, abs=1e-6)
        assert [row[-1] for row in curve["insertion"]] == pytest.approx(whole)


def test_unsigned_scores_are_held_against_the_size_of_effects(block):
    dataset, methods, _ = block
    effects = leave_one_out(PerturbedPredictions(dataset.model.probabilities, dataset.ids))
    found = measure_batch(
        dataset,
        {"saliency": effects.abs().float(), "logit-delta": effects.float()},
        [methods[2], methods[0]],
        ["deletion"],
        seed=0,
    ).measures
    for name in ("saliency", "logit-delta"):
        assert found[name]["spearman_leave_one_out"] == pytest.approx([1, 1])


def test_a_faithful_linear_model_has_no_infidelity(block):
    """Scores that are the exact effects of single words on a classifier that adds words up."""
    dataset, _, _ = block
    weights = torch.linspace(-0.02, 0.02, 12)
    weights[0] = 0

    def probabilities(ids):
        positive = 0.5 + weights[ids].sum(1)
        return torch.stack([1 - positive, positive], 1)

    class Additive:
        pad_id, neutral_id = 0, 1

        def __init__(self):
            self.probabilities = probabilities

    linear = replace(dataset, model=Additive(), probabilities=probabilities(dataset.ids).double())
    sign = torch.where(linear.predicted == 1, 1, -1).unsqueeze(1)
    method = METHODS["saliency"]  # asks for no total
    found = measure_batch(
        linear, {method.name: weights[dataset.ids] * sign}, [method], ["infidelity"], seed=0
    )
    assert found.measures[method.name]["infidelity"] == pytest.approx([0, 0], abs=1e-9)
