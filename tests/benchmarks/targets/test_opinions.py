from benchmarks.targets.opinions import (
    NearestOpinion,
    gap,
    nearest_opinion,
    opinion_words,
)
from benchmarks.targets.tags import Span, Tag

LEXICON = {"喜欢": 1, "舒服": 1, "难看": -1}


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
