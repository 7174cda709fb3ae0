import json
import math
from html.parser import HTMLParser

import pytest

from captum_rnn.text.explanation import Explanation

PLAIN = Explanation(
    text="很好，囧",
    tokens=("很", "好", "，", "囧"),
    scores=(0.25, 0.8125, -0.0625, 0.0),
    known=(True, True, True, False),
    method="hidden-state delta",
    predicted_class="positive",
    probability=0.987,
    words_cut=0,
)


def changed(**changes):
    return Explanation(**(vars(PLAIN) | changes))


class Reader(HTMLParser):
    """The tags and the text of a fragment."""

    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def read(explanation):
    reader = Reader()
    reader.feed(explanation.to_html())
    return reader


def test_a_person_reads_class_probability_method_words_and_scores():
    assert str(PLAIN).splitlines() == [
        "positive (probability 0.99), scored by hidden-state delta",
        "很      好      ，      囧",
        "+0.250  +0.812  -0.062  +0.000",
    ]
    assert PLAIN.notes == ()


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        (
            {"tokens": (), "scores": (), "known": ()},
            "The text is empty: there is nothing to score.",
        ),
        (
            {"scores": (0.0,) * 4, "known": (False,) * 4},
            "The classifier knows none of these words: all scores are 0.",
        ),
        ({"words_cut": 96}, "The classifier read the first 4 words; the other 96 were not read."),
    ],
)
def test_what_a_reader_must_know_is_said_everywhere(changes, note):
    explanation = changed(**changes)
    assert explanation.notes == (note,)
    assert str(explanation).splitlines()[-1] == note
    assert note in read(explanation).text
    assert explanation.to_dict()["notes"] == [note]


def test_html_shows_the_words_on_colours():
    html = PLAIN.to_html()
    assert html.count("background:#") == 4
    assert "positive (probability 0.99), scored by hidden-state delta" in html
    assert read(PLAIN).tags == {"p", "span"}


def test_markup_in_any_part_stays_text():
    attack = "<script>alert(1)</script>"
    explanation = changed(
        text=attack * 4, tokens=(attack,) * 4, predicted_class=attack, method=f'"{attack}'
    )
    reader = read(explanation)
    assert reader.tags == {"p", "span"}
    assert reader.text.count(attack) == 6


def test_control_characters_reach_neither_terminal_nor_page():
    attack = "\x1b[31m\r\x00\u202e"
    explanation = changed(tokens=(attack,) * 4, predicted_class=attack, method=attack)
    for shown in (str(explanation), explanation.to_html()):
        assert not set(attack) - set("[31m") & set(shown)
        assert "[31m" in shown


def test_json_holds_everything():
    content = json.loads(json.dumps(PLAIN.to_dict(), allow_nan=False))
    expected = vars(PLAIN) | {"notes": (), "target": "positive"}
    del expected["remarks"]
    assert content == {
        name: list(value) if isinstance(value, tuple) else value for name, value in expected.items()
    }


def test_a_score_that_is_no_number_is_null_in_json():
    explanation = changed(scores=(math.nan, 0.5, math.inf, 0.0))
    assert explanation.to_dict()["scores"] == [None, 0.5, None, 0.0]


@pytest.mark.parametrize("changes", [{"scores": (1.0,)}, {"known": ()}, {"tokens": ("a",) * 5}])
def test_every_token_needs_score_and_flag(changes):
    with pytest.raises(ValueError, match="expected one of each for every token"):
        changed(**changes)
