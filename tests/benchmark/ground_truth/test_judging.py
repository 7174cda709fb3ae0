import math

import pytest
import torch

from captum_rnn.benchmark.checkpoint import Checkpoint
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.ground_truth.judging import (
    JudgedTexts,
    judge_methods,
    measure_done,
    measure_methods,
)
from captum_rnn.benchmark.methods import METHODS, find_methods
from captum_rnn.benchmark.methods.method import Fits
from captum_rnn.evaluation.measure import Measure
from scored_texts import scored_texts

MEASURES = [Measure("first", "first", "higher", ""), Measure("share", "share", "higher", "")]
TEXTS = ["很好的书，非常好", "酒店差，不推荐", "热水器很好，很推荐", "不推荐，非常差的书"]


@pytest.fixture
def dataset(classifier):
    classifier.model.eval()
    return Dataset.of(classifier, TEXTS)


def judged(dataset, judge, names, folder=None, truth=None):
    return judge_methods(
        find_methods(names),
        JudgedTexts("test", dataset, torch.zeros(1) if truth is None else truth, MEASURES, judge),
        Fits(dataset.model),
        seed=0,
        folder=folder,
    )


def first_word(scores):
    return {"first": scores[:, 0].double(), "share": torch.tensor([1.0, 1.0, 0.0, torch.nan])}


def test_each_method_is_judged_by_its_scores(dataset):
    found = judged(dataset, first_word, ["position", "logit-delta"])
    scores = dataset.score(METHODS["logit-delta"])
    assert found["logit-delta"].per_text["first"] == pytest.approx(scores[:, 0].tolist())
    assert found["position"].measures["share"].mean == pytest.approx(2 / 3)
    assert found["position"].measures["share"].left_out == 1
    assert found["position"].per_text["share"] == pytest.approx([1, 1, 0, math.nan], nan_ok=True)
    assert found["position"].measures["share"].tied_with_best


def test_a_failing_method_says_why(dataset):
    found = judged(dataset, first_word, ["word-lexicon", "position"])
    assert "background texts" in found["word-lexicon"].error
    assert found["word-lexicon"].measures == {}
    assert found["position"].error is None


def test_what_is_finished_is_not_done_again(dataset, tmp_path):
    first = judged(dataset, first_word, ["position"], tmp_path)

    def never(scores):
        raise AssertionError("asked again")

    assert str(judged(dataset, never, ["position"], tmp_path)) == str(first)


def test_what_was_found_for_another_truth_is_not_read(dataset, tmp_path):
    first = judged(dataset, first_word, ["position"], tmp_path, torch.tensor([1]))
    other = judged(
        dataset, lambda scores: {"first": scores[:, 1]}, ["position"], tmp_path, torch.tensor([-1])
    )
    assert other["position"].per_text != first["position"].per_text


def test_the_scores_of_a_comparison_are_not_computed_again(classifier, monkeypatch):
    classifier.model.eval()
    names = ["word-lexicon", "logit-delta"]
    dataset, findings = scored_texts(classifier, TEXTS, names)
    assert torch.equal(findings.scores["logit-delta"], dataset.score(METHODS["logit-delta"]))
    monkeypatch.setattr(type(METHODS["logit-delta"]), "__call__", None)
    found = measure_done(
        findings,
        lambda method: {"first": findings.scores[method.name][:, 0]},
        Checkpoint(None, "test"),
        measures=MEASURES,
        seed=0,
        name="test",
    )
    assert list(found) == names
    assert "background texts" in found["word-lexicon"].error
    first = findings.scores["logit-delta"][:, 0].tolist()
    assert found["logit-delta"].per_text["first"] == pytest.approx(first)


def test_where_nobody_competes_nobody_ties():
    found = measure_methods(
        find_methods(["random", "position"]),
        lambda method: {"length": torch.tensor([1.0, float(len(method.name))])},
        Checkpoint(None, "test"),
        measures=[Measure("length", "length", None, "")],
        seed=0,
        name="test",
    )
    assert found["position"].measures["length"].mean == 4.5
    assert found["random"].measures["length"].tied_with_best is None
