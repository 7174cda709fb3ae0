import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.visualization.colours import (
    MISSING_COLOUR,
    TEXT_COLOUR,
    score_colour,
    strength_colour,
)

values = st.floats(-1, 1)

# Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
# Deficiency", 2009, severity 1.0; rows and columns are linear red, green, blue.
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def linear(colour):
    channels = np.array([int(colour[start : start + 2], 16) for start in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(first, second):
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    darker, lighter = sorted([luminance(first), luminance(second)])
    return (lighter + 0.05) / (darker + 0.05)


def lab(linear_rgb):
    """CIE 1976 L*a*b* under D65."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x, y, z = np.cbrt(to_xyz @ np.clip(linear_rgb, 1e-6, 1) / [0.95047, 1.0, 1.08883])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_contrast_formula_on_known_pairs():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@given(values)
def test_text_is_readable_on_every_colour(value):
    assert contrast(score_colour(value), TEXT_COLOUR) >= 5.6


def test_text_is_readable_on_a_missing_score():
    assert contrast(MISSING_COLOUR, TEXT_COLOUR) >= 4.5


def test_sides_of_the_scale():
    red, _, blue = linear(score_colour(-0.7))
    assert blue > red
    red, _, blue = linear(score_colour(0.7))
    assert red > blue
    assert score_colour(0.0) == score_colour(-0.0) == "#ffffff"


@given(values, values)
def test_stronger_is_darker(first, second):
    weaker, stronger = sorted([first, second], key=abs)
    assert luminance(score_colour(stronger)) <= luminance(score_colour(weaker)) + 0.01


@given(values)
def test_both_sides_are_equally_dark(value):
    assert luminance(score_colour(value)) == pytest.approx(
        luminance(score_colour(-value)), abs=0.05
    )


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
def test_signs_differ_for_the_colour_blind(deficiency, strength):
    """A difference above 10 in L*a*b* is seen at a glance; red and green of one lightness fail."""
    simulate = np.array(DEFICIENCIES[deficiency])
    negative, positive = (lab(simulate @ linear(score_colour(side * strength))) for side in (-1, 1))
    assert np.linalg.norm(positive - negative) > 10


@pytest.mark.parametrize(("value", "end"), [(1.5, 1.0), (math.inf, 1.0), (-7.0, -1.0)])
def test_beyond_the_scale_is_its_end(value, end):
    assert score_colour(value) == score_colour(end)


def test_nan_is_grey_and_nothing_else_is():
    grey = score_colour(math.nan)
    assert grey == MISSING_COLOUR
    assert len({grey[1:3], grey[3:5], grey[5:7]}) == 1
    assert grey not in {score_colour(value) for value in np.linspace(-1, 1, 401)}


@given(values, values)
def test_greys_have_no_hue_darken_and_can_be_read_on(one, other):
    low, high = (strength_colour(value) for value in sorted([one, other]))
    assert high[1:3] == high[3:5] == high[5:7]
    assert luminance(high) <= luminance(low)
    assert contrast(TEXT_COLOUR, high) >= 4.5


def test_the_ends_of_the_greys():
    assert [strength_colour(v) for v in (-1.0, 0.0, math.nan)] == ["#ffffff"] * 3
    assert strength_colour(1.0) == strength_colour(2.0) < strength_colour(0.5) < "#ffffff"
