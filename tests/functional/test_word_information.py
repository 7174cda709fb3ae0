import math

import numpy as np
import pytest
import torch
from scipy import optimize, stats

from captum_rnn.functional.word_information import (
    StateVariance,
    check_quantity,
    kept_information,
    linear_optimum,
    mean_square,
    noise_entropy,
    shares,
    state_vectors,
)


def test_the_entropy_is_that_of_a_normal_distribution():
    for dimensions, sigma in ((1, 0.3), (4, 2.0)):
        expected = stats.multivariate_normal(cov=sigma**2 * np.eye(dimensions)).entropy()
        found = noise_entropy(torch.tensor(math.log(sigma)).double(), dimensions)
        assert float(found) == pytest.approx(float(expected))


@pytest.mark.parametrize("seed", range(3))
def test_the_closed_form_minimises_the_loss_of_a_linear_map(seed):
    """Against a numerical minimum of E‖ΣA_iε_i‖² / σ_S² − rate / n Σ log σ_i, traces by hand."""
    draws = np.random.default_rng(seed)
    words, variance, rate = 4, 1.7, 0.2
    matrices = draws.normal(size=(words, 5, 3)) * draws.uniform(0.1, 3, size=(words, 1, 1))
    traces = np.array([np.trace(matrix @ matrix.T) for matrix in matrices])

    def loss(log_sigma):
        moved = (np.exp(2 * log_sigma) * traces).sum() / variance
        return moved - rate / words * log_sigma.sum()

    expected = optimize.minimize(loss, np.zeros(words), tol=1e-10).x
    gains = torch.from_numpy(traces / variance).unsqueeze(0)
    found = linear_optimum(gains, torch.ones(1, words, dtype=bool), rate=rate, log_scale=9.0)
    np.testing.assert_allclose(found[0], expected, atol=1e-4)
    moved = (np.exp(2 * found[0].numpy()) * traces).sum() / variance
    assert moved == pytest.approx(rate / 2)


def test_the_closed_form_counts_words_only_and_keeps_the_scale():
    gains = torch.tensor([[0.05, 0.0, 7.0]])
    tokens = torch.tensor([[True, True, False]])
    found = linear_optimum(gains, tokens, rate=0.1, log_scale=0.5)
    assert found[0, 0] == pytest.approx(0.5 * math.log(0.1 / (2 * 2 * 0.05)))
    assert found[0, 1] == 0.5


def test_information_counts_from_the_scale():
    log_sigma = torch.tensor([[-2.0, 0.5]])
    assert kept_information(log_sigma, 0.5, 4).tolist() == [[10.0, 0.0]]
    difference = noise_entropy(torch.tensor(0.5), 4) - noise_entropy(torch.tensor(-2.0), 4)
    assert float(difference) == pytest.approx(10.0)


def test_shares_add_up():
    found = shares(torch.tensor([[2.0, 6.0, 0.0], [0.0, 0.0, 0.0]]))
    assert found.tolist() == [[0.25, 0.75, 0.0], [0.0, 0.0, 0.0]]


def test_the_distance_of_state_vectors_is_the_mean_over_the_states_seen():
    states, others = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    seen = torch.tensor([[True, True, False], [True, True, True]])
    others[0, 2] = torch.nan
    variance = torch.tensor([2.0, 0.5])
    apart = state_vectors(states, seen, variance) - state_vectors(others, seen, variance)
    first = ((states - others)[0, :2] ** 2).sum(1).mean() / 2.0
    second = ((states - others)[1] ** 2).sum(1).mean() / 0.5
    torch.testing.assert_close(apart.square().sum(1), torch.stack([first, second]))
    torch.testing.assert_close(
        mean_square(states, seen)[1], (states[1] ** 2).sum(1).mean(), rtol=1e-6, atol=0
    )


def test_the_variance_is_numpys_whatever_the_batches():
    states = torch.randn(50, 6, dtype=torch.float64) * 3 + 1e4
    variance = StateVariance()
    for part in (states[:7], states[7:7], states[7:8], states[8:]):
        variance.add(part)
    assert variance.count == 50
    assert variance.value == pytest.approx(np.var(states.numpy(), axis=0).sum())
    assert math.isnan(StateVariance().value)


def test_an_unknown_quantity():
    with pytest.raises(ValueError, match="quantity is 'bits'; expected one of 'entropy', 'sigma'"):
        check_quantity("bits")
