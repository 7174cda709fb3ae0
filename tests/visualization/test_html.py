import math
from html.parser import HTMLParser

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.html import legend_html, page, tokens_html
from captum_rnn.visualization.tokens import visible


class Reader(HTMLParser):
    """Reads HTML back: the elements with their attributes, and the text inside each span."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self.spans = [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "span":
            self.spans.append("")

    def handle_data(self, data):
        self.text += data
        if self.spans and self.elements[-1][0] == "span" and data.strip():
            self.spans[-1] += data


def test_colour_and_number_of_each_token():
    reader = Reader(tokens_html(["发货", "很快"], [-0.12187159, 0.27192765]))
    spans = [attributes for tag, attributes in reader.elements if tag == "span"]
    assert [span["title"] for span in spans] == ["-0.1219", "+0.2719"]
    strength = -0.12187159 / 0.27192765
    assert [span["style"] for span in spans] == [
        f"background:{score_colour(strength)}",
        f"background:{score_colour(1.0)}",
    ]


def test_scale_is_painted_in_full_and_beyond_it_no_stronger():
    reader = Reader(tokens_html(["a", "b", "c"], [0.5, 1.0, 2.0], scale=1.0))
    styles = [attributes["style"] for tag, attributes in reader.elements if tag == "span"]
    expected = [score_colour(0.5), score_colour(1.0), score_colour(1.0)]
    assert styles == [f"background:{colour}" for colour in expected]


def test_nan_is_grey_and_does_not_spoil_the_others():
    html = tokens_html(["a", "b"], torch.tensor([math.nan, -2.0]))
    assert f'background:{score_colour(math.nan)}" title="not a number">a' in html
    assert f'background:{score_colour(-1)}" title="-2.0000">b' in html


def test_exact_zero_is_told_from_a_rounded_one():
    html = tokens_html(["a", "b"], [0.0, 1e-9])
    assert 'title="0">a' in html
    assert 'title="+0.0000">b' in html


def test_markup_in_a_token_is_text():
    token = "<script>alert('1')</script>\"&amp;"
    html = tokens_html([token], [1.0])
    assert "<script" not in html
    reader = Reader(html)
    assert reader.text == token
    assert [tag for tag, _ in reader.elements] == ["p", "span"]


def test_line_breaks_and_control_characters_are_shown():
    assert Reader(tokens_html(["好", "\n", "\x07"], [0, 0, 0])).text == "好↵[U+0007]"


def test_chinese_stands_close_and_english_apart():
    assert Reader(tokens_html(["很", "好", "。"], [1, 2, 3])).text == "很好。"
    assert Reader(tokens_html(["very", "good", "."], [1, 2, 3])).text == "very good."


def test_only_long_tokens_may_be_broken():
    html = tokens_html(["好" * 16, "好" * 17], [1, 1])
    classes = [
        attributes.get("class") for tag, attributes in Reader(html).elements if tag == "span"
    ]
    assert classes == [None, "long"]


def test_no_tokens():
    assert Reader(tokens_html([], [])).text == "no tokens"


@given(st.lists(st.tuples(st.text(st.characters()), st.floats()), min_size=1, max_size=8))
def test_any_tokens_come_back_as_they_are_shown(pairs):
    tokens, scores = zip(*pairs, strict=True)
    html = tokens_html(tokens, scores)
    html.encode("utf-8")
    reader = Reader(html)
    assert [tag for tag, _ in reader.elements] == ["p"] + ["span"] * len(tokens)
    shown = "".join(visible(token) for token in tokens)
    assert reader.text.replace(" ", "") == shown.replace(" ", "")


def test_mismatch_is_an_error():
    with pytest.raises(ValueError, match="pass one score for each token"):
        tokens_html(["a"], [1.0, 2.0])


def test_legend_names_both_sides():
    html = legend_html("against <1>", "for it")
    assert Reader(html).text == "against <1>−10+1for it"
    assert all(score_colour(value) in html for value in (-1, 0, 1))


def test_page_is_self_contained():
    html = page("<b>Report", "<p>好</p>")
    reader = Reader(html)
    assert "<title>&lt;b&gt;Report</title>" in html
    assert ("meta", {"charset": "utf-8"}) in reader.elements
    assert "width=device-width" in html
    assert "Noto Sans CJK SC" in html
    assert "default-src 'none'" in html
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in reader.elements}
    assert "url(" not in html
    assert "@import" not in html
    assert "<p>好</p>" in html
