import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from captum_rnn.visualization.labels import place_label


@pytest.fixture
def axes():
    figure = Figure(figsize=(5, 4), dpi=72)
    FigureCanvasSVG(figure)
    axes = figure.add_subplot()
    figure.draw_without_rendering()
    return axes


def label_boxes(axes):
    return [text.get_window_extent() for text in axes.texts]


def test_a_lone_label_stands_to_the_right_at_the_height_of_its_point(axes):
    taken = []
    place_label(axes, "name", (0.5, 0.5), "black", taken)
    x, y = axes.transData.transform((0.5, 0.5))
    (box,) = label_boxes(axes)
    assert box.x0 == pytest.approx(x + 6)
    assert (box.y0 + box.y1) / 2 == pytest.approx(y)
    assert taken[0].x0 < box.x0 < box.x1 < taken[0].x1
    assert not axes.lines


def test_at_the_right_edge_the_label_stands_to_the_left(axes):
    place_label(axes, "a longer name", (0.99, 0.5), "black", [])
    x, _ = axes.transData.transform((0.99, 0.5))
    assert label_boxes(axes)[0].x1 == pytest.approx(x - 6)


def test_labels_of_one_spot_avoid_each_other_and_what_is_taken(axes):
    x, y = axes.transData.transform((0.5, 0.5))
    mark = Bbox([(x - 5, y - 20), (x + 5, y + 20)])
    taken = [mark]
    for i in range(6):
        place_label(axes, f"method {i}", (0.5, 0.5), "black", taken)
    boxes = [*label_boxes(axes), mark]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_far_label_is_tied_to_its_point(axes):
    x, y = axes.transData.transform((0.5, 0.5))
    place_label(axes, "far", (0.5, 0.5), "black", [Bbox([(x - 25, y - 25), (x + 25, y + 25)])])
    (line,) = axes.lines
    inches = (line.get_xdata()[0], line.get_ydata()[0])
    assert inches == pytest.approx((x / 72, y / 72))


def test_the_line_to_a_label_does_not_run_over_another_mark(axes):
    """Without the other mark the label would stand to the right, beyond where that mark is."""
    x, y = axes.transData.transform((0.5, 0.5))
    own = Bbox([(x - 15, y - 15), (x + 15, y + 15)])
    place_label(axes, "far", (0.5, 0.5), "black", [own])
    other = Bbox([(x + 16, y - 1), (x + 18, y + 1)])
    place_label(axes, "far", (0.5, 0.5), "black", [own, other])
    alone, beside = label_boxes(axes)
    assert alone.x0 == pytest.approx(x + 20)
    assert alone.y0 < y < alone.y1
    assert beside.x1 == pytest.approx(x - 20)


def test_in_another_resolution_the_label_stands_at_the_same_place():
    figure = Figure(figsize=(5, 4), dpi=72)
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    figure.draw_without_rendering()
    x, y = axes.transData.transform((0.5, 0.5))
    place_label(axes, "far", (0.5, 0.5), "black", [Bbox([(x - 25, y - 25), (x + 25, y + 25)])])
    (before,), (line,) = label_boxes(axes), axes.lines
    end = line.get_transform().transform(line.get_xydata())
    figure.set_dpi(144)
    (after,) = label_boxes(axes)
    assert (after.x0, after.y0) == pytest.approx((2 * before.x0, 2 * before.y0), abs=1)
    assert line.get_transform().transform(line.get_xydata()) == pytest.approx(2 * end)


def test_without_a_free_place_the_label_stands_to_the_right(axes):
    everywhere = [Bbox([(-1e4, -1e4), (1e4, 1e4)])]
    place_label(axes, "name", (0.2, 0.2), "black", everywhere)
    x, _ = axes.transData.transform((0.2, 0.2))
    assert label_boxes(axes)[0].x0 == pytest.approx(x + 6)
