"""Hostile strings everywhere: a page has the elements that it has with harmless ones, no others."""

import random
import warnings

from captum_rnn.text.explanation import Explanation
from captum_rnn.visualization import heat_map_html, heat_map_svg, prediction_heat_map, tokens_html
from captum_rnn.visualization.html import legend_html, page
from captum_rnn.visualization.tokens import visible
from hostile_strings import Structure, hostile

COUNT = 6


def pictures(names, numbers):
    """A page of every picture of the package that is made of text."""
    explanation = Explanation(
        "".join(names), tuple(names), tuple(numbers), (True,) * COUNT, names[0], names[1], 0.5, 2
    )
    parts = [
        legend_html(names[2], names[3]),
        tokens_html(names, numbers),
        heat_map_html(names, names[:2], [numbers[:2]] * COUNT),
        explanation.to_html(),
    ]
    return page(names[4], "\n".join(parts))


def drawings(names, numbers):
    map_of_tokens = heat_map_svg(names, names[:2], [numbers[:2]] * COUNT, title=names[0])
    predictions = prediction_heat_map([numbers] * 2, names[:2], title=names[1])
    return map_of_tokens + predictions._repr_html_()


def harmless(names):
    return [f"w{number}" for number in range(len(names))]


def test_no_string_adds_an_element_or_an_attribute(fuzz_seeds):
    for seed in fuzz_seeds(150):
        draw = random.Random(seed)
        names, numbers = hostile(draw, COUNT), [draw.uniform(-1, 1) for _ in range(COUNT)]
        html = pictures(names, numbers)
        found = Structure(html)
        assert found.elements == Structure(pictures(harmless(names), numbers)).elements, seed
        html.encode("utf-8")
        for name in names:
            assert visible(name) in found.text, (seed, name)


def test_nor_does_one_in_a_drawing(fuzz_seeds):
    """Its text is shapes, so that only its description and the number of shapes may differ."""
    for seed in fuzz_seeds(1):
        draw = random.Random(seed)
        names, numbers = hostile(draw, COUNT), [draw.uniform(-1, 1) for _ in range(COUNT)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of characters that no font has
            html = drawings(names, numbers)
            expected = drawings(harmless(names), numbers)
        kinds = {element[0] for element in Structure(html).elements if type(element) is tuple}
        allowed = {e[0] for e in Structure(expected).elements if type(e) is tuple} | {"use", "path"}
        assert kinds <= allowed, seed
        attributes = {name for element in Structure(html).elements for name in element[1:]}
        assert not any(str(name).startswith("on") for name in attributes), seed
        html.encode("utf-8")
