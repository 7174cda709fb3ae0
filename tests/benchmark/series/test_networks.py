"""Networks over series: what they read, what they learn, and that they are kept."""

import pytest
import torch

from captum_rnn.benchmark import cache
from captum_rnn.benchmark.series.networks import (
    SERIES_KINDS,
    SeriesClassifier,
    TrainedSeriesNetwork,
    series_network,
)
from captum_rnn.benchmark.series.spike import SpikeTask
from captum_rnn.benchmark.series.state import StateTask


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("kind", SERIES_KINDS)
def test_a_series_is_read_up_to_its_length(kind):
    model, values = SeriesClassifier(3, 4, kind).eval(), torch.randn(2, 9, 3)
    short = model(values, torch.tensor([9, 5]))
    assert torch.allclose(short[1], model(values[1:, :5])[0], atol=1e-6)
    assert torch.allclose(short[0], model(values[:1])[0], atol=1e-6)


def test_every_step_has_an_answer_that_later_steps_do_not_change():
    model, values = SeriesClassifier(3, 1, every_step=True), torch.randn(2, 9, 3)
    whole = model(values)
    assert whole.shape == (2, 9)
    assert torch.allclose(whole[:, :4], model(values[:, :4]), atol=1e-6)


def test_a_network_learns_is_kept_and_read_again_unchanged(folder, capsys):
    task, before = SpikeTask(time=12, delay=1), torch.random.get_rng_state()
    trained = series_network(task, "gru", show_progress=False)
    assert trained.solved
    assert trained.accuracy > 0.95
    assert torch.equal(torch.random.get_rng_state(), before)
    read = series_network(task, "gru")
    assert capsys.readouterr().err == ""  # no training, and so no bar
    assert read.accuracy == trained.accuracy
    values = task.sample(5, seed=0).values
    assert torch.equal(read.model(values), trained.model(values))
    (kept,) = (folder / "series").iterdir()
    (kept / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(ValueError, match=kept.name):
        series_network(task, "gru")


def test_solved_is_measured_by_what_the_rule_allows():
    model = SeriesClassifier(1, 1)
    assert TrainedSeriesNetwork(model, 0.78, 0.8, 1).solved
    assert not TrainedSeriesNetwork(model, 0.78, 1.0, 1).solved
    assert StateTask().sample(5, seed=0).ceiling < 1
