import pytest

from captum_rnn.benchmark.table import COLUMNS, table_html, table_text
from captum_rnn.visualization.tokens import display_width
from made_up_results import LOSING, made_up_results


def test_text_holds_every_number_under_its_heading():
    lines = table_text(made_up_results()).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["Spearman"],
        ["comprehen-", "suffi-", "with", "leave-", "ms", "×", "one"],
        ["siveness", "ciency", "one-out", "a", "text", "forward"],
        ["better", "is", "higher", "lower", "higher", "lower", "lower"],
    ]
    assert set(lines[4]) == {"-"}
    row = next(i for i, line in enumerate(lines) if line.startswith("Integrated Gradients"))
    assert lines[row].split()[2:] == ["0.354", "0.046", "0.71", "5.40", "54.0"]
    assert lines[row + 1].split() == ["[.341,.367]", "[.026,.066]"]


def test_variant_of_a_method_stands_in_its_second_line():
    lines = table_text(made_up_results()).splitlines()
    row = lines.index(next(line for line in lines if line.startswith("projection")))
    assert lines[row].split() == ["projection", "[.287,.313]", "[.080,.120]"]
    assert lines[row - 1].startswith("hidden-state delta ")


def test_text_fits_a_terminal():
    results = made_up_results()
    results["methods"][0]["sufficiency"] = {"mean": -0.1, "low": -0.125, "high": -0.075}
    lines = table_text(results).splitlines()
    assert any("[-.125,-.075]" in line for line in lines)
    assert max(map(display_width, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


def test_text_columns_end_together():
    lines = table_text(made_up_results()).splitlines()
    end = len(lines[3])
    assert {len(line) for line in lines[5::2]} == {end}


def test_html_marks_the_best_of_each_column():
    results = made_up_results()
    rows = table_html(results).split("<tr")[2:]
    bold = {
        name: [cell.split("<small>")[0] for cell in row.split('<td class="best">')[1:]]
        for name, row in zip(LOSING, rows, strict=True)
    }
    assert bold == {
        "hidden-state-delta-l2": ["0.11", "1.1"],
        "hidden-state-delta-projection": ["0.11", "1.1"],
        "saliency": [],
        "integrated-gradients": ["0.354", "0.046", "0.71"],
        "random": [],
    }


def test_html_says_which_direction_is_better():
    head = table_html(made_up_results()).split("<tbody>")[0]
    assert head.count("higher is better") == 2
    assert head.count("lower is better") == 3


def test_labels_are_escaped():
    results = made_up_results()
    results["methods"][0]["label"] = "<script>"
    assert "<script>" not in table_html(results)


def test_zero_has_no_sign():
    method = made_up_results()["methods"][0]
    method["sufficiency"] = {"mean": -0.0004, "low": -0.0006, "high": 0.0004}
    assert COLUMNS[1].shown(method) == "0.000"
    assert COLUMNS[1].interval(method) == "[-0.001, 0.000]"


@pytest.mark.parametrize("column", COLUMNS[:3], ids=lambda column: column.key)
def test_undefined_numbers_are_dashes(column):
    results = made_up_results()
    method = results["methods"][0]
    method[column.key] = {"mean": None, "low": None, "high": None}
    assert column.shown(method) == "–"
    assert column.interval(method) == ""
    assert column.best([method]) == ""
    assert "–" in table_text(results)
    assert "None" not in table_html(results)
