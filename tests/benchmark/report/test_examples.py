"""The texts of the report under all methods, read from its page."""

from dataclasses import replace

from captum_rnn.benchmark.measures import MEASURES
from captum_rnn.benchmark.report import report_html
from captum_rnn.benchmark.results import Correlations
from made_up_results import LABELS, failed, made_up_comparison, made_up_example

POST, DRAWN = "The nine sentences of the post", "Texts, drawn at random"


def test_scores_stand_on_their_words(deletion_comparison, read, section):
    html = report_html(deletion_comparison)
    found = read(section(html, POST) + section(html, DRAWN))
    assert found.titles == [
        "+0.4000",
        "+0.6000",
        "+0.2500",
        "+0.7500",
        "+0.5000",
        "not a number",
        "-0.1250",
    ]
    for part in (
        "as printed in 2017",
        "ρ +0.43",
        "segmented <differently>",
        "predicted positive, probability 0.97",
    ):
        assert part in found.text
    assert found.text.count("ρ ") == 1 + 1  # in the line of one method, and where it is explained


def test_one_line_for_each_method_that_scored(deletion_comparison):
    """The post's sentence: printed, two methods; the text: one. First both, then each again."""
    assert report_html(deletion_comparison).count('class="tokens"') == 2 * (3 + 1)


def test_examples_come_first_the_short_ones_of_the_corpus_before_the_posts(read, section):
    names = ["saliency", "random"]
    texts = [["好"] * 30, ["好"] * 9, ["好"] * 3, ["好"] * 20]
    drawn = [made_up_example(t, {n: [0.5] * len(t) for n in names}, source="corpus") for t in texts]
    html = report_html(made_up_comparison(examples=drawn))
    assert html.index("<h2>Examples") < html.index("<h2>How to read it") < html.index("<table")
    shown = section(html, "Examples")
    assert [shown.count("好") // len(names)] == [9 + 20]
    assert section(html, DRAWN).count("好") == len(names) * (30 + 9 + 3 + 20)


def test_the_best_of_the_package_integrated_gradients_and_the_post_are_in_sight(section):
    scores = {name: [0.5] for name in [*LABELS, "lime"]}
    example = made_up_example(["好"], scores, source="corpus")
    comparison = made_up_comparison(examples=[example])
    template = comparison.methods["saliency"]
    comparison.methods["lime"] = replace(template, name="lime", label="Lime")
    seen, folded = section(report_html(comparison), DRAWN).split("<details>")
    assert f"<summary>{len(comparison.methods) - 3} more methods</summary>" in folded
    assert "Lime" in folded
    assert "Lime" not in seen
    assert seen.count('class="tokens"') == 3
    best = "hidden-state-delta-projection"
    for name in (best, "integrated-gradients", "hidden-state-delta-l2"):
        assert f">{LABELS[name]}<" in seen
    assert f">{LABELS['saliency']}<" in folded


def test_without_a_method_of_each_kind_all_are_in_sight(section):
    example = made_up_example(["好"], {"lime": [0.5]}, source="corpus")
    comparison = made_up_comparison({"saliency": 0.25}, examples=[example])
    template = comparison.methods.pop("saliency")
    comparison.methods["lime"] = replace(template, name="lime", label="Lime")
    comparison.correlations = Correlations([], [], [], [])
    html = section(report_html(comparison), DRAWN)
    assert "<details>" not in html
    assert html.count('class="tokens"') == 1


def test_without_examples_there_are_no_sections():
    html = report_html(made_up_comparison())
    assert POST not in html
    assert DRAWN not in html


def test_every_measure_of_the_comparison_is_explained_and_no_other(read, section):
    text = read(section(report_html(made_up_comparison()), "What each number says")).text
    for key in ("comprehensiveness", "sufficiency", "spearman_leave_one_out", "last_fifth"):
        assert MEASURES[key].explanation in text
    assert MEASURES["infidelity"].explanation not in text


def test_limits_are_said(read, section):
    text = read(section(report_html(made_up_comparison()), "How to read it")).text
    for limit in ("never looks at the class", "hardly separates good methods", "One classifier"):
        assert limit in text


def test_the_pictures_name_the_methods(full_comparison, section):
    html = report_html(full_comparison)
    faithfulness, curves = section(html, "Pictures").split("<svg")[1:]
    for picture in (faithfulness, curves, section(html, "Which methods agree")):
        assert "Integrated Gradients" in picture


def test_what_was_not_measured_is_not_drawn():
    comparison = made_up_comparison({"saliency": 0.25})
    comparison.methods["saliency"].measures = {}
    comparison.methods["saliency"].curves = {}
    assert "<svg" not in report_html(comparison)
    nothing = replace(
        comparison,
        methods={"deep-lift": failed()},
        correlations=Correlations([], [], [], []),
    )
    assert "<svg" not in report_html(nothing)
