import math
from dataclasses import replace

import pytest

from captum_rnn.benchmark.report.pictures import (
    correlation_matrix,
    cost_points,
    curve_panels,
    example_lines,
    quick_first,
    standing_out,
)
from captum_rnn.benchmark.results import Correlations
from captum_rnn.visualization.chart import CostPoint
from made_up_results import (
    LABELS,
    LOSING,
    failed,
    made_up_comparison,
    made_up_example,
    made_up_mean,
)


@pytest.fixture
def comparison():
    comparison = made_up_comparison()
    comparison.methods["deep-lift"] = failed()
    return comparison


def test_points_hold_the_figures_and_random_is_the_floor(comparison):
    points, floor = cost_points(comparison)
    assert points[0] == CostPoint(
        "hidden-state delta", 1.07, 0.139, pytest.approx(0.126), pytest.approx(0.152), ours=True
    )
    assert [point.label for point in points] == [
        LABELS[name] for name in LOSING if name != "random"
    ]
    assert (floor.label, floor.value, floor.ours) == ("random", 0.032, False)


def test_a_mean_without_an_interval_is_a_point(comparison):
    mean = made_up_mean(0.139, width=math.nan)
    comparison.methods["hidden-state-delta-l2"].measures["comprehensiveness"] = mean
    point = cost_points(comparison)[0][0]
    assert point.low == point.value == point.high


def test_panels_hold_the_curves(comparison):
    deletion, insertion = curve_panels(comparison)
    assert deletion.curves["Saliency"][-1] == pytest.approx(0.9 - LOSING["saliency"])
    assert insertion.curves["Saliency"][-1] == pytest.approx(0.9)
    assert "DeepLift" not in deletion.curves


def test_known_methods_stand_out_first_and_others_fill_the_places(comparison):
    shown, floor = standing_out(comparison)
    assert shown == [
        "hidden-state delta",
        "hidden-state delta, projection",
        "Integrated Gradients",
        "Saliency",
    ]
    assert floor == "random"
    template = comparison.methods["saliency"]
    for number in range(9):
        name = f"other-{number}"
        comparison.methods[name] = replace(template, name=name, label=f"other {number}")
    assert standing_out(comparison)[0][4:] == ["other 0", "other 1", "other 2", "other 3"]


def test_the_matrix_has_the_labels_of_its_methods(comparison):
    matrix = [[1, math.nan], [math.nan, 1]]
    comparison.correlations = Correlations(["saliency", "random"], matrix, matrix, matrix)
    assert correlation_matrix(comparison) == (["Saliency", "random"], matrix)


def test_the_example_is_of_the_post_or_the_shortest():
    scores = {"saliency": [0.5, math.nan], "lime": [0.25, 0.25]}
    long = made_up_example(["a", "b"], scores, source="corpus")
    short = made_up_example(["c"], {"saliency": [1.0]}, source="corpus")
    (line,) = example_lines(made_up_comparison(examples=[long, short]))
    assert (line.label, line.tokens, line.scores) == ("Saliency", ["c"], [1.0])
    (line,) = example_lines(made_up_comparison(examples=[short, replace(long, source="post")]))
    assert line.tokens == ["a", "b"]
    assert math.isnan(line.scores[1])
    assert example_lines(made_up_comparison()) == []


def test_quick_methods_come_first(comparison):
    quick, others = quick_first(comparison)
    assert [method.name for method in quick] == list(LOSING)
    assert others == [failed()]
