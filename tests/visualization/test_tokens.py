import math
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.visualization.tokens import (
    checked_scores,
    full_scale,
    needs_space,
    visible,
)


@pytest.mark.parametrize("scores", [[0.5, -1], np.array([0.5, -1]), torch.tensor([0.5, -1])])
def test_scores_of_any_kind_become_floats(scores):
    assert checked_scores(["a", "b"], scores) == [0.5, -1.0]


def test_another_number_of_scores():
    with pytest.raises(ValueError, match="got 2 tokens but 1 scores"):
        checked_scores(["a", "b"], [0.5])


@pytest.mark.parametrize("scores", [["x"], [None], torch.zeros(1, 3)])
def test_scores_that_are_not_numbers(scores):
    with pytest.raises(TypeError, match="one number for each token"):
        checked_scores(["a"], scores)


def test_a_string_is_no_list_of_tokens():
    with pytest.raises(TypeError, match="split it into tokens"):
        checked_scores("好", [0.5])


def test_full_scale_is_the_largest_finite_magnitude():
    assert full_scale([0.25, -0.75, math.nan, math.inf]) == 0.75
    assert full_scale([0.25], scale=2.0) == 2.0


@pytest.mark.parametrize("scores", [[], [0.0, -0.0], [math.nan]])
def test_full_scale_without_any_strength(scores):
    assert full_scale(scores) == 1.0


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf])
def test_scale_that_is_no_scale(scale):
    with pytest.raises(ValueError, match="positive, finite number"):
        full_scale([0.5], scale)


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("", "∅"),
        ("好", "好"),
        ("New York", "New York"),
        ("\n", "↵"),
        ("\r\n", "↵"),
        ("a\u2028b", "a↵b"),
        ("\t", "⇥"),
        ("\x00", "[U+0000]"),
        ("\x1b]0;title\x07", "[U+001B]]0;title[U+0007]"),
        ("\x7f", "[U+007F]"),
        ("\x9b31m", "[U+009B]31m"),
        ("  ", "␣␣"),
        ("\u3000", "␣"),
        ("\u202eevil", "[U+202E]evil"),
        ("\u200b", "[U+200B]"),
        ("\ud800", "[U+D800]"),
        ("👩\u200d💻", "👩\u200d💻"),
    ],
)
def test_visible(token, shown):
    assert visible(token) == shown


@given(st.text(st.characters()))
def test_visible_is_never_empty_and_harmless(token):
    shown = visible(token)
    assert shown
    assert shown.encode("utf-8").decode("utf-8") == shown
    categories = {unicodedata.category(character) for character in shown} - {"Cf"}
    assert not categories & {"Cc", "Cs", "Zl", "Zp"}
    assert all(c in "\u200c\u200d" for c in shown if unicodedata.category(c) == "Cf")


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["非常", "好", "的", "热水器", "。"], "非常好的热水器。"),
        (["150", "天", "哦", "..", "盒子"], "150天哦..盒子"),
        (["not", "bad", ",", "really", "!"], "not bad, really!"),
        (["it", "'s", "a", "(", "very", ")", "good", "film"], "it's a (very) good film"),
        (["well", "-", "made", "and", "/", "or"], "well-made and/or"),
        (["costs", "$", "5"], "costs $5"),
        (["ThinkPad", "很", "好"], "ThinkPad很好"),
        (["hello", " ", "world"], "hello world"),
        (["очень", "хорошо"], "очень хорошо"),
    ],
)
def test_spaces_between_tokens(tokens, text):
    joined = tokens[0]
    for left, right in pairwise(tokens):
        joined += " " * needs_space(left, right) + right
    assert joined == text
