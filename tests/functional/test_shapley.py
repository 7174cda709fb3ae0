"""Estimates of Shapley values, on games whose values are drawn at random and enumerated."""

import itertools
import math

import numpy as np
import pytest
import torch

from captum_rnn.functional.shapley import (
    antithetic_permutations,
    complementary_sets,
    contributions,
    every_set,
    growing_sets,
    mean_and_error,
    shapley_values,
    weighted_scores,
    with_sum,
)

TOKENS = 5


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def game():
    """The value of every set of tokens, by the number whose bits are its mask."""
    return torch.randn(2**TOKENS, dtype=torch.float64, generator=seeded(7))


def values(game, sets):
    return game[(sets.long() * 2 ** torch.arange(TOKENS)).sum(-1)]


def exact(game):
    """The definition: the mean over all orders."""
    shares = torch.zeros(TOKENS, dtype=torch.float64)
    for order in itertools.permutations(range(TOKENS)):
        before = 0
        for token in order:
            shares[token] += game[before + 2**token] - game[before]
            before += 2**token
    return shares / math.factorial(TOKENS)


def test_all_sets_give_the_definition(game):
    sets = every_set(TOKENS)
    assert len(torch.unique(sets, dim=0)) == 2**TOKENS
    assert not sets[0].any()
    assert sets[-1].all()
    found = shapley_values(values(game, sets))
    torch.testing.assert_close(found, exact(game), rtol=0, atol=1e-12)


def permuted(game, pairs, generator):
    orders = antithetic_permutations(TOKENS, pairs, generator)
    added = contributions(orders, values(game, growing_sets(orders)))
    return added.view(pairs, 2, TOKENS).mean(1)


def test_orders_come_with_their_reverse():
    orders = antithetic_permutations(6, 4, seeded())
    assert orders.shape == (8, 6)
    assert torch.equal(orders.sort(1).values, torch.arange(6).expand(8, 6))
    assert torch.equal(orders[1::2], orders[::2].flip(1))
    assert len(torch.unique(orders, dim=0)) > 4


def test_contributions_by_hand():
    orders = torch.tensor([[2, 0, 1]])
    assert growing_sets(orders)[0].int().tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1]]
    assert contributions(orders, torch.tensor([[1.0, 4.0, 3.0, 10.0]])).tolist() == [[-1, 7, 3]]


def test_permutations_are_unbiased(game):
    mean, error = mean_and_error(permuted(game, 5000, seeded()))
    assert ((mean - exact(game)).abs() < 4 * error).all()
    torch.testing.assert_close(mean.sum(), game[-1] - game[0])


def test_the_standard_error_says_how_far_off_they_are(game):
    """Within two of them lie 91 % of estimates from ten pairs, by Student's t."""
    inside, truth = [], exact(game)
    for samples in permuted(game, 4000, seeded()).split(10):
        mean, error = mean_and_error(samples)
        inside.append((mean - truth).abs() < 2 * error)
    share = torch.stack(inside).double().mean()
    assert 0.89 < share < 0.95


def test_complementary_sets_of_every_size():
    sets = complementary_sets(TOKENS, 60, seeded())
    assert torch.equal(sets[1::2], ~sets[::2])
    assert torch.bincount(sets[::2].sum(1), minlength=TOKENS + 1).tolist() == [10] * 6
    assert not torch.equal(sets, complementary_sets(TOKENS, 60, seeded(1)))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_scores_of_sets_come_to_shapley_values_where_they_are_the_contributions(game, share):
    """Whatever share of what the others would add is known."""
    sets = complementary_sets(TOKENS, 30_000, seeded())
    every = torch.eye(TOKENS, dtype=torch.bool)
    without, beside = sets.unsqueeze(1) & ~every, sets.unsqueeze(1) | every
    scores = values(game, beside) - values(game, without)
    known = torch.rand(sets.shape, generator=seeded(2)) < share
    samples, weights = weighted_scores(sets, scores.where(sets | known, torch.nan), known)
    mean, error = mean_and_error(samples, weights)
    assert error.max() < 0.03
    assert ((mean - exact(game)).abs() < 4 * error).all()


def test_weights_by_hand():
    kept = torch.tensor([[True, False, True], [False, True, False]])
    known = torch.tensor([[False, False, False], [True, False, False]])
    scores = torch.tensor([[1.0, 9.0, 2.0], [4.0, 3.0, 9.0]])
    samples, weights = weighted_scores(kept, scores, known)
    assert samples.tolist() == [[2.5, 3, 2]]
    assert weights.tolist() == [[0.5, 1, 0.5]]


def test_mean_and_error_are_those_of_numpy():
    samples = torch.randn(9, 3, dtype=torch.float64)
    mean, error = mean_and_error(samples)
    np.testing.assert_allclose(mean, samples.numpy().mean(0))
    np.testing.assert_allclose(error, samples.numpy().std(0, ddof=1) / 3)
    twice = torch.cat([samples, samples[:1]])
    weights = torch.ones(9, 1, dtype=torch.float64).expand(9, 3).clone()
    weights[0] = 2
    torch.testing.assert_close(mean_and_error(samples, weights)[0], twice.mean(0))
    assert mean_and_error(samples[:1])[1].isnan().all()


def test_the_rest_is_shared_equally():
    assert with_sum(torch.tensor([1.0, 2.0]), torch.tensor(5.0)).tolist() == [2, 3]
