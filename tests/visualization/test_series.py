"""Series under their scores, and the matrix of predictions."""

import io
import re
from itertools import pairwise

import matplotlib.image
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from captum_rnn.visualization import prediction_heat_map, score_colour, series_heat_map
from captum_rnn.visualization.fonts import cjk_fonts

needs_font = pytest.mark.skipif(not cjk_fonts(), reason="no font for Chinese text")


def painted(ax) -> list[tuple[float, float, float, str]]:
    """Left edge, right edge, row and colour of every shape behind the lines."""
    (cells,) = ax.collections
    found = []
    for shape, colour in zip(cells.get_paths(), cells.get_facecolors(), strict=True):
        for corners in shape.to_polygons(closed_only=False):
            (left, top), (right, bottom) = corners.min(0), corners.max(0)
            found.append((left, right, (top + bottom) / 2, to_hex(colour)))
    return found


def test_each_score_lies_behind_its_value():
    x, scores = torch.tensor([[0.0, 7.0], [1.0, 7.0], [2.0, 9.0]]), torch.zeros(3, 2)
    scores[1, 0], scores[2, 1] = 2.0, -1.0
    ax = series_heat_map(x, scores, times=[0, 10, 30]).plot()
    colours = {(left, right, row): colour for left, right, row, colour in painted(ax)}
    assert colours[5, 20, 0] == score_colour(1.0)
    assert colours[20, 40, 1] == score_colour(-0.5)
    first, second = ax.lines
    assert first.get_xdata().tolist() == [0, 10, 30]
    # A value's height within its band of 0.8 is its share of the feature's own range.
    assert first.get_ydata() == pytest.approx([0.4, 0.0, -0.4])
    assert second.get_ydata() == pytest.approx([1.4, 1.4, 0.6])


def test_features_stand_by_their_magnitude_and_carry_their_signed_sum():
    scores = np.array([[0.1, 3.0, -2.0], [0.1, -3.5, -2.0]])
    picture = series_heat_map(np.zeros((2, 3)), scores, ["a", "b", "c"])
    assert picture.row_names == ("b  −0.5", "c  −4", "a  +0.2")
    assert picture.scale == 3.5


def test_of_many_features_the_weakest_are_summed():
    scores = np.arange(1.0, 21.0)[None].repeat(4, 0)
    picture = series_heat_map(np.zeros((4, 20)), scores)
    assert len(picture.scores) == 12
    assert picture.row_names[0] == "feature 19  +80"
    assert picture.row_names[-1].startswith("9 others")
    assert picture.scores[-1].tolist() == [45.0] * 4  # 1 + … + 9
    assert picture.lines[-1] is None


def test_twelve_features_are_all_shown():
    assert len(series_heat_map(np.zeros((2, 12)), np.ones((2, 12))).scores) == 12


def test_missing_scores_are_grey_and_missing_values_a_gap():
    x = np.array([[1.0], [np.nan], [3.0]])
    ax = series_heat_map(x, [[1.0], [np.nan], [0.0]]).plot()
    assert score_colour(float("nan")) in {colour for *_, colour in painted(ax)}
    assert np.isnan(ax.lines[0].get_ydata()).tolist() == [False, True, False]
    assert series_heat_map(x, [[1.0], [np.nan], [0.0]]).row_names == ("feature 0  not a number",)


def test_tensors_of_any_type():
    x = torch.tensor([[1.5], [2.0]], dtype=torch.bfloat16, requires_grad=True)
    picture = series_heat_map(x, x.half())
    assert picture.scores.tolist() == [[1.5, 2.0]]
    assert prediction_heat_map(x).scores.tolist() == [[1.5], [2.0]]


def test_it_draws_on_the_axes_that_are_given():
    ax = Figure().add_subplot()
    assert series_heat_map(np.zeros((2, 1)), np.ones((2, 1))).plot(ax) is ax


@needs_font
def test_names_are_drawn_as_they_are_on_axes_of_somebody_else():
    figure = Figure()
    picture = series_heat_map(
        np.zeros((2, 1)), np.ones((2, 1)), ["心率 $\\no$"], title="血压 $\\no$"
    )
    picture.plot(figure.add_subplot())
    figure.savefig(io.BytesIO())  # a missing glyph would warn, a formula be refused


def test_a_long_series_stays_a_small_element_without_images_and_scripts():
    generator = np.random.default_rng(0)
    svg = series_heat_map(
        generator.normal(size=(500, 12)), generator.normal(size=(500, 12)), title="<b>心率"
    ).to_svg()
    assert len(svg) < 1_000_000
    assert not re.search(r"<image|<script|<b>|http(?!://www.w3.org)", svg)
    assert "&lt;b&gt;心率" in svg


def test_it_shows_itself_and_is_written(tmp_path):
    picture = series_heat_map(np.zeros((3, 2)), np.ones((3, 2)))
    assert "<svg" in picture._repr_html_()
    picture.save(tmp_path / "a.png")
    image = matplotlib.image.imread(tmp_path / "a.png")
    orange = np.abs(image[..., :3] - np.array([217, 122, 43]) / 255).max(-1) < 0.02
    assert orange.mean() > 0.3
    with pytest.raises(ValueError, match="png"):
        picture.save(tmp_path / "a.gif")


def test_the_matrix_of_predictions():
    ax = prediction_heat_map(torch.tensor([[1.0, 0.0], [0.5, -2.0]]), ["十月", "y"]).plot()
    colours = {(left, row): colour for left, _, row, colour in painted(ax)}
    assert colours[-0.5, 0] == score_colour(0.5)
    assert colours[0.5, 1] == score_colour(-1.0)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["十月", "y"]


@pytest.mark.parametrize("predictions", [1, 20, 25, 26, 40, 300])
def test_names_of_predictions_do_not_overlap(predictions):
    names = [f"prediction {number}" for number in range(predictions)]
    ax = prediction_heat_map(np.eye(predictions), names).plot()
    ax.figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in ax.get_yticklabels()]
    assert len(boxes) >= min(predictions, 13)
    assert all(lower.y1 <= upper.y0 for upper, lower in pairwise(boxes))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((3, 2)), np.zeros((2, 2))), r"\(3, 2\).*\(2, 2\)"),
        ((np.zeros((1, 3, 2)), np.zeros((1, 3, 2))), r"\(1, 3, 2\)"),
        ((np.zeros((3, 2)), np.zeros((3, 2)), ["a"]), "1 feature_names for 2"),
        ((np.zeros((3, 2)), np.zeros((3, 2)), None, [0, 2, 1]), "3 ascending"),
        ((np.zeros((3, 2)), np.zeros((3, 2)), None, [0, 2]), "2 entries"),
        ((np.zeros((3, 2)), np.zeros((3, 2)), None, [0, 2, np.inf]), "3 ascending"),
        ((np.zeros((3, 2)), np.zeros((3, 2)), None, ["Monday"]), "'Monday'.*hours or days"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        series_heat_map(*arguments)


def test_a_scale_must_be_positive():
    with pytest.raises(ValueError, match="nan"):
        series_heat_map([[0.0]], [[0.0]], scale=float("nan"))
