import math

import pytest
import torch
from scipy.optimize import minimize_scalar

from benchmarks.word_vectors.truth import error_at_best_scale

IDS = torch.tensor([[4, 2, 9, 1]])


def test_it_is_the_least_error_over_all_scales():
    scores, truth = torch.tensor([[1.0, -0.5, 2.0, 0.3]]), torch.tensor([[0.7, 0.1, 1.9, -1.0]])

    def error(scale):
        return ((scale * scores - truth).norm() / truth.norm()).item()

    least = minimize_scalar(error, bounds=(0, 10), method="bounded", options={"xatol": 1e-9})
    assert error_at_best_scale(IDS, scores, truth).item() == pytest.approx(least.fun, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_a_multiple_of_the_truth_has_no_error(scale):
    truth = torch.tensor([[0.7, 0.1, 1.9, -1.0]]).double()
    assert error_at_best_scale(IDS, scale * truth, truth).item() < 1e-12


@pytest.mark.parametrize(
    "scores", [[[0.0, 0, 0, 0]], [[-1.0, 0, 0, 0]], [[0.0, 3.0, 0, 0]], [[-1.0, 9.0, 0, 0]]]
)
def test_scores_that_say_nothing_or_the_contrary_have_an_error_of_one(scores):
    truth = torch.tensor([[2.0, 0, 0, 0]])
    assert error_at_best_scale(IDS, torch.tensor(scores), truth).item() == 1


def test_what_stands_on_padding_does_not_count():
    ids = torch.tensor([[4, 0, 9, 0]])
    scores, truth = torch.tensor([[1.0, 99.0, 2.0, -7.0]]), torch.tensor([[1.0, 0, 2.0, 5.0]])
    assert error_at_best_scale(ids, scores, truth).item() < 1e-7


def test_a_text_without_contributions_has_no_error_to_tell():
    assert math.isnan(error_at_best_scale(IDS, torch.ones(1, 4), torch.zeros(1, 4)).item())


def test_scores_of_another_shape():
    with pytest.raises(ValueError, match=r"scores has shape \(1, 3\)"):
        error_at_best_scale(IDS, torch.ones(1, 3), torch.ones(1, 4))
