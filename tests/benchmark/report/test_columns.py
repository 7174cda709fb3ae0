import math
from dataclasses import replace

import pytest

from captum_rnn.benchmark.report.columns import (
    Cell,
    Column,
    agreement_columns,
    cost_columns,
    failures,
    failures_in,
    hybrid_columns,
    measure_columns,
    shuffled_labels_columns,
    task_columns,
)
from captum_rnn.benchmark.results import GroundTruth, MethodScores
from made_up_results import (
    LOSING,
    failed,
    made_up_comparison,
    made_up_mean,
    with_answers,
    with_shuffled_labels,
)

TASKS = {"reset": {"saliency": 0.25, "random": 0.0}, "second-class": {}}


def column(better="higher", digits=2, **values):
    return Column("name", ("", "", "name"), better, {n: Cell(v) for n, v in values.items()}, digits)


@pytest.mark.parametrize(
    ("better", "order", "best"),
    [
        ("higher", ["b", "a", "c"], "b"),
        ("lower", ["a", "b", "c"], "a"),
        (None, ["a", "b", "c"], ""),
    ],
)
def test_the_best_comes_first_and_what_is_missing_last(better, order, best):
    values = column(better, a=0.25, b=0.75)
    assert values.ordered(["c", "a", "b"]) == order
    assert "".join(name for name in "abc" if values.is_best(name)) == best


def test_methods_that_look_equally_good_are_all_best():
    values = column(a=0.751, b=0.752, c=0.74)
    assert [values.is_best(name) for name in "abc"] == [True, True, False]


def test_a_tie_is_marked_where_the_method_is_not_the_best_itself():
    cells = {"a": Cell(0.9, tied=True), "b": Cell(0.8, tied=True), "c": Cell(0.1, tied=False)}
    values = Column("name", ("", "", ""), "higher", cells, 2)
    assert [values.ties_with_best(name) for name in "abcd"] == [False, True, False, False]


def test_zero_has_no_sign_and_intervals_no_leading_zeros():
    cells = {"a": Cell(-0.0004, -0.0006, 0.0004), "b": Cell(1.0, -1.0, 1.5)}
    values = Column("name", ("", "", ""), "lower", cells, 3)
    assert (values.shown("a"), values.interval("a")) == ("0.000", "[-.001, .000]")
    assert values.interval("b") == "[-1.000, 1.500]"
    assert (values.shown("c"), values.interval("c")) == ("–", "")


def test_measures_that_no_method_has_are_no_columns():
    comparison = made_up_comparison()
    found = measure_columns(comparison, ("comprehensiveness", "infidelity", "last_fifth"))
    assert [(c.heading, c.better) for c in found] == [
        ("comprehensiveness", "higher"),
        ("score on the last fifth", None),
    ]
    assert {name: cell.value for name, cell in found[0].cells.items()} == LOSING


def test_an_undefined_mean_is_no_cell():
    comparison = made_up_comparison()
    comparison.methods["hidden-state-delta-l2"].measures["sufficiency"] = made_up_mean(math.nan)
    (found,) = measure_columns(comparison, ("sufficiency",))
    assert "hidden-state-delta-l2" not in found.cells
    assert len(found.cells) == len(LOSING) - 1


def test_failed_methods_have_neither_measures_nor_cost():
    comparison = made_up_comparison()
    comparison.methods["deep-lift"] = failed()
    assert [method.name for method in comparison.measured] == list(LOSING)
    assert set(cost_columns(comparison)[0].cells) == set(LOSING)
    assert failures(comparison) == ["DeepLift: RuntimeError: no <rule> for this layer"]


def test_a_task_whose_net_did_not_solve_it_is_no_column():
    comparison = with_answers(made_up_comparison(), top={"saliency": 0.75}, tasks=TASKS)
    (reset,) = task_columns(comparison)
    assert (reset.heading, reset.cells["saliency"].value) == ("reset", 0.25)
    top, _ = hybrid_columns(comparison)
    assert top.cells["saliency"] == Cell(0.75, 0.73, 0.77, tied=True)


def test_kinds_and_nets_are_named_where_there_are_several():
    comparison = with_answers(
        made_up_comparison(), top={"random": 0.5}, tasks={"second-class": TASKS["reset"]}
    )
    (result,) = comparison.known_answers
    comparison.known_answers = [result, replace(result, kind="gru", seed=1)]
    assert [c.heading for c in task_columns(comparison)] == [
        "second class, LSTM, seed 0",
        "second class, GRU, seed 1",
    ]


def test_a_task_with_a_kind_of_its_own_does_not_make_the_others_name_theirs():
    tasks = {"reset": TASKS["reset"], "bag-of-vectors": TASKS["reset"]}
    comparison = with_answers(made_up_comparison(), top={"random": 0.5}, tasks=tasks)
    comparison.known_answers[1].kind = "linear-rnn"
    found = task_columns(comparison)
    assert [column.heading for column in found] == ["reset", "bag of vectors"]
    assert [column.lines for column in found] == [("reset", "", ""), ("bag", "of vectors", "")]


def test_nobody_competes_for_the_shuffled_labels():
    comparison = with_shuffled_labels(made_up_comparison(), {"saliency": 0.75, "random": 1.0})
    comparison.shuffled_labels.methods["saliency"].error = "ValueError: why"
    (found,) = shuffled_labels_columns(comparison)
    assert (found.better, found.shown("random"), found.is_best("random")) == (None, "1.00", False)
    assert found.errors == {"saliency": "ValueError: why"}
    assert shuffled_labels_columns(replace(comparison, shuffled_labels=None)) == []


def test_a_foreign_comparison_has_no_such_columns():
    comparison = made_up_comparison()
    assert (
        hybrid_columns(comparison)
        == task_columns(comparison)
        == agreement_columns(comparison)
        == []
    )


def test_agreement_leaves_out_what_nobody_has():
    judged = MethodScores(None, {"token_f1": made_up_mean(0.5)})
    marks = GroundTruth(5, {"saliency": judged})
    (found,) = agreement_columns(replace(made_up_comparison(), marks=marks))
    assert (found.heading, found.shown("saliency")) == ("marked words: token F1", "0.50")


def test_why_a_method_fails_on_other_texts_alone():
    comparison = with_answers(
        made_up_comparison(), top={"saliency": 0.75, "random": 0.5}, tasks=TASKS
    )
    comparison.hybrids.methods["saliency"] = MethodScores("broke")
    columns = [*hybrid_columns(comparison), *task_columns(comparison)]
    assert failures_in(comparison, columns) == [
        "Saliency (hybrid, top word; hybrid, bottom word): broke"
    ]
    assert failures_in(comparison, columns[2:]) == []
