"""Measures of cells against scikit-learn, brute force and sums done by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from captum_rnn.evaluation.cells import (
    cell_average_precision,
    cell_occlusion,
    cumulative_difference,
    removal_effect,
    replace_cells,
)


def linear(weights):
    return lambda values: (values * weights).sum((1, 2))


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("signed", [False, True])
def test_average_precision_is_scikit_learns_also_with_ties(generator, signed):
    scores = torch.randint(-3, 4, (6, 5, 3), generator=generator).double()
    cells = torch.rand(6, 5, 3, generator=generator) < 0.3
    cells[:, 0, 0] = True
    found = cell_average_precision(scores, cells, signed=signed)
    ranked = scores if signed else scores.abs()
    expected = [
        average_precision_score(cells[row].flatten().numpy(), ranked[row].flatten().numpy())
        for row in range(6)
    ]
    assert np.allclose(found, expected, atol=1e-12)


def test_absent_steps_do_not_count_and_a_series_without_cells_has_no_precision():
    scores = torch.tensor([[[1.0], [9.0]], [[1.0], [2.0]]])
    cells = torch.tensor([[[True], [False]], [[False], [False]]])
    present = torch.tensor([[True, False], [True, True]])
    found = cell_average_precision(scores, cells, present)
    assert found[0] == 1.0
    assert found[1].isnan()


def test_scores_shared_over_the_features_find_one_of_them_by_chance():
    cells = torch.zeros(1, 10, 4, dtype=torch.bool)
    cells[0, 3, 2] = True
    shared = torch.zeros(1, 10, 4)
    shared[0, 3] = 1.0
    assert cell_average_precision(shared, cells).item() == 0.25


def test_cells_are_replaced_by_a_baseline_or_by_what_was_kept_before():
    values = torch.tensor([[[1.0, 5.0], [2.0, 6.0], [3.0, 7.0]]])
    removed = torch.tensor([[[True, True], [False, True], [True, True]]])
    by_baseline = replace_cells(values, removed, torch.tensor([0.0, -1.0]))
    assert by_baseline.tolist() == [[[0, -1], [2, -1], [0, -1]]]
    carried = replace_cells(values, removed)
    # Nothing before the first of feature 0, so the first after it; nothing left of feature 1.
    assert carried.tolist() == [[[2, 6], [2, 6], [2, 6]]]


def test_the_mean_of_large_numbers_in_half_precision_is_one_of_them():
    values = torch.full((1, 40, 1), 3000.0, dtype=torch.float16)  # sums to more than it holds
    assert torch.equal(replace_cells(values, torch.ones_like(values, dtype=torch.bool)), values)


def test_padding_is_not_carried_into_a_series():
    values = torch.tensor([[[1.0, 5.0], [2.0, 7.0], [99.0, 99.0]]])
    present = torch.tensor([[True, True, False]])
    removed = torch.tensor([[[False, True], [True, True], [False, False]]])
    carried = replace_cells(values, removed, present=present)
    assert carried.tolist() == [[[1, 6], [1, 6], [99, 99]]]
    first = torch.tensor([[[True, True], [True, False], [False, False]]])
    carried = replace_cells(values, first, present=present)
    assert carried.tolist() == [[[1.5, 7], [1.5, 7], [99, 99]]]


def test_keeping_nothing_of_a_feature_loses_all_that_it_changes():
    values = torch.tensor([[[1.0, 0.0], [5.0, 0.0], [99.0, 0.0]]])
    present = torch.tensor([[True, True, False]])
    weights = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    scores = torch.zeros_like(values)
    scores[0, 0, 1] = 1.0  # all that is kept is a feature that is not read
    lost = removal_effect(linear(weights), values, scores, None, present, keep=True, shares=[0.25])
    assert lost.tolist() == [5 - 3]


def test_effects_of_cells_of_a_linear_function_are_its_terms(generator):
    values = torch.randn(3, 4, 2, generator=generator, dtype=torch.float64)
    weights = torch.randn(4, 2, generator=generator, dtype=torch.float64)
    baseline = torch.tensor([0.5, -1.0], dtype=torch.float64)
    effects = cell_occlusion(linear(weights), values, baseline)
    assert torch.allclose(effects, weights * (values - baseline), atol=1e-12)
    each = baseline + torch.arange(3.0, dtype=torch.float64).view(3, 1, 1).expand_as(values)
    effects = cell_occlusion(linear(weights), values, each)
    assert torch.allclose(effects, weights * (values - each), atol=1e-12)


def test_removal_takes_the_highest_scores_of_the_steps_that_are_there():
    values = torch.tensor([[[4.0, 1.0], [2.0, 8.0]], [[4.0, 1.0], [2.0, 8.0]]])
    present = torch.tensor([[True, True], [True, False]])
    predict = linear(torch.ones(2, 2))
    removed = removal_effect(predict, values, values, torch.zeros(()), present, shares=[0.25, 0.5])
    # Row 0: {8}, then {8, 4}; row 1 has two cells, 4 and 1: {4}, then {4}.
    assert removed.tolist() == [(8 + 12) / 2, 4]
    kept = removal_effect(
        predict, values, values, torch.zeros(()), present, keep=True, shares=[0.25, 0.5]
    )
    assert kept.tolist() == [(7 + 3) / 2, 1]


def test_effects_of_both_signs_do_not_cancel_in_the_cumulative_difference():
    values = torch.tensor([[[3.0], [-3.0], [0.0], [0.0]]])
    predict = linear(torch.ones(4, 1))
    scores = values.clone()
    options = {"share": 0.5, "steps": 2}
    assert cumulative_difference(predict, values, scores, torch.zeros(()), **options).item() == 6.0
    at_once = {"share": 0.5, "steps": 1}
    assert cumulative_difference(predict, values, scores, torch.zeros(()), **at_once).item() == 0.0
