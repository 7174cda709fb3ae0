"""The comparison on series, on a network whose right scores are known."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from captum_rnn.benchmark.cache import CACHE_VARIABLE
from captum_rnn.benchmark.series import (
    SERIES_METHODS,
    ExplainedSeries,
    SeriesComparison,
    SeriesMethod,
    SeriesResult,
    compare_networks,
    compare_on_series,
)
from captum_rnn.benchmark.series import suite as suite_module
from captum_rnn.benchmark.series.explained import of_predicted_class
from captum_rnn.benchmark.series.networks import SeriesClassifier, TrainedSeriesNetwork
from captum_rnn.benchmark.series.report import decides, headline, report_html, tables_text
from captum_rnn.benchmark.series.spike import SpikeTask


class Memory(nn.Module):
    """An RNN that adds up feature 0, nearly linearly, and is blind to feature 1."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(2, 1, batch_first=True, bias=False)
        self.head = nn.Linear(1, 2, bias=False)
        with torch.no_grad():
            self.rnn.weight_ih_l0.copy_(torch.tensor([[0.01, 0.0]]))
            self.rnn.weight_hh_l0.copy_(torch.tensor([[1.0]]))
            self.head.weight.copy_(torch.tensor([[0.0], [100.0]]))

    def forward(self, values, lengths=None):
        if lengths is None:
            return self.head(self.rnn(values)[0][:, -1])
        outputs = self.rnn(values)[0]
        return self.head(outputs[torch.arange(len(values)), lengths - 1])


@pytest.fixture(scope="module")
def explained():
    model = Memory()
    values = torch.randn(6, 8, 2, generator=torch.Generator().manual_seed(0))
    cells = torch.zeros(6, 8, 2, dtype=torch.bool)
    cells[..., 0] = True
    targets = of_predicted_class(model, values)
    return ExplainedSeries(model, model.rnn, values, targets, torch.zeros(2), cells=cells)


@pytest.fixture(scope="module")
def result(explained):
    found, scores = compare_on_series(explained)
    return SeriesResult("memory", "rnn", 0, 1.0, 1.0, 6, found), scores


def test_methods_that_score_cells_find_the_feature_that_is_read(result):
    found, scores = result
    assert [m.error for m in found.methods.values() if m.error] == []
    for name in ("deep_lift", "integrated_gradients", "occlusion", "timing", "gradient_shap"):
        assert found.methods[name].measures["auprc"].mean == pytest.approx(1.0), name
        assert scores[name][..., 1].abs().max() < 1e-4, name
        assert found.methods[name].measures["spearman_occlusion"].mean > 0.9, name
    assert found.methods["shared"].measures["auprc"].mean == pytest.approx(0.5, abs=0.1)
    assert found.methods["magnitude"].measures["auprc"].mean < 0.9
    assert found.methods["random"].forwards < found.methods["integrated_gradients"].forwards


def test_exact_effects_are_those_of_the_explained_number(explained, result):
    _, scores = result
    sign = 2.0 * explained.targets.view(-1, 1) - 1
    expected = sign * explained.values[..., 0]  # 100 · 0.01 · x, against a logit that is 0
    assert torch.allclose(scores["occlusion"][..., 0], expected, rtol=0.02, atol=0.02)
    assert torch.allclose(scores["deep_lift"][..., 0], expected, rtol=0.02, atol=0.02)


def test_absent_steps_are_neither_scored_nor_counted(explained):
    lengths = torch.tensor([8, 5, 3, 8, 2, 4])
    model, values = explained.model, explained.values
    targets = of_predicted_class(model, values, lengths)
    short = ExplainedSeries(
        model, model.rnn, values, targets, torch.zeros(2), lengths, explained.cells
    )
    chosen = [m for m in SERIES_METHODS if m.name in ("integrated_gradients", "occlusion")]
    found, scores = compare_on_series(short, chosen)
    for row, length in enumerate(lengths):
        assert not scores["occlusion"][row, length:].any()
    assert found["occlusion"].measures["auprc"].mean == pytest.approx(1.0)


def test_a_method_that_fails_is_a_result_with_its_error(explained):
    def wrong(series, generator):
        return series.values[:, :1]

    def broken(series, generator):
        raise RuntimeError("no gradient\nof that")

    found, _ = compare_on_series(
        explained,
        [SeriesMethod("wrong", "Wrong", "1", wrong), SeriesMethod("broken", "Broken", "1", broken)],
    )
    assert "(6, 1, 2)" in found["wrong"].error
    assert found["broken"].error == "RuntimeError: no gradient"
    assert found["broken"].measures == {}


