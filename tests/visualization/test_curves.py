import pytest

from captum_rnn.visualization.curves import COLOURS, Panel, curves_figure
from captum_rnn.visualization.figure import drawing, inline_svg

PANEL = Panel(
    "removed",
    "words removed (%)",
    {"good": [1.0, 0.25, 0.0], "weak": [1.0, 0.75, 0.5, 0.25, 0.0], "random": [1.0, 0.5]},
)


def svg_of(panels, **options):
    with drawing():
        return inline_svg(curves_figure(panels, **options))


def lines(axes):
    return {line.get_color(): line for line in axes.lines}


def test_curves_run_from_nothing_to_all_words():
    (axes,) = curves_figure([PANEL], shown=["good"], floor="random").axes
    good = lines(axes)[COLOURS[0]]
    assert good.get_xydata().tolist() == [[0, 1.0], [50, 0.25], [100, 0.0]]
    weak = next(line for line in axes.lines if len(line.get_xdata()) == 5)
    assert weak.get_xdata().tolist() == [0, 25, 50, 75, 100]


def test_what_stands_out_is_in_the_legend_and_the_rest_is_one_entry():
    figure = curves_figure([PANEL, PANEL], shown=["good", "missing"], floor="random")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == ["good", "random", "other methods"]
    every = curves_figure([PANEL], shown=["good", "weak"], floor="random")
    assert [text.get_text() for text in every.legends[0].texts] == ["good", "weak", "random"]


def test_the_floor_is_dashed():
    (axes,) = curves_figure([PANEL], shown=["good"], floor="random").axes
    assert [line.get_linestyle() for line in axes.lines] == ["-", "-", "--"]


def test_description_gives_the_areas():
    svg = svg_of([PANEL], shown=["good", "weak"])
    assert "removed, mean over the steps: good 0.417; weak 0.500" in svg
    assert svg == svg_of([PANEL], shown=["good", "weak"])


def test_wrong_input():
    with pytest.raises(ValueError, match="at least one panel"):
        svg_of([], shown=[])
    with pytest.raises(ValueError, match="'one' in 'removed' has fewer than two points"):
        svg_of([Panel("removed", "", {"one": [1.0]})], shown=["one"])
    with pytest.raises(ValueError, match="9 curves shall stand out, but there are 8 colours"):
        svg_of([PANEL], shown=list("abcdefghi"))
