import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from matplotlib import image

from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.heat_map import heat_map_html, heat_map_svg, save_heat_map

TOKENS, COLUMNS = ["很", "<b>", " "], ["layer 1", "层 2"]
SVG = "{http://www.w3.org/2000/svg}"
VALUES = [[2.0, -1.0], [0.0, float("nan")], [1.0, 0.5]]


def table(html):
    """Rows of (text, [(colour, tooltip)])."""
    root = ElementTree.fromstring(html)
    return [
        (
            row.find("th").text,
            [
                (cell.get("style").removeprefix("background:"), cell.get("title"))
                for cell in row.iter("td")
            ],
        )
        for row in root.find(".//tbody")
    ]


def test_each_cell_has_its_colour_and_number():
    rows = table(heat_map_html(TOKENS, COLUMNS, VALUES))
    assert [token for token, _ in rows] == ["很", "<b>", "␣"]
    assert rows[0][1] == [(score_colour(1), "2"), (score_colour(-0.5), "-1")]
    assert rows[1][1] == [(score_colour(0), "0"), (score_colour(float("nan")), "not a number")]
    half = table(heat_map_html(TOKENS, COLUMNS, torch.tensor(VALUES), scale=4.0))
    assert half[0][1][0] == (score_colour(0.5), "2")


def test_the_names_of_the_columns_stand_above():
    root = ElementTree.fromstring(heat_map_html(TOKENS, ["<i>", "b"], VALUES))
    assert [cell.text for cell in root.find(".//thead/tr")] == [None, "<i>", "b"]


def test_the_picture_shows_the_colours_in_their_order(tmp_path):
    path = tmp_path / "map.png"
    save_heat_map(path, TOKENS, COLUMNS, [[1.0, -1.0], [0.0, 0.0], [-1.0, 1.0]], title="$ 标题")
    pixels = np.round(image.imread(path)[..., :3] * 255).astype(int)
    places = {}
    for name, colour in (("orange", score_colour(1)), ("blue", score_colour(-1))):
        wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        places[name] = np.argwhere((pixels == wanted).all(2))
    (top, left), (bottom, right) = places["orange"].min(0), places["orange"].max(0)
    assert len(places["orange"]) == len(places["blue"]) > 1000
    middle = (top + bottom) / 2
    upper = places["orange"][places["orange"][:, 0] < middle]
    lower = places["orange"][places["orange"][:, 0] > middle]
    assert upper[:, 1].max() < lower[:, 1].min()
    assert left < right


def test_chinese_is_drawn_as_shapes_and_the_same_values_give_the_same_svg(tmp_path):
    svg = heat_map_svg(TOKENS, COLUMNS, VALUES, title="标题")
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == "Heat map of 3 tokens and 2 columns. 标题"
    assert not list(root.iter(f"{SVG}text"))
    assert svg == heat_map_svg(TOKENS, COLUMNS, VALUES, title="标题")
    save_heat_map(tmp_path / "map.svg", TOKENS, COLUMNS, VALUES, title="标题")
    assert (tmp_path / "map.svg").read_text(encoding="utf-8") == svg + "\n"


def test_the_cells_of_the_svg_are_shapes_in_their_colours_row_by_row():
    root = ElementTree.fromstring(heat_map_svg(TOKENS, COLUMNS, VALUES))
    assert not list(root.iter(f"{SVG}image"))
    (cells,) = (group for group in root.iter(f"{SVG}g") if group.get("id") == "cells")
    assert cells.get("shape-rendering") == "crispEdges"
    paths = list(cells.iter(f"{SVG}path"))
    assert [path.get("style") for path in paths] == [
        f"fill: {score_colour(number / 2)}" for row in VALUES for number in row
    ]
    # "M x y", the upper left corner, comes first.
    corners = [tuple(map(float, path.get("d").split()[1:3])) for path in paths]
    assert len({x for x, _ in corners}) == len(COLUMNS)
    assert corners == sorted(corners, key=lambda corner: (corner[1], corner[0]))


def test_what_cannot_be_drawn(tmp_path):
    with pytest.raises(ValueError, match="got 3 tokens, 2 columns and 2 rows of values"):
        heat_map_html(TOKENS, COLUMNS, VALUES[:2])
    with pytest.raises(ValueError, match="got 2 tokens but 3 scores"):
        heat_map_html(TOKENS, COLUMNS, [[1.0, 2.0, 3.0]] * 3)
    with pytest.raises(ValueError, match="got 0 tokens"):
        heat_map_svg([], COLUMNS, [])
    with pytest.raises(TypeError, match="columns must be a list of strings, got one string"):
        heat_map_html(TOKENS, "ab", VALUES)
    with pytest.raises(TypeError, match="tokens must be a list of strings"):
        heat_map_html("abc", COLUMNS, VALUES)
    with pytest.raises(ValueError, match=r"cannot be written to .*map.gif; end its name in .png"):
        save_heat_map(tmp_path / "map.gif", TOKENS, COLUMNS, VALUES)
