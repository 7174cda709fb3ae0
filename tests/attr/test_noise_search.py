import math

import pytest
import torch

from captum_rnn.attr.noise_search import NoiseSearch
from captum_rnn.functional.word_information import linear_optimum

RATE = 0.1


def linear_map(seed, words=6, features=4, width=5):
    """A random linear Φ over all words, and the closed-form log σ of two texts."""
    generator = torch.Generator().manual_seed(seed)
    matrices = torch.randn(words, features, width, generator=generator, dtype=torch.float64)
    matrices = matrices * torch.logspace(-1, 1, words, dtype=torch.float64).reshape(-1, 1, 1)

    def state_vectors(embedded):
        return torch.einsum("btf,tfw->bw", embedded, matrices)

    return state_vectors, matrices.square().sum((1, 2))


@pytest.mark.parametrize("seed", range(5))
def test_sigma_of_a_linear_map_agrees_with_the_closed_form(seed):
    state_vectors, gains = linear_map(seed)
    tokens = torch.ones(2, 6, dtype=torch.bool)
    tokens[1, 4:] = False
    embedded = torch.randn(2, 6, 4, dtype=torch.float64)
    expected = linear_optimum(gains.expand(2, -1), tokens, rate=RATE, log_scale=5.0).exp()
    search = NoiseSearch(max_steps=60, tolerance=0.0, seed=seed)
    found = search.run(state_vectors, embedded, tokens, rate=RATE, log_scale=5.0)
    assert (found.log_sigma.exp() / expected - 1)[tokens].abs().max() < 0.02
    assert (found.log_sigma[~tokens] == 0).all()


@pytest.mark.parametrize("directions", [0, 2])
def test_a_map_that_is_linearised_in_part_agrees_too(directions):
    state_vectors, gains = linear_map(3)
    tokens = torch.ones(2, 6, dtype=torch.bool)
    embedded = torch.randn(2, 6, 4, dtype=torch.float64)
    expected = linear_optimum(gains.expand(2, -1), tokens, rate=RATE, log_scale=5.0).exp()
    search = NoiseSearch(exact=0, directions=directions, probes=16, pairs=16, tolerance=0.0)
    found = search.run(state_vectors, embedded, tokens, rate=RATE, log_scale=5.0)
    assert (found.log_sigma.exp() / expected - 1).abs().max() < 0.05


@pytest.mark.parametrize("precise_states", [False, True])
@pytest.mark.parametrize("exact", [0, 128])
def test_half_precision(exact, precise_states):
    state_vectors, gains = linear_map(3)
    tokens = torch.ones(2, 6, dtype=torch.bool)

    def of_halves(embedded):
        states = state_vectors(embedded.double())
        return states.float() if precise_states else states.bfloat16()

    search = NoiseSearch(max_steps=20, exact=exact, directions=5)
    embedded = torch.randn(2, 6, 4, dtype=torch.bfloat16)
    found = search.run(of_halves, embedded, tokens, rate=RATE, log_scale=5.0)
    expected = linear_optimum(gains.expand(2, -1), tokens, rate=RATE, log_scale=5.0)
    assert (found.log_sigma - expected).abs().max() < 0.1


def test_in_a_last_look_that_comes_early_the_start_counts_by_the_samples_drawn():
    """One step of at most 1/2, weighed as 4 samples against 150."""
    embedded = torch.zeros(1, 3, 2, dtype=torch.float64)
    tokens = torch.ones(1, 3, dtype=torch.bool)
    weights = torch.arange(1.0, 4.0, dtype=torch.float64)
    # ∂Φ/∂x_i = (i, i) at 0, so ‖∂Φ/∂x_i‖² = 2 i².
    start = 0.5 * torch.log(RATE / (2 * 3 * 2 * weights.square()))
    found = NoiseSearch(max_steps=1).run(saturating, embedded, tokens, rate=RATE, log_scale=9.0)
    moved = (found.log_sigma[0] - start).abs()
    longest = 0.5 * 4 / 154
    assert (moved > 0).all()
    assert (moved <= longest + 1e-9).all()


def test_a_linear_map_settles_at_the_second_look():
    state_vectors, _ = linear_map(0)
    tokens = torch.ones(3, 6, dtype=torch.bool)
    embedded = torch.randn(3, 6, 4, dtype=torch.float64)
    found = NoiseSearch().run(state_vectors, embedded, tokens, rate=RATE, log_scale=5.0)
    assert found.settled.all()
    assert found.steps.max() == 20


def test_a_word_without_effect_gets_the_scale():
    state_vectors, _ = linear_map(0)

    def blind(embedded):
        return state_vectors(embedded * torch.tensor([1.0, 0, 1, 1, 1, 1]).reshape(-1, 1))

    tokens = torch.ones(1, 6, dtype=torch.bool)
    found = NoiseSearch(max_steps=20).run(
        blind, torch.randn(1, 6, 4, dtype=torch.float64), tokens, rate=RATE, log_scale=0.7
    )
    assert found.log_sigma[0, 1] == pytest.approx(0.7)
    assert (found.log_sigma <= 0.7 + 1e-12).all()


