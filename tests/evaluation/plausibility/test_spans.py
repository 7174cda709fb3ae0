import pytest
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.evaluation.plausibility.spans import spans_to_tokens, token_places


def test_a_token_that_shares_a_character_is_marked() -> None:
    text, tokens = "这部电影 很 好看。", ["这", "部", "电影", "很", "好看", "。"]
    assert spans_to_tokens(text, tokens, [(3, 4), (7, 8)]).tolist() == [0, 0, 1, 0, 1, 0]
    assert spans_to_tokens(text, tokens, [(4, 5)]).tolist() == [0] * 6
    assert spans_to_tokens(text, tokens, []).tolist() == [0] * 6
    assert spans_to_tokens(text, tokens, [(0, len(text))]).tolist() == [1] * 6


def test_the_next_occurrence_of_a_word_counts() -> None:
    assert spans_to_tokens("no no no", ["no", "no", "no"], [(3, 5)]).tolist() == [0, 1, 0]


def test_a_text_may_go_on_behind_the_last_token() -> None:
    assert spans_to_tokens("one two three", ["one", "two"], [(8, 13)]).tolist() == [0, 0]


@given(
    st.lists(st.tuples(st.text("ab。\n", min_size=1).filter(str.strip), st.text(" \t\u3000"))),
    st.text(" \n"),
)
def test_every_place_spells_its_token(pieces: list[tuple[str, str]], front: str) -> None:
    tokens = [token.strip() for token, _ in pieces]
    text = front + "".join(token.strip() + space for token, space in pieces)
    places = token_places(text, tokens)
    assert [text[start:end] for start, end in places] == tokens
    ends = [0] + [end for _, end in places]
    assert all(text[e:s].strip() == "" for e, (s, _) in zip(ends, places, strict=False))


def test_a_token_may_itself_be_whitespace() -> None:
    assert token_places("a b", ["a", " ", "b"]) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize("tokens", [["good", "film"], ["a", "film"], ["a", ""], ["a", "Good"]])
def test_tokens_of_another_text_are_refused(tokens: list[str]) -> None:
    with pytest.raises(ValueError, match=r"does not follow in the text, which goes on with"):
        token_places("a good film", tokens)


@pytest.mark.parametrize("span", [(2, 2), (-1, 2), (1, 4), (3, 1)])
def test_a_span_outside_the_text_is_refused(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="does not lie in a text of 3 characters"):
        spans_to_tokens("abc", ["abc"], [span])
