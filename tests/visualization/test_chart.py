import math
import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import pytest

from captum_rnn.visualization.chart import CostPoint, cost_figure
from captum_rnn.visualization.figure import drawing, inline_svg

SVG = "{http://www.w3.org/2000/svg}"
POINTS = [
    CostPoint("hidden-state delta (L2)", 1.07, 0.139, 0.125, 0.153, ours=True),
    CostPoint("hidden-state delta (projection)", 1.09, 0.334, 0.320, 0.348, ours=True),
    CostPoint("saliency <norm>", 4.3, 0.046, 0.033, 0.060),
    CostPoint("Integrated Gradients", 54.0, 0.354, 0.341, 0.367),
]
RANDOM = CostPoint("random", 0.01, 0.032, 0.020, 0.045)


def svg_of(points, **options):
    with drawing():
        return inline_svg(cost_figure(points, **options))


def texts(svg):
    """Text of the chart with the place where it begins or, for tick labels, its middle."""
    return {
        element.text: (float(element.get("x", "nan")), float(element.get("y", "nan")))
        for element in ElementTree.fromstring(svg).iter(f"{SVG}text")
    }


def test_names_axes_and_costs_are_text():
    found = texts(svg_of(POINTS, floor=RANDOM))
    assert {point.label for point in POINTS} | {"random"} <= set(found)
    assert "cost, in forward passes (log scale; left is cheaper)" in found
    assert {"1×", "10×", "30×"} <= set(found)


def test_description_gives_the_numbers():
    label = ElementTree.fromstring(svg_of(POINTS)).get("aria-label")
    assert "hidden-state delta (L2): 0.139 at 1.07 forward passes" in label


def test_marks_stand_where_the_axes_say():
    """Cost is logarithmic, faithfulness linear: the marks' distances have those ratios."""
    svg = svg_of(
        [
            CostPoint("a", 1.0, 0.1, 0.1, 0.1),
            CostPoint("b", 10.0, 0.2, 0.2, 0.2),
            CostPoint("c", 1000.0, 0.5, 0.5, 0.5),
        ]
    )
    markers = [
        (float(use.get("x")), float(use.get("y")))
        for use in ElementTree.fromstring(svg).iter(f"{SVG}use")
        if "fill: #4c555e" in (use.get("style") or "")
    ]
    centres = sorted(set(markers))
    (ax, ay), (bx, by), (cx, cy) = centres
    assert (cx - ax) / (bx - ax) == pytest.approx(3.0, rel=1e-3)
    assert (ay - cy) / (ay - by) == pytest.approx(4.0, rel=1e-3)


def test_same_points_same_text_and_settings_left_alone():
    before = dict(mpl.rcParams)
    assert svg_of(POINTS, floor=RANDOM) == svg_of(POINTS, floor=RANDOM)
    assert dict(mpl.rcParams) == before


def test_nothing_from_outside_and_no_date():
    svg = svg_of(POINTS)
    assert "<metadata" not in svg
    assert "<!DOCTYPE" not in svg
    assert "<script" not in svg
    assert "saliency &lt;norm&gt;" in svg


def test_labels_of_a_crowd_do_not_overlap():
    crowd = [
        CostPoint(f"a method with a long name {i}", 1.0 + 0.02 * i, 0.30 + 0.003 * i, 0.29, 0.32)
        for i in range(6)
    ]
    places = [texts(svg_of(crowd))[point.label] for point in crowd]
    for i, (x, y) in enumerate(places):
        for other_x, other_y in places[:i]:
            assert abs(y - other_y) >= 10 or abs(x - other_x) >= 120


def test_more_methods_than_have_room_are_numbered_by_rank_and_listed():
    """Fifteen methods, the last of them the best: its number is 1."""
    crowd = [
        CostPoint(f"method {i}", 1.5**i, 0.1 + 0.01 * i, 0.1 + 0.01 * i, 0.1 + 0.01 * i)
        for i in range(15)
    ]
    found = texts(svg_of(crowd))
    assert {"1  method 14", "2  method 13", "15  method 0"} <= set(found)
    assert {str(rank) for rank in range(1, 16)} <= set(found)
    places = {rank: found[str(rank)] for rank in (1, 15)}
    assert places[1][0] > places[15][0]
    assert places[1][1] < places[15][1]
    assert "method 14" in texts(svg_of(crowd[1:]))


def test_one_point_alone():
    assert "only" in texts(svg_of([CostPoint("only", 1.0, 0.0, 0.0, 0.0)]))


@pytest.mark.parametrize("cost", [0.001, 0.01, 1.07, 100.0])
def test_one_point_above_a_floor(cost):
    """Around a single power of ten matplotlib finds no limits by itself, and warns."""
    only = CostPoint("only", cost, 0.3, 0.2, 0.4)
    assert {"only", "random"} <= set(texts(svg_of([only], floor=RANDOM)))


@pytest.mark.parametrize("cost", [0.0, -1.0, math.nan, math.inf])
def test_a_cost_that_has_no_place_on_a_logarithmic_axis(cost):
    with pytest.raises(ValueError, match="the point 'x' cannot be drawn"):
        svg_of([CostPoint("x", cost, 0.1, 0.1, 0.1)])


def test_no_points():
    with pytest.raises(ValueError, match="at least one point"):
        svg_of([])
