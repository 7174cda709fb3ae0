import math
from dataclasses import replace

import pytest

from ablation_results import made_up_ablation
from captum_rnn.benchmark.ablation.results import MeasuredCell
from captum_rnn.evaluation import MeanInterval


@pytest.fixture
def lines():
    return str(made_up_ablation()).splitlines()


def row(lines, start):
    (place,) = [number for number, line in enumerate(lines) if line.startswith(start)]
    return place


def test_no_line_is_wider_than_a_terminal(lines):
    assert max(map(len, lines)) <= 80


def test_an_effect_stands_above_its_interval(lines):
    place = row(lines, "  l1 ")
    assert lines[place].split() == ["l1", "+.250", "-.125", "+.000", ".500"]
    assert lines[place + 1].split() == ["[.125,.375]", "[-.250,.000]", "[.000,.000]", "[.250,.750]"]
    assert lines[place - 2 : place] == ["distance", "  l2, first"]


def test_an_axis_with_one_option_has_no_effects(lines):
    assert not [line for line in lines if line.startswith("readout")]


def test_the_best_cell_comes_first_and_the_worst_last(lines):
    best, worst = row(lines, "The best 10"), row(lines, "The worst 10")
    first = next(n for n in range(best, worst) if "---" in lines[n]) + 1
    assert ".900" in lines[first]
    assert "[.800,1.000]" in lines[first + 1]
    values = [line for line in lines[worst:] if line.startswith("distance")]
    assert " .120 " in values[-1]


def test_the_cell_that_the_effects_start_from_is_shown(lines):
    after = lines[row(lines, "Every axis at its first option") :]
    assert after[row(after[:8], "the first options")].split() == [
        "the",
        "first",
        "options",
        ".900",
        ".100",
        ".900",
    ]


def test_cells_with_the_same_numbers_are_listed_once(lines):
    assert lines[0] == "42 cells, 40 distinct, 100 texts"


def test_a_layer_below_is_named_in_words(lines):
    assert any("layer 3 below the top" in line for line in lines)


def test_accuracy_and_time_are_told(lines):
    text = " ".join(" ".join(lines).split())
    assert "0.800 with the trained word vectors, 0.775 with vectors of equal length" in text
    assert "difference -0.025 [-0.050, +0.000]; 5.0% [3.0%, 7.0%] of the predictions" in text
    assert "80% of 10.0 s went into forward passes of 1234 distinct perturbed texts" in text


def test_few_cells_have_no_worst_ones():
    found = made_up_ablation()
    text = str(replace(found, cells=found.cells[:3], accuracy=None))
    assert "The best 3 by comprehensiveness" in text
    assert "worst" not in text


def test_what_is_not_defined_is_a_dash():
    found = made_up_ablation()
    nothing = {"spearman_leave_one_out": MeanInterval(math.nan, math.nan, math.nan, 0, 100)}
    cells = [MeasuredCell(each.cell, each.measures | nothing) for each in found.cells]
    text = str(replace(found, cells=cells))
    assert text.count("–") == 1 + 10 + 10
    assert "nan" not in text
