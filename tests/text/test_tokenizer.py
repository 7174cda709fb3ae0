import logging
import subprocess
import sys
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.text.tokenizer import tokenize

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jieba

CHARACTERS = st.sampled_from(
    "这本书很好非常差的了囧京东，。！ \n\t\r\x00\x1b<>&aZ09-._%#ÿ\u2028😀\ud800"
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """A fresh segmenter of jieba's own, silent and without the shared cache file."""
    jieba.setLogLevel(logging.CRITICAL)
    segmenter = jieba.Tokenizer()
    segmenter.tmp_dir = str(tmp_path_factory.mktemp("jieba"))
    segmenter.initialize()
    return segmenter


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("发货很快，物流也及时", ["发货", "很快", "，", "物流", "也", "及时"]),
        ("3.5分 ok!", ["3.5", "分", " ", "ok", "!"]),
        ("", []),
        (" \n", [" ", "\n"]),
    ],
)
def test_words_by_hand(text, words):
    assert tokenize(text) == words


@given(st.text(st.one_of(CHARACTERS, st.characters()), max_size=80))
def test_words_are_those_of_jieba_and_make_up_the_text(reference, text):
    words = tokenize(text)
    assert words == reference.lcut(text)
    assert "".join(words) == text


def test_a_long_text_has_the_words_of_jieba(reference):
    text = "这本书很好，我喜欢它；虽然包装差了一点！ok\r\n" * 300
    assert tokenize(text) == reference.lcut(text)


@pytest.mark.parametrize("character", ["囧", "好", "a", " ", "\x00"])
def test_100_000_characters_without_any_break_take_seconds(character):
    """jieba alone needs half a minute for the first of these."""
    text = character * 100_000
    tokenize("")
    start = time.process_time()
    assert "".join(tokenize(text)) == text
    assert time.process_time() - start < 10


def test_a_dictionary_that_the_program_loads_into_jieba_does_not_leak_in(monkeypatch, reference):
    monkeypatch.setattr(jieba, "dt", reference)
    reference.add_word("很好的热水器")
    try:
        assert reference.lcut("很好的热水器") == ["很好的热水器"]
        assert "热水器" in tokenize("很好的热水器")
    finally:
        reference.del_word("很好的热水器")


def test_the_first_call_is_silent_and_the_import_does_not_load_jieba():
    code = (
        "import sys, captum_rnn.text\n"
        "assert 'jieba' not in sys.modules\n"
        "print(captum_rnn.text.tokenize('很好'))\n"
        "import logging\n"
        "assert not logging.getLogger('jieba').disabled\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "utf8", "-c", code],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "['很', '好']\n", "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It isn't GOOD.", ["it", "isn't", "good", "."]),
        ("It isn’t good", ["it", "isn't", "good"]),
        ("'A must-see!', she said", ["'", "a", "must", "-", "see", "!", "'", ",", "she", "said"]),
        ("rated 3.5/10 in 1,000\tvotes\n", ["rated", "3.5", "/", "10", "in", "1,000", "votes"]),
        ("snake_case café 90s", ["snake", "_", "case", "café", "90s"]),
        (" \u2028\x00😀\ud800", ["\x00", "😀", "\ud800"]),
        ("", []),
    ],
)
def test_english_words_by_hand(text, words):
    assert tokenize(text, "english") == words


@given(st.text(st.one_of(CHARACTERS, st.characters()), max_size=80))
def test_english_words_hold_all_but_the_blanks(text):
    assert "".join(tokenize(text, "english")) == "".join(text.replace("’", "'").lower().split())


def test_an_unknown_language():
    with pytest.raises(ValueError, match="'french'; expected one of chinese, english"):
        tokenize("bon", "french")


@pytest.mark.parametrize("text", [None, b"bytes", ["a list"]])
def test_only_strings(text):
    with pytest.raises(TypeError, match="expected one str"):
        tokenize(text)
