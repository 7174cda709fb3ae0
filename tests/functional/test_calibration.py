"""Means and ridge regressions over batches, against NumPy and hand-computed cases."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from captum_rnn.functional.calibration import (
    DISTANCE_BINS,
    calibrated_total,
    distance_bins,
    fill_empty_bins,
    in_bins,
    mean_over_tokens,
    ridge_regression,
)


def test_the_total_of_both_directions_with_lengths():
    forward = torch.tensor([[[1.0, 0.0], [2.0, 3.0], [9.0, 9.0]]])
    backward = torch.tensor([[[4.0, 4.0], [1.0, 1.0], [7.0, 7.0]]])
    vectors = torch.tensor([[[10.0, 1.0], [0.0, 2.0]]])
    of_one_token = calibrated_total([forward, backward], vectors, torch.tensor([1]))
    assert of_one_token.tolist() == [10 * 1 + 1 * 3 + 2 * 3]
    of_two_tokens = calibrated_total([forward, backward], vectors)
    assert of_two_tokens.tolist() == [10 * 8 + 1 * 9 + 2 * (4 - 7)]


def in_one_bin(parts):
    """Values (tokens, class, direction, state), and the only bin of each token."""
    return [(part[:, None, None], torch.zeros(len(part), 1).long()) for part in parts]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5), st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_batches_of_any_size_have_the_mean_and_the_regression_of_all_tokens(sizes, seed):
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(sum(sizes), 3)).astype(np.float32)
    outputs = generator.normal(size=(sum(sizes), 2)).astype(np.float32)
    cuts = np.cumsum(sizes)[:-1]
    parts = [torch.from_numpy(part) for part in np.split(features, cuts)]
    taught = [torch.from_numpy(part) for part in np.split(outputs, cuts)]
    if sum(sizes) == 0:
        with pytest.raises(ValueError, match="no token to learn from"):
            mean_over_tokens(in_one_bin(parts))
        with pytest.raises(ValueError, match="no token to learn from"):
            ridge_regression(zip(parts, taught, strict=True), 1.0)
        return
    found = mean_over_tokens(in_one_bin(parts)).flatten()
    np.testing.assert_allclose(found, features.astype(float).mean(0), atol=1e-12)
    # A ridge regression is least squares with rows of √penalty · I that ask for 0.
    penalty = 0.5
    rows = np.concatenate([features.astype(float), np.sqrt(penalty) * np.eye(3)])
    wanted = np.concatenate([outputs.astype(float), np.zeros((3, 2))])
    expected, *_ = np.linalg.lstsq(rows, wanted, rcond=None)
    found = ridge_regression(zip(parts, taught, strict=True), penalty)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_no_batch_at_all():
    with pytest.raises(ValueError, match="pass at least one batch"):
        mean_over_tokens([])
    with pytest.raises(ValueError, match="pass at least one batch"):
        ridge_regression([], 1.0)


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan")])
def test_a_penalty_that_is_not_above_zero(penalty):
    with pytest.raises(ValueError, match=rf"penalty is {penalty}; expected a number above 0"):
        ridge_regression([(torch.ones(1, 1), torch.ones(1, 1))], penalty)


def test_means_of_bins_and_directions():
    """Each direction has its own bins; an empty one has the vectors of the one nearest to it."""
    values = torch.arange(12.0).reshape(3, 2, 2, 1)  # token, class, direction, state
    in_bin = torch.tensor([[0, 2], [0, 0], [2, 0]])
    found = mean_over_tokens([(values[:2], in_bin[:2]), (values[2:], in_bin[2:])], bins=3)
    assert found.shape == (2, 3, 2, 1)
    assert found[0, :, 0, 0].tolist() == [2.0, 2.0, 8.0]  # tokens 0, 4, 8 in bins 0, 0, 2
    assert found[0, :, 1, 0].tolist() == [7.0, 7.0, 1.0]  # tokens 1, 5, 9 in bins 2, 0, 0
    assert (found[1] - found[0]).eq(2).all()


def test_distances_fall_into_bins_of_powers_of_two():
    for distance in range(200):
        expected = min(distance.bit_length(), DISTANCE_BINS - 1)
        assert distance_bins(torch.tensor([distance])).item() == expected


def test_a_regression_in_bins_is_one_for_each_bin():
    generator = np.random.default_rng(0)
    steps = torch.from_numpy(generator.normal(size=(40, 1, 3)))
    outputs = torch.from_numpy(generator.normal(size=(40, 2)))
    in_bin = torch.from_numpy(generator.integers(0, 4, size=(40, 1)))
    together = ridge_regression([(in_bins(steps, in_bin, 5), outputs)], 0.5).reshape(5, 3, 2)
    for number in range(4):
        chosen = in_bin[:, 0] == number
        alone = ridge_regression([(steps[chosen, 0], outputs[chosen])], 0.5)
        torch.testing.assert_close(together[number], alone)
    assert (together[4] == 0).all()


def test_empty_bins_are_filled_from_the_nearest_of_their_direction():
    vectors = torch.zeros(2, 5, 2, 3)
    vectors[:, 1, 0], vectors[:, 3, 0] = 1.0, 3.0
    vectors[1, 4, 1] = 4.0
    learnt = torch.zeros(5, 2, dtype=torch.bool)
    learnt[[1, 3], 0] = learnt[[0, 4], 1] = True
    filled = fill_empty_bins(vectors, learnt)
    assert filled[0, :, 0, 0].tolist() == [1.0, 1.0, 1.0, 3.0, 3.0]
    assert filled[1, :, 1, 2].tolist() == [0.0, 0.0, 0.0, 4.0, 4.0]  # bin 0 learnt to be zero
    assert filled[0, :, 1].count_nonzero() == 0
    nothing = torch.zeros(5, 2, dtype=torch.bool)
    assert torch.equal(fill_empty_bins(vectors, nothing), vectors)
