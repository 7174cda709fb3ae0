from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captum_rnn.text.vocabulary import Vocabulary, is_storable

WORDS = st.text(min_size=1, max_size=4).filter(is_storable)


def test_ids_run_from_one_by_frequency_then_code_point():
    texts = [["乙", "甲", "丙"], ["丙", "甲", "乙", "丁"], ["丙"]]
    vocabulary = Vocabulary.from_texts(texts, minimum_count=2)
    assert vocabulary.words == ("丙", "乙", "甲")
    assert dict(vocabulary.ids) == {"丙": 1, "乙": 2, "甲": 3}
    assert len(vocabulary) == 3


@given(st.lists(st.lists(st.sampled_from("abcdefg"), max_size=6), min_size=1), st.randoms())
def test_the_order_of_the_texts_does_not_matter(texts, random):
    texts = [*texts, ["a"]]
    counts = Counter(word for text in texts for word in text)
    vocabulary = Vocabulary.from_texts(texts, minimum_count=1)
    assert set(vocabulary.words) == set(counts)
    frequencies = [counts[word] for word in vocabulary.words]
    assert frequencies == sorted(frequencies, reverse=True)
    random.shuffle(texts)
    assert Vocabulary.from_texts(texts, minimum_count=1) == vocabulary


def test_ten_occurrences_are_enough_nine_are_not():
    assert Vocabulary.from_texts([["好"] * 10, ["差"] * 9]).words == ("好",)


def test_the_most_frequent_words_are_kept():
    texts = [["乙", "甲", "丙"], ["丙", "甲", "乙", "丁"], ["丙"]]
    kept = {n: Vocabulary.from_texts(texts, minimum_count=1, maximum_words=n) for n in (1, 3, 9)}
    assert kept[1].words == ("丙",)
    assert kept[3].words == ("丙", "乙", "甲")
    assert kept[9].words == ("丙", "乙", "甲", "丁")


@pytest.mark.parametrize("name", ["minimum_count", "maximum_words"])
def test_limits_below_one(name):
    with pytest.raises(ValueError, match=f"{name} is 0; expected 1 or more"):
        Vocabulary.from_texts([["好"] * 10], **{name: 0})


def test_unknown_words_have_id_zero():
    assert Vocabulary(("好", "差")).encode(["差", "囧", "好", ""]) == [2, 0, 1, 0]


@pytest.mark.parametrize("word", ["\n", "a\rb", "\u2028", "\x85", "\x1c", "\ud800", ""])
def test_words_that_no_line_can_hold_stay_unknown(word):
    vocabulary = Vocabulary.from_texts([["好", word]], minimum_count=1)
    assert vocabulary.words == ("好",)
    assert vocabulary.encode([word]) == [0]
    with pytest.raises(ValueError, match="fit on one line"):
        Vocabulary(("好", word))


@given(st.lists(WORDS, min_size=1, max_size=20, unique=True))
@settings(max_examples=30)
def test_saved_words_come_back(tmp_path_factory, words):
    path = tmp_path_factory.mktemp("words") / "vocabulary.txt"
    Vocabulary(tuple(words)).save(path)
    assert path.read_bytes().decode("utf-8").count("\n") == len(words)
    assert Vocabulary.load(path).words == tuple(words)


def test_a_checkout_with_other_line_ends_is_read(tmp_path):
    path = tmp_path / "vocabulary.txt"
    path.write_bytes("好\r\n差\r\n".encode())
    assert Vocabulary.load(path).words == ("好", "差")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("好\n差".encode(), "last line .* does not end"),
        ("好\n差\n".encode("gb18030"), "not UTF-8 at byte 0"),
        ("好\n\n差\n".encode(), "''"),
        ("好\n差\n好\n".encode(), "'好' twice"),
        (b"", "no words"),
    ],
)
def test_a_damaged_file(tmp_path, content, reason):
    path = tmp_path / "vocabulary.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as caught:
        Vocabulary.load(path)
    assert str(path) in str(caught.value)


def test_no_word_is_frequent_enough():
    with pytest.raises(ValueError, match=r"none of the 2 distinct words .* occurs 10 times"):
        Vocabulary.from_texts([["好", "差"]])


def test_a_minimum_below_one():
    with pytest.raises(ValueError, match="minimum_count is 0"):
        Vocabulary.from_texts([["好"]], minimum_count=0)
