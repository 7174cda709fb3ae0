import math

import pytest

from captum_rnn.benchmark.report.pictures import (
    correlation_matrix,
    cost_points,
    curve_panels,
    example_lines,
    quick_first,
    standing_out,
)
from captum_rnn.visualization.chart import CostPoint
from made_up_results import FAILED, LABELS, LOSING, made_up_example, made_up_results


@pytest.fixture
def results():
    results = made_up_results()
    results["methods"].append(FAILED)
    return results


def test_points_hold_the_figures_and_random_is_the_floor(results):
    points, floor = cost_points(results)
    assert points[0] == CostPoint(
        "hidden-state delta", 1.07, 0.139, pytest.approx(0.126), pytest.approx(0.152), ours=True
    )
    assert [point.label for point in points] == [
        LABELS[name] for name in LOSING if name != "random"
    ]
    assert (floor.label, floor.value, floor.ours) == ("random", 0.032, False)


def test_a_mean_without_an_interval_is_a_point(results):
    results["methods"][0]["measures"]["comprehensiveness"] |= {"low": None, "high": None}
    point = cost_points(results)[0][0]
    assert point.low == point.value == point.high


def test_panels_hold_the_curves(results):
    deletion, insertion = curve_panels(results)
    assert deletion.curves["Saliency"][-1] == pytest.approx(0.9 - LOSING["saliency"])
    assert insertion.curves["Saliency"][-1] == pytest.approx(0.9)
    assert "DeepLift" not in deletion.curves


def test_known_methods_stand_out_first_and_others_fill_the_places(results):
    shown, floor = standing_out(results)
    assert shown == [
        "hidden-state delta",
        "hidden-state delta, projection",
        "Integrated Gradients",
        "Saliency",
    ]
    assert floor == "random"
    template = results["methods"][0]
    results["methods"] += [
        template | {"name": f"other-{i}", "label": f"other {i}"} for i in range(9)
    ]
    assert standing_out(results)[0][4:] == ["other 0", "other 1", "other 2", "other 3"]


def test_a_missing_correlation_is_not_a_number(results):
    results["correlations"] = {
        "methods": ["saliency", "random"],
        "spearman": [[1, None], [None, 1]],
    }
    labels, values = correlation_matrix(results)
    assert labels == ["Saliency", "random"]
    assert values[0][0] == 1
    assert math.isnan(values[0][1])


def test_the_example_is_of_the_post_or_the_shortest():
    scores = {"saliency": [0.5, None], "lime": [0.25, 0.25]}
    long = made_up_example(["a", "b"], scores, source="corpus")
    short = made_up_example(["c"], {"saliency": [1.0]}, source="corpus")
    (line,) = example_lines(made_up_results(examples=[long, short]))
    assert (line.label, line.tokens, line.scores) == ("Saliency", ["c"], [1.0])
    (line,) = example_lines(made_up_results(examples=[short, long | {"source": "post"}]))
    assert line.tokens == ["a", "b"]
    assert math.isnan(line.scores[1])
    assert example_lines(made_up_results()) == []


def test_quick_methods_come_first(results):
    quick, others = quick_first(results)
    assert [method["name"] for method in quick] == list(LOSING)
    assert others == [FAILED]