def test_a_single_logit_is_refused_in_a_sentence(explained):
    """Less the mean of no others it was NaN, and its probability 1."""

    def one_logit(values):
        return explained.model(values)[:, 1:]

    alone = replace(explained, model=one_logit, targets=torch.zeros(6, dtype=torch.int64))
    found, scores = compare_on_series(alone)
    assert not scores
    assert all("(6, 1)" in result.error and "-logit" in result.error for result in found.values())


def test_the_explained_number_of_every_step_is_the_sum():
    model = SeriesClassifier(2, 1, every_step=True)
    values = torch.randn(3, 5, 2)
    explained = ExplainedSeries(model, model.rnn, values, None, torch.zeros(2))
    assert torch.allclose(explained.margin(values), model(values).sum(1))
    assert torch.allclose(explained.probability(values), model(values).sigmoid().mean(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("series")


@pytest.fixture(scope="module")
def compare(folder):
    def call():
        cheap = [m for m in SERIES_METHODS if "50" not in m.label]
        return compare_networks(series=8, methods=cheap, folder=folder / "kept", vowels=folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder / "cache"))
        patch.setattr(suite_module, "SERIES_TASKS", (SpikeTask(time=10, delay=1),))
        yield call


@pytest.fixture(scope="module")
def comparison(compare):
    return compare()


def test_a_network_for_each_task_is_compared_kept_and_read_again(
    comparison, compare, tmp_path, monkeypatch
):
    (result,) = comparison.results
    assert (result.task, result.kind, result.series) == ("spike", "gru", 8)
    assert result.methods["deep_lift"].measures["auprc"].mean > 0.9
    assert any("JapaneseVowels_TRAIN.ts" in sentence for sentence in comparison.missing)
    comparison.to_json(tmp_path / "series.json")
    read = SeriesComparison.load(tmp_path / "series.json")
    assert tables_text(read) == tables_text(comparison)
    monkeypatch.setattr(suite_module, "compare_on_series", None)  # what is kept is not asked again
    assert compare().results == read.results


def test_recorded_series_are_compared_however_well_they_are_learnt(explained, tmp_path):
    """Nobody knows what could be reached on them; tasks that are not named are left out."""
    asked = []

    def recorded(kind, of_net, series, seed, *, show_progress):
        asked.append((kind, of_net, series, seed))
        return TrainedSeriesNetwork(explained.model, 0.6, 1.0, 0), explained

    occlusion = [m for m in SERIES_METHODS if m.name == "occlusion"]
    comparison = compare_networks(
        ("gru", "lstm"),
        (1, 2),
        tasks=("watch",),
        series=6,
        methods=occlusion,
        recorded={"watch": recorded},
    )
    assert asked == [(kind, of_net, 6, 0) for kind in ("gru", "lstm") for of_net in (1, 2)]
    assert [(found.task, found.accuracy) for found in comparison.results] == 4 * [("watch", 0.6)]
    assert comparison.missing == []


def test_a_cell_that_is_left_out_takes_the_last_value_that_is_left(explained):
    """A first step that repeats itself: its one cell, carried forward, is the whole series."""
    held = replace(explained, values=explained.values[:, :1].expand(-1, 8, -1).contiguous())
    first = torch.zeros_like(held.values)
    first[:, 0, 0] = 1.0
    found, _ = compare_on_series(held, [SeriesMethod("first", "First", "0", lambda s, g: first)])
    measures = found["first"].measures
    assert measures["sufficiency_carried"].mean == pytest.approx(0.0, abs=1e-6)
    assert abs(measures["sufficiency"].mean) > 1e-3


def test_tables_and_page_show_what_was_found(comparison):
    text, html = tables_text(comparison), report_html(comparison)
    (result,) = comparison.results
    mean = f"{result.methods['deep_lift'].measures['auprc'].mean:.3f}"
    assert mean in text
    assert mean in html
    assert html.count("<svg") == len(result.examples[0].scores)
    assert decides(result.examples[0]) in html
    assert "<script" not in html
    (line,) = [line for line in text.splitlines() if line.startswith("random")]
    assert f"{result.methods['random'].measures['auprc'].mean:.3f}" in line


def test_the_headline_counts_paired_differences(result):
    found, _ = result
    found = copy.deepcopy(found)
    comparison = SeriesComparison("now", {}, {}, 0, [found])
    numbers = found.methods["integrated_gradients"].per_text["auprc"]
    found.methods["integrated_gradients"].per_text["auprc"] = [n - 0.1 for n in numbers]
    assert "above Integrated Gradients (50 points) on 1 of 1" in headline(comparison)
    gain = found.gain("deep_lift", "integrated_gradients")
    assert gain.mean == pytest.approx(0.1, abs=1e-6)
    found.methods["integrated_gradients"].per_text = {}
    assert found.gain("deep_lift", "integrated_gradients") is None
