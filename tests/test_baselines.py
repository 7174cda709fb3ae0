"""Baselines for series, against NumPy and through a method that compares."""

import numpy as np
import pytest
import torch
from torch import nn

from captum_rnn import LocalDeltaAttribution, baselines


def test_the_mean_of_every_feature_over_batches_of_any_size():
    batches = [torch.randn(3, 5, 4), torch.randn(1, 2, 4)]
    steps = np.concatenate([batch.reshape(-1, 4).numpy() for batch in batches])
    found = baselines.mean_of([batches[0], (batches[1], torch.tensor([1]))])
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, steps.astype(np.float64).mean(0), rtol=1e-6)
    assert baselines.mean_of(batch.double() for batch in batches).dtype == torch.float64


def test_a_large_offset_does_not_hide_the_mean():
    values = torch.full((10, 1000, 1), 1e4) + torch.linspace(0, 1, 1000).reshape(1, -1, 1)
    expected = values.double().mean()
    torch.testing.assert_close(baselines.mean_of([values]).double()[0], expected, rtol=1e-7, atol=0)


@pytest.mark.parametrize(
    ("batches", "error", "words"),
    [
        ([], ValueError, "batches is empty"),
        ([torch.zeros(2, 3)], ValueError, r"shape \(2, 3\); expected \(batch, time, features\)"),
        ([torch.zeros(2, 3, 4), torch.zeros(2, 3, 5)], ValueError, r"expected \(batch, time, 4\)"),
        ([torch.zeros(2, 3, 4).long()], TypeError, "of type torch.int64"),
        ([{"x": 1}], TypeError, "of type dict"),
        ([torch.tensor([[[1.0, float("nan")]]])], ValueError, r"feature\(s\) \[1\] is not finite"),
    ],
)
def test_batches_without_a_mean(batches, error, words):
    with pytest.raises(error, match=words):
        baselines.mean_of(batches)


@pytest.mark.parametrize("batch_first", [True, False])
def test_each_step_is_compared_with_the_one_before(batch_first):
    series = torch.randn(2, 5, 3)
    series[:, 3] = series[:, 2]
    inputs = series if batch_first else series.transpose(0, 1)
    found = baselines.carry_forward(inputs, batch_first=batch_first)
    expected = torch.stack([series[:, max(0, step - 1)] for step in range(5)], 1)
    assert torch.equal(found if batch_first else found.transpose(0, 1), expected)

    layer, head = nn.GRU(3, 4, batch_first=batch_first), nn.Linear(4, 2)
    local = LocalDeltaAttribution(
        lambda inputs: head(layer(inputs)[1][-1]), layer, batch_first=batch_first
    )
    scores = local.attribute(inputs, found, target=1).sum(-1)
    scores = scores if batch_first else scores.t()
    assert (scores[:, [0, 3]].abs() < 1e-7).all()
    assert (scores[:, [1, 2, 4]].abs() > 1e-5).all()
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        baselines.carry_forward(torch.zeros(3))
    with pytest.raises(ValueError, match=r"shape \(2, 0, 3\)"):
        baselines.carry_forward(torch.zeros(2, 0, 3))
