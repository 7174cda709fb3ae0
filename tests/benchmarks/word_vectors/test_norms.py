import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn.utils import parametrize

from benchmarks.word_vectors import UnitVectors, norm_frequency, scaled_vectors


def made_up(words=200):
    generator = torch.Generator().manual_seed(3)
    counts = torch.randint(1, 500, (words,), generator=generator)
    vectors = torch.randn(words, 5, generator=generator) / counts.unsqueeze(1).double().sqrt()
    return vectors, counts


def test_correlations_are_those_of_squared_length_and_minus_log_share():
    vectors, counts = made_up()
    squares = (vectors.numpy() ** 2).sum(1)
    rareness = -np.log(counts.numpy() / counts.numpy().sum())
    found = norm_frequency(vectors, counts, seed=0)
    assert found.pearson == pytest.approx(np.corrcoef(squares, rareness)[0, 1], abs=1e-9)
    assert found.spearman == pytest.approx(stats.spearmanr(squares, rareness).statistic, abs=1e-9)
    assert found.words == 200


def test_intervals_hold_the_correlation_and_follow_the_seed():
    vectors, counts = made_up()
    found = norm_frequency(vectors, counts, seed=0)
    for value, (low, high) in (
        (found.pearson, found.pearson_interval),
        (found.spearman, found.spearman_interval),
    ):
        assert -1 <= low < value < high <= 1
    assert found == norm_frequency(vectors, counts, seed=0)
    assert found.pearson_interval != norm_frequency(vectors, counts, seed=1).pearson_interval


def test_words_that_do_not_occur_do_not_count():
    vectors, counts = made_up()
    with_more = norm_frequency(
        torch.cat([torch.full((7, 5), 99.0), vectors]),
        torch.cat([torch.zeros(7, dtype=torch.long), counts]),
        seed=0,
    )
    assert with_more == norm_frequency(vectors, counts, seed=0)


def test_vectors_of_one_length_have_no_correlation():
    counts = torch.arange(1, 9)
    found = norm_frequency(nn.functional.normalize(torch.randn(8, 4), dim=1), counts, seed=0)
    assert math.isnan(found.pearson)
    assert math.isnan(found.spearman_interval[0])


def test_wrong_counts():
    with pytest.raises(ValueError, match=r"counts has shape \(3,\) for vectors of shape \(4, 2\)"):
        norm_frequency(torch.ones(4, 2), torch.ones(3), seed=0)
    with pytest.raises(ValueError, match="2 words occur; expected at least three"):
        norm_frequency(torch.ones(4, 2), torch.tensor([0, 1, 0, 1]), seed=0)


def test_unit_vectors_stay_so_in_training():
    embedding = nn.Embedding(6, 3, padding_idx=0)
    parametrize.register_parametrization(embedding, "weight", UnitVectors())
    optimiser = torch.optim.Adam(embedding.parameters(), lr=0.5)
    before = embedding.weight.detach().clone()
    embedding(torch.tensor([1, 2, 0])).pow(3).sum().backward()
    optimiser.step()
    after = embedding.weight.detach()
    assert not torch.allclose(before[1:3], after[1:3], atol=0.05)
    assert torch.equal(before[3:], after[3:])
    torch.testing.assert_close(after.norm(dim=1), torch.tensor([0.0, 1, 1, 1, 1, 1]))


def test_scaling_keeps_ratios_and_ignores_zero_rows():
    vectors = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    scaled = scaled_vectors(vectors)
    assert scaled.square().sum().item() == pytest.approx(2)
    assert (scaled[1].norm() / scaled[2].norm()).item() == pytest.approx(5)
