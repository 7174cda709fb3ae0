"""The methods of `time_interpret`, where it is installed: they find the only cell that is read."""

import pytest
import torch

from captum_rnn.benchmark.series import ExplainedSeries, compare_on_series
from captum_rnn.benchmark.series.networks import SeriesClassifier

pytest.importorskip("tint")


def test_its_methods_find_the_feature_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks.series import tint_methods

    monkeypatch.setattr(tint_methods, "_EPOCHS_OF_EXTREMAL", 3)
    monkeypatch.setattr(tint_methods, "_EPOCHS_OF_DYNAMASK", 3)
    torch.manual_seed(0)
    model = SeriesClassifier(2, 2, hidden=4)
    with torch.no_grad():
        model.rnn.weight_ih_l0[:, 1] = 0  # blind to feature 1
    cells = torch.zeros(4, 5, 2, dtype=torch.bool)
    cells[..., 0] = True
    targets = torch.zeros(4, dtype=torch.int64)
    explained = ExplainedSeries(
        model, model.rnn, torch.randn(4, 5, 2), targets, torch.zeros(2), cells=cells
    )
    found, scores = compare_on_series(explained, tint_methods.tint_methods())
    assert [method.error for method in found.values() if method.error] == []
    for name in ("tint_temporal_ig", "tint_tunnel", "tint_augmented_occlusion"):
        assert scores[name][..., 1].abs().max() < 1e-6, name
        assert scores[name][..., 0].abs().max() > 1e-3, name
