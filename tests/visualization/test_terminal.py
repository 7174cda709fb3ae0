import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.terminal import aligned_text, tokens_rich, tokens_text


def test_scores_stand_under_their_tokens():
    text = tokens_text(["热水器", "，", "very"], [0.5, -0.25, 12.0])
    assert text.splitlines() == ["热水器  ，      very", "+0.500  -0.250  +12.000"]


def test_long_texts_are_wrapped():
    text = tokens_text(["好"] * 5, [0.1, 0.2, 0.3, 0.4, 0.5], width=14)
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
    token, number = tokens_text(["长" * 50], [1.0], width=20).splitlines()
    assert token == "长" * 9 + " …"
    assert number == "+1.000"


@given(st.lists(st.tuples(st.text(st.characters(), max_size=40), st.floats(-9, 9)), min_size=1))
def test_no_line_is_wider_than_asked(pairs):
    tokens, scores = zip(*pairs, strict=True)
    text = tokens_text(tokens, scores, width=30)
    assert all(cell_len(line) <= 30 for line in text.split("\n"))


@given(st.lists(st.tuples(st.text(st.characters(), max_size=9), st.floats()), min_size=1))
def test_a_token_cannot_send_the_terminal_a_command(pairs):
    tokens, scores = zip(*pairs, strict=True)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", tokens_text(tokens, scores))


def painted(tokens, scores):
    """What a terminal of all colours is sent."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(tokens_rich(tokens, scores))
    return console.file.getvalue()


def test_colours_follow_the_signs():
    backgrounds = re.findall(r"48;2;(\d+);(\d+);(\d+)", painted(["a", "b"], [-1.0, 1.0]))
    assert [f"#{int(r):02x}{int(g):02x}{int(b):02x}" for r, g, b in backgrounds] == [
        score_colour(value) for value in (-1, 1)
    ]


def test_a_score_near_zero_is_not_painted_and_markup_stays_text():
    upper = painted(["a", "[red]b"], [1.0, 0.01]).splitlines()[0]
    assert upper.endswith(" [red]b")


def test_nan_has_no_sign():
    lower = tokens_text(["a", "b"], [0.0, float("nan")]).splitlines()[1]
    assert lower.split() == ["+0.000", "nan"]


def test_no_tokens():
    assert tokens_text([], []) == "(no tokens)"


def test_mismatch_is_an_error():
    with pytest.raises(ValueError, match="got 1 tokens but 2 scores"):
        tokens_text(["a"], [1.0, 2.0])


def test_numbers_end_where_their_heading_ends_and_names_begin_at_the_left():
    rows = [["", "comprehen-", "ms"], ["", "siveness", ""], ["很好", ".5", "12.5"], ["a", "", "7"]]
    assert aligned_text(rows, head=2).splitlines() == [
        "      comprehen-    ms",
        "        siveness",
        "----------------------",
        "很好          .5  12.5",
        "a                    7",
    ]
