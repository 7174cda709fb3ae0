"""Means and ridge regressions over batches, against NumPy and hand-computed cases."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from captum_rnn.functional.calibration import (
    DISTANCE_BINS,
    TOKENS_OF_PLAIN,
    calibrated_total,
    distance_bins,
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
@settings(max_examples=25)
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
    """Each direction has its own bins, and the tokens of all bins count for some in each."""
    values = torch.arange(12.0).reshape(3, 2, 2, 1)  # token, class, direction, state
    in_bin = torch.tensor([[0, 2], [0, 0], [2, 0]])
    found = mean_over_tokens([(values[:2], in_bin[:2]), (values[2:], in_bin[2:])], bins=3)
    assert found.shape == (2, 3, 2, 1)
    of_bins = {0: [[0.0, 4.0], [], [8.0]], 1: [[5.0, 9.0], [], [1.0]]}  # of class 0, by direction
    for direction, bins in of_bins.items():
        everywhere = [value for of_bin in bins for value in of_bin]
        plain = sum(everywhere) / len(everywhere)
        expected = [
            (sum(of_bin) + TOKENS_OF_PLAIN * plain) / (len(of_bin) + TOKENS_OF_PLAIN)
            for of_bin in bins
        ]
        assert found[0, :, direction, 0].tolist() == pytest.approx(expected)
    torch.testing.assert_close(found[1] - found[0], torch.full_like(found[0], 2.0))


def test_one_bin_is_the_plain_mean():
    values = torch.randn(50, 2, 1, 3, dtype=torch.float64)
    found = mean_over_tokens([(values, torch.zeros(50, 1, dtype=torch.int64))])
    torch.testing.assert_close(found.squeeze(1), values.mean(0))


def test_distances_fall_into_bins_of_powers_of_two():
    for distance in range(200):
        expected = min(distance.bit_length(), DISTANCE_BINS - 1)
        assert distance_bins(torch.tensor([distance])).item() == expected


@pytest.mark.parametrize("directions", [1, 2])
def test_a_regression_in_bins_is_the_least_of_its_objective(directions):
    """The derivative of the penalised squares vanishes at the coefficients, in every bin."""
    generator = np.random.default_rng(0)
    steps = torch.from_numpy(generator.normal(size=(40, directions, 3)))
    outputs = torch.from_numpy(generator.normal(size=(40, 2)))
    in_bin = torch.from_numpy(generator.integers(0, 4, size=(40, directions)))
    features, penalty = in_bins(steps, in_bin, 5), 0.5
    plain = ridge_regression([(steps.flatten(1), outputs)], penalty)
    halves = [(features[:15], outputs[:15]), (features[15:], outputs[15:])]
    found = ridge_regression(halves, penalty, bins=5).requires_grad_()
    squares = (outputs - features @ found).square().sum()
    distance = (found.reshape(5, -1, 2) - plain).square().sum()
    (slope,) = torch.autograd.grad(squares + penalty * distance, found)
    torch.testing.assert_close(slope, torch.zeros_like(slope), atol=1e-10, rtol=0)
    torch.testing.assert_close(found.detach().reshape(5, -1, 2)[4], plain)  # no token


def test_many_tokens_have_their_way_in_their_bin():
    """With a thousand times the tokens, a bin goes where its own regression goes."""
    steps = torch.randn(20_000, 1, 2, dtype=torch.float64)
    in_bin = (torch.arange(20_000) % 2).unsqueeze(1)
    own = torch.tensor([[1.0, 2.0], [-3.0, 0.0]], dtype=torch.float64)
    outputs = (steps.squeeze(1) * own[in_bin.squeeze(1)]).sum(1, keepdim=True)
    found = ridge_regression([(in_bins(steps, in_bin, 2), outputs)], 10.0, bins=2)
    torch.testing.assert_close(found.reshape(2, 2), own, atol=0.01, rtol=0)
