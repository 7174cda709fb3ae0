from captum_rnn.benchmark.report.examples import examples_section
from made_up_results import LABELS, made_up_example, made_up_results


def test_scores_stand_on_their_words(deletion_results, read):
    found = read(examples_section(deletion_results))
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


def test_one_line_for_each_method_that_scored(deletion_results):
    """The post's sentence: printed, two methods; the text: one."""
    assert examples_section(deletion_results).count('class="tokens"') == 3 + 1


def test_quick_methods_are_in_sight_and_others_folded_away():
    scores = {name: [0.5] for name in [*LABELS, "lime"]}
    results = made_up_results(examples=[made_up_example(["好"], scores, source="corpus")])
    results["methods"] += [results["methods"][0] | {"name": "lime", "label": "Lime"}]
    seen, folded = examples_section(results).split("<details>")
    assert "<summary>1 more method</summary>" in folded
    assert "Lime" in folded
    assert "Lime" not in seen
    assert seen.count('class="tokens"') == 5


def test_without_a_quick_method_all_are_in_sight():
    results = made_up_results(examples=[made_up_example(["好"], {"lime": [0.5]}, source="corpus")])
    results["methods"] = [results["methods"][0] | {"name": "lime", "label": "Lime"}]
    html = examples_section(results)
    assert "<details>" not in html
    assert html.count('class="tokens"') == 1


def test_no_examples():
    assert examples_section(made_up_results()) == ""
