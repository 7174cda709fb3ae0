import math

import numpy as np
import pytest
from matplotlib.colors import to_hex

from captum_rnn.visualization.colours import strength_colour
from captum_rnn.visualization.figure import drawing, inline_svg
from captum_rnn.visualization.matrix import matrix_figure, similar_together

# Two families, each within itself similar: 0 and 2, 1 and 3.
FAMILIES = [
    [1.0, -0.5, 0.9, 0.1],
    [-0.5, 1.0, 0.0, 0.8],
    [0.9, 0.0, 1.0, 0.2],
    [0.1, 0.8, 0.2, 1.0],
]
LABELS = ["zero", "one", "two", "three"]


def svg_of(labels, values, **options):
    with drawing():
        return inline_svg(matrix_figure(labels, values, **options))


def test_similar_rows_stand_beside_each_other():
    order = similar_together(FAMILIES)
    assert {frozenset(order[:2]), frozenset(order[2:])} == {frozenset({0, 2}), frozenset({1, 3})}


def test_every_cell_has_its_number_and_colour():
    (axes,) = matrix_figure(LABELS, FAMILIES).axes
    order = similar_together(FAMILIES)
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        f"{LABELS[row]}  {place}" for place, row in enumerate(order, 1)
    ]
    numbers = {text.get_position(): text.get_text() for text in axes.texts}
    (cells,) = axes.collections
    colours = np.array([to_hex(c) for c in cells.get_facecolors()]).reshape(4, 4)
    for y, row in enumerate(order):
        for x, column in enumerate(order):
            value = FAMILIES[row][column]
            assert numbers[x, y] == f"{round(100 * value)}".replace("-", "−")
            assert colours[y, x] == strength_colour(value)


def test_a_missing_correlation_is_a_dash_on_white():
    (axes,) = matrix_figure(["a", "b", "c"], np.full((3, 3), math.nan).tolist()).axes
    assert {text.get_text() for text in axes.texts} == {"–"}
    assert {to_hex(c) for c in axes.collections[0].get_facecolors()} == {"#ffffff"}


def test_a_page_that_forbids_images_shows_it():
    svg = svg_of(LABELS, FAMILIES)
    assert "<image" not in svg
    assert svg == svg_of(LABELS, FAMILIES)


def test_one_method_alone():
    assert "only" in svg_of(["only"], [[1.0]])


@pytest.mark.parametrize("values", [[], [[1.0]], [[1.0, 0.5], [0.5]]])
def test_a_matrix_of_another_size(values):
    with pytest.raises(ValueError, match=f"got 2 labels and {len(values)} rows"):
        svg_of(["a", "b"], values)
