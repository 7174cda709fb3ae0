import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.terminal import tokens_text
from captum_rnn.visualization.tokens import display_width

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def test_scores_stand_under_their_tokens():
    text = tokens_text(["热水器", "，", "very"], [0.5, -0.25, 12.0], colour=False)
    assert text.splitlines() == ["热水器  ，      very", "+0.500  -0.250  +12.000"]


def test_long_texts_are_wrapped():
    text = tokens_text(["好"] * 5, [0.1, 0.2, 0.3, 0.4, 0.5], colour=False, width=14)
    assert text.splitlines() == [
        "好      好",
        "+0.100  +0.200",
        "",
        "好      好",
        "+0.300  +0.400",
        "",
        "好",
        "+0.500",
    ]


def test_a_token_wider_than_the_line_is_cut():
    token, number = tokens_text(["长" * 50], [1.0], colour=False, width=20).splitlines()
    assert token == "长" * 9 + "…"
    assert number == "+1.000"


@given(
    st.lists(st.tuples(st.text(st.characters(), max_size=40), st.floats(-9, 9)), min_size=1),
    st.booleans(),
)
def test_no_line_is_wider_than_asked(pairs, colour):
    tokens, scores = zip(*pairs, strict=True)
    text = tokens_text(tokens, scores, colour=colour, width=30)
    assert all(display_width(ESCAPE.sub("", line)) <= 30 for line in text.split("\n"))


@given(st.lists(st.tuples(st.text(st.characters(), max_size=9), st.floats()), min_size=1))
def test_a_token_cannot_send_the_terminal_a_command(pairs):
    tokens, scores = zip(*pairs, strict=True)
    plain = tokens_text(tokens, scores, colour=False)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", plain)
    painted = ESCAPE.sub("", tokens_text(tokens, scores, colour=True))
    assert [line.rstrip() for line in painted.split("\n")] == plain.split("\n")


def test_colours_follow_the_signs():
    painted = tokens_text(["a", "b"], [-1.0, 1.0], colour=True)
    backgrounds = [int(code) for code in re.findall(r"48;5;(\d+)", painted)]
    assert [cube_colour(code) for code in backgrounds] == [
        nearest_in_cube(score_colour(value)) for value in (-1, 1)
    ]
    assert painted.count("\x1b[0m") == 2


def test_a_score_near_zero_is_not_painted():
    upper = tokens_text(["a", "b"], [1.0, 0.01], colour=True).splitlines()[0]
    assert upper.endswith(" b")


def cube_colour(code):
    red, rest = divmod(code - 16, 36)
    return tuple((0, 95, 135, 175, 215, 255)[level] for level in (red, *divmod(rest, 6)))


def nearest_in_cube(colour):
    wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    levels = (0, 95, 135, 175, 215, 255)
    cube = [(red, green, blue) for red in levels for green in levels for blue in levels]
    return min(cube, key=lambda c: sum((a - b) ** 2 for a, b in zip(c, wanted, strict=True)))


def test_nan_has_no_sign():
    lower = tokens_text(["a", "b"], [0.0, float("nan")], colour=False).splitlines()[1]
    assert lower.split() == ["+0.000", "nan"]


def test_no_tokens():
    assert tokens_text([], [], colour=True) == "(no tokens)"


def test_mismatch_is_an_error():
    with pytest.raises(ValueError, match="got 1 tokens but 2 scores"):
        tokens_text(["a"], [1.0, 2.0], colour=False)
