import math

import pytest
from matplotlib.colors import to_hex

from captum_rnn.visualization.colours import MISSING_COLOUR, score_colour
from captum_rnn.visualization.figure import drawing, figure_bytes
from captum_rnn.visualization.token_lines import TokenLine, token_lines_figure


def words(figure):
    """Text, colour and place of every word, without the labels."""
    (axes,) = figure.axes
    return [
        (text.get_text(), to_hex(text.get_bbox_patch().get_facecolor()), text.get_position())
        for text in axes.texts
        if text.get_bbox_patch() is not None
    ]


def test_every_word_has_the_colour_of_its_score_on_the_scale_of_its_line():
    lines = [
        TokenLine("a", ["很", "好"], [0.5, -0.25]),
        TokenLine("b", ["很", "好"], [4, math.nan]),
    ]
    with drawing("很好"):
        figure = token_lines_figure(lines)
    assert [(word, colour) for word, colour, _ in words(figure)] == [
        ("很", score_colour(1.0)),
        ("好", score_colour(-0.5)),
        ("很", score_colour(1.0)),
        ("好", MISSING_COLOUR),
    ]


def test_words_stand_in_lines_inside_the_figure():
    tokens = ["word"] * 60
    with drawing():
        figure = token_lines_figure([TokenLine("a method", tokens, [1.0] * 60)])
    width, height = figure.get_size_inches()
    places = [place for *_, place in words(figure)]
    rows = sorted({y for _, y in places})
    assert len(rows) > 1
    for row in rows:
        xs = [x for x, y in places if y == row]
        assert xs == sorted(xs)
        assert xs[0] == min(x for x, _ in places)
    assert max(x for x, _ in places) < width
    assert rows[-1] < height


def test_every_method_is_named_at_its_first_line():
    with drawing():
        figure = token_lines_figure([TokenLine("a", ["x"], [1]), TokenLine("b", ["$y"], [1])])
        figure_bytes(figure, "png")
    labels = {
        text.get_text(): text.get_position()[1]
        for text in figure.axes[0].texts
        if text.get_bbox_patch() is None
    }
    assert list(labels.values()) == [place[1] for *_, place in words(figure)]
    assert labels["a"] < labels["b"]


def test_wrong_input():
    with pytest.raises(ValueError, match="at least one line"):
        token_lines_figure([])
    with pytest.raises(ValueError, match="pass one score for each token"):
        token_lines_figure([TokenLine("a", ["x"], [1.0, 2.0])])
