from dataclasses import replace

import pytest
from rich.cells import cell_len

from captum_rnn.benchmark.methods import METHODS, QUICK_METHODS
from captum_rnn.benchmark.report.terminal import table_text
from captum_rnn.benchmark.results import MethodScores
from made_up_results import (
    LOSING,
    failed,
    made_up_comparison,
    made_up_mean,
    with_answers,
    with_shuffled_labels,
)

TOP = dict.fromkeys(LOSING, 0.5) | {"saliency": 0.9, "random": 0.89}
TASKS = {"reset": dict.fromkeys(LOSING, 0.25) | {"saliency": -0.5}, "second-class": LOSING}


@pytest.fixture
def full():
    return with_answers(made_up_comparison(), top=TOP, tasks=TASKS)


def of_quick_methods(comparison, **changes):
    """The first method under the names of the quick ones."""
    template = next(iter(comparison.methods.values()))
    return {
        name: replace(template, name=name, label=METHODS[name].label, **changes)
        for name in QUICK_METHODS
    }


def row(lines, label):
    return next(i for i, line in enumerate(lines) if line.startswith(label))


def test_every_number_stands_under_its_heading():
    lines = table_text(made_up_comparison()).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["Spearman", "×"],
        ["comprehen-", "with", "leave-", "forward"],
        ["siveness", "one-out", "pass"],
        ["direction", "higher", "higher"],
    ]
    assert set(lines[4]) == {"-"}
    place = row(lines, "Integrated Gradients")
    assert lines[place].split()[2:] == ["*0.354", "*0.71", "54.0"]
    assert lines[place + 1].split() == ["[.341,.367]"]


def test_hybrid_documents_and_tasks_are_columns_where_they_are_there(full):
    tasks, first, *_ = table_text(full).split("\n\n")
    lines = first.splitlines()
    assert lines[0] == "When words are removed:"
    place = row(lines, "Saliency")
    assert lines[place].split() == ["Saliency", "0.046", "0.09", "*0.90", "*0.50", "4.3"]
    lines = tasks.splitlines()
    assert lines[0] == "Tasks with known answers:"
    assert lines[1].split() == ["reset", "second"]
    assert lines[row(lines, "Saliency")].split() == ["Saliency", "-0.50", "0.05"]


def test_the_best_and_its_ties_have_marks_and_the_marks_a_legend(full):
    text = table_text(full)
    assert "~0.89" in text
    assert "*0.90" in text
    assert "* the best of its column\n~ not significantly different from the best" in text
    assert "~" not in table_text(made_up_comparison())
    assert "*0.354" in table_text(made_up_comparison())


def test_methods_without_sign_are_named_beside_their_correlation():
    comparison = made_up_comparison()
    parts = table_text(comparison).split("\n\n")
    (said,) = [part for part in parts if part.startswith("Without sign")]
    unsigned = [method.label for method in comparison.measured if not method.signed]
    assert unsigned
    assert said.replace("\n ", "").partition(": ")[2].split(", ") == unsigned
    comparison.methods = {name: one for name, one in comparison.methods.items() if one.signed}
    assert "Without sign" not in table_text(comparison)


def test_what_could_not_be_had_is_said(full):
    text = table_text(replace(full, missing=["hybrid documents are made of short reviews"]))
    assert text.endswith("Not measured:\n  hybrid documents are made of short reviews")


def test_methods_stand_in_one_order_in_both_tables(full):
    tasks, first, *_ = table_text(full).split("\n\n")
    labels = ["Integrated", "hidden-state", "hidden-state", "Saliency", "random"]
    for part in (first, tasks):
        starts = [line.split()[0] for line in part.splitlines() if line[:1].strip()]
        assert [start for start in starts if start in labels] == labels


def test_the_variant_of_a_method_stands_in_its_second_line():
    lines = table_text(made_up_comparison()).splitlines()
    place = row(lines, "projection")
    assert lines[place].split() == ["projection", "[.287,.313]"]
    assert lines[place - 1].startswith("hidden-state delta ")


def test_the_quick_methods_fit_a_terminal(full):
    """Every column at its widest, with the labels of the quick methods."""
    keys = ("comprehensiveness", "spearman_leave_one_out")
    widest = dict.fromkeys(keys, made_up_mean(-0.125, width=0.025))
    full.methods = of_quick_methods(full, measures=widest)
    full.methods["deep-lift"] = replace(failed(), error="RuntimeError: " + "a long story " * 20)
    lines = table_text(full).splitlines()
    assert any("[-.150,-.100]" in line for line in lines)
    assert max(map(cell_len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


def test_tasks_that_do_not_fit_beside_each_other_stand_below(full):
    """Five tasks at their widest, with the labels of the quick methods: four and one."""
    widest = MethodScores(None, {"pearson": made_up_mean(-0.5)})
    names = ("additive", "reset", "negation", "second-class", "bag-of-vectors")
    template = full.known_answers[0]
    full.methods = of_quick_methods(full)
    full.known_answers = [
        replace(template, task=name, methods=dict.fromkeys(QUICK_METHODS, widest)) for name in names
    ]
    first, second, *_ = table_text(full).split("\n\n")
    assert first.splitlines()[1].split() == ["additive", "reset", "negation", "second"]
    assert second.splitlines()[0].split() == ["bag"]
    assert first.count("[-.52,-.48]") == 4 * len(QUICK_METHODS)
    assert second.count("[-.52,-.48]") == len(QUICK_METHODS)
    assert max(map(cell_len, table_text(full).splitlines())) <= 80


def test_shuffled_labels_are_a_table_of_their_own(full):
    comparison = with_shuffled_labels(full, dict.fromkeys(LOSING, 0.125) | {"random": 1.0})
    comparison.shuffled_labels.methods["saliency"] = MethodScores("ValueError: why")
    _, _, table, *_, failed = table_text(comparison).split("\n\n")
    lines = table.splitlines()
    assert lines[0].startswith("Rank correlation with the scores of the same model")
    assert lines[row(lines, "random")].split() == ["random", "1.00"]
    assert lines[row(lines, "Saliency")].split() == ["Saliency", "–"]
    assert "Saliency (rank correlation, shuffled labels): ValueError: why" in failed
    assert max(map(cell_len, lines)) <= 80


def test_failed_methods_are_listed_with_the_reason(full):
    full.methods["deep-lift"] = failed()
    full.hybrids.methods["saliency"] = MethodScores("\x1b[31mred")
    end = table_text(full).split("Not measured:\n")[1].splitlines()
    assert end == [
        "  DeepLift: RuntimeError: no <rule> for this layer",
        "  Saliency (hybrid, top word; hybrid, bottom word): [U+001B][31mred",
    ]


def test_when_every_method_failed_only_the_reasons_are_left():
    comparison = replace(made_up_comparison(), methods={"deep-lift": failed()})
    assert table_text(comparison) == (
        "Not measured:\n  DeepLift: RuntimeError: no <rule> for this layer"
    )


def test_without_deletion_the_cost_is_left():
    comparison = made_up_comparison()
    for method in comparison.methods.values():
        method.measures = {}
    lines = table_text(comparison).splitlines()
    assert lines[row(lines, "Saliency")].split() == ["Saliency", "4.3"]
