import io
import json
import math
from html.parser import HTMLParser

import pytest
import torch
from captum.attr import visualization
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from captum_rnn.text.explanation import Explanation
from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.fonts import cjk_fonts

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


def test_of_takes_a_row_of_any_models_scores():
    made = Explanation.of(["很", "好"], torch.tensor([0.25, -0.5]), method="logit delta")
    assert made.scores == (0.25, -0.5)
    assert str(made).splitlines()[0] == "scored by logit delta"
    assert str(Explanation.of(["a"], [1.0])).splitlines() == ["a", "+1.000"]
    with pytest.raises(ValueError, match="1 tokens but 2 scores"):
        Explanation.of(["a"], [1.0, 2.0])


def test_a_table_for_pandas():
    frame = PLAIN.to_frame()
    assert frame.columns.tolist() == ["token", "score", "known"]
    assert tuple(frame["score"]) == PLAIN.scores
    assert frame.set_index("token")["known"].to_dict() == dict(
        zip(PLAIN.tokens, PLAIN.known, strict=True)
    )


def test_captum_shows_it():
    record = PLAIN.to_captum()
    # Captum takes shares of the strongest score; the sum is that of the scores themselves.
    assert record.word_attributions.tolist() == pytest.approx(
        [score / 0.8125 for score in PLAIN.scores]
    )
    assert record.attr_score == pytest.approx(sum(PLAIN.scores))
    assert (record.pred_prob, record.pred_class, record.attr_class) == (
        0.987,
        "positive",
        "positive",
    )
    words = visualization.format_word_importances(record.raw_input_ids, record.word_attributions)
    assert words.count("<mark") == 4
    assert "好" in words


def test_it_draws_a_bar_per_token_on_the_axes_that_are_given():
    figure = Figure()
    ax = figure.add_subplot()
    assert PLAIN.plot(ax) is ax
    assert tuple(bar.get_height() for bar in ax.patches) == PLAIN.scores
    assert [label.get_text() for label in ax.get_xticklabels()] == list(PLAIN.tokens)
    assert to_hex(ax.patches[1].get_facecolor()) == score_colour(1.0)
    assert len(PLAIN.plot().patches) == 4


@pytest.mark.skipif(not cjk_fonts(), reason="no font for Chinese text")
def test_words_are_drawn_as_they_are_on_axes_of_somebody_else():
    explained = Explanation.of(["很好", "$\\no$"], [1.0, -1.0], predicted_class="好 $\\no$")
    figure = Figure()
    explained.plot(figure.add_subplot())
    figure.savefig(io.BytesIO())  # a missing glyph would warn, a formula be refused


def test_a_notebook_shows_the_words_on_white():
    assert PLAIN._repr_html_().count("background:#") == 5
    assert PLAIN.to_html() in PLAIN._repr_html_()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"target": "negative", "remarks": ("It is old.",), "words_cut": 3},
        {"tokens": (), "scores": (), "known": ()},
    ],
)
def test_what_was_saved_is_loaded(changes, tmp_path):
    explanation = changed(**changes)
    explanation.save(tmp_path / "a.json")
    assert Explanation.load(tmp_path / "a.json") == explanation


def test_missing_numbers_are_loaded_as_such(tmp_path):
    changed(scores=(math.nan, 1.0, 2.0, 3.0), probability=math.nan).save(tmp_path / "a.json")
    loaded = Explanation.load(tmp_path / "a.json")
    assert math.isnan(loaded.scores[0])
    assert math.isnan(loaded.probability)


@pytest.mark.parametrize("content", ["[]", "{}", "nothing", '{"scores": 3, "notes": 1}'])
def test_a_file_that_holds_no_explanation(content, tmp_path):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ValueError, match=r"a\.json holds no explanation"):
        Explanation.load(tmp_path / "a.json")