def saturating(embedded):
    """A map that is far from linear: tanh of one number, which saturates."""
    weights = torch.arange(1.0, 4.0, dtype=embedded.dtype).reshape(-1, 1)
    return torch.tanh((embedded * weights).sum((1, 2))).unsqueeze(1)


def test_the_optimum_of_a_saturating_map_is_stationary():
    """At the σ found, an independent large sample sees every slope at rate / n."""
    embedded = torch.zeros(1, 3, 2, dtype=torch.float64)
    tokens = torch.ones(1, 3, dtype=torch.bool)
    found = NoiseSearch(max_steps=200, pairs=8, tolerance=0.0).run(
        saturating, embedded, tokens, rate=RATE, log_scale=3.0
    )
    log_sigma = found.log_sigma[0].clone().requires_grad_()
    noise = torch.randn(200_000, 3, 2, dtype=torch.float64)
    moved = saturating(log_sigma.exp().reshape(-1, 1) * noise)
    (slopes,) = torch.autograd.grad(moved.square().sum(1).mean(), log_sigma)
    torch.testing.assert_close(slopes, torch.full_like(slopes, RATE / 3), rtol=0.06, atol=0)


def test_the_default_search_does_not_settle_near_the_linear_optimum_of_a_curved_map():
    """Of Φ = x² at x = 0.3 the loss is 4 x² σ² + 3 σ⁴ − rate · log σ, so σ² = y solves
    12 y² + 8 x² y − rate = 0."""
    embedded = torch.full((1, 1, 1), 0.3, dtype=torch.float64)
    tokens = torch.ones(1, 1, dtype=torch.bool)
    found = NoiseSearch().run(
        lambda words: words.square().flatten(1), embedded, tokens, rate=RATE, log_scale=3.0
    )
    squared = (-8 * 0.09 + math.sqrt((8 * 0.09) ** 2 + 48 * RATE)) / 24
    linear = 0.5 * math.log(RATE / (2 * 4 * 0.09))
    distance = abs(found.log_sigma.item() - 0.5 * math.log(squared))
    assert distance < 0.4 * abs(linear - 0.5 * math.log(squared))


def test_texts_do_not_depend_on_each_other():
    embedded = torch.randn(4, 3, 2, dtype=torch.float64)
    tokens = torch.ones(4, 3, dtype=torch.bool)
    search = NoiseSearch(max_steps=40)

    def found(rows):
        return search.run(
            saturating, embedded[rows], tokens[rows], rate=RATE, log_scale=3.0
        ).log_sigma

    together = found([0, 1, 2, 3])
    torch.testing.assert_close(found([2, 0]), together[[2, 0]], rtol=0, atol=1e-9)
    assert torch.equal(found([0, 1, 2, 3]), together)


def test_more_steps_change_nothing_once_a_text_has_settled():
    embedded = torch.randn(2, 3, 2, dtype=torch.float64)
    tokens = torch.ones(2, 3, dtype=torch.bool)
    settings = {"tolerance": 0.05, "pairs": 4}
    short, long = (
        NoiseSearch(max_steps=steps, **settings).run(
            saturating, embedded, tokens, rate=RATE, log_scale=3.0
        )
        for steps in (200, 400)
    )
    assert short.settled.all()
    assert torch.equal(short.log_sigma, long.log_sigma)
    assert torch.equal(short.steps, long.steps)


def test_a_state_that_does_not_depend_on_the_words():
    tokens, embedded = torch.ones(1, 3, dtype=torch.bool), torch.randn(1, 3, 2)
    constant = torch.ones(1, 4)
    with pytest.raises(ValueError, match="does not depend on the embedding"):
        NoiseSearch().run(lambda _: constant, embedded, tokens, rate=RATE, log_scale=1.0)
    other = torch.ones(1, 4, requires_grad=True)
    with pytest.raises(ValueError, match="does not depend on the embedding"):
        NoiseSearch().run(lambda _: 2 * other, embedded, tokens, rate=RATE, log_scale=1.0)


def test_a_loss_that_is_not_finite():
    def exploding(embedded):
        sums = embedded.sum((1, 2)).unsqueeze(1)
        return torch.where(sums == 0, sums, math.inf * sums.abs())

    tokens, embedded = torch.ones(1, 3, dtype=torch.bool), torch.zeros(1, 3, 2)
    with pytest.raises(ValueError, match="the loss is not finite"):
        NoiseSearch(exact=0).run(exploding, embedded, tokens, rate=RATE, log_scale=1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_steps", 0), ("pairs", 0), ("exact", -1), ("probes", 0), ("directions", -1)],
)
def test_numbers_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}; expected"):
        NoiseSearch(**{name: value})
    with pytest.raises(ValueError, match="tolerance is nan; expected 0 or more"):
        NoiseSearch(tolerance=math.nan)
