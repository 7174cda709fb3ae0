import math

import pytest
import torch

from benchmarks.targets.data import Sentence
from benchmarks.targets.questions import (
    Question,
    distance_scores,
    even_scores,
    prefers_answer,
    questions_of,
    share_on_answer,
    share_on_target,
)
from benchmarks.targets.tags import Span, Tag, Target

LEXICON = {"喜欢": Tag.POSITIVE, "舒服": Tag.POSITIVE, "难看": Tag.NEGATIVE}
HONDA, TOYOTA = Target("本田", Tag.POSITIVE), Target("丰田", Tag.NEGATIVE)


@pytest.fixture
def question():
    """甲乙丙丁戊己: the target is 丙, the answer 戊己, the distractor 甲."""
    place = Span(2, 3, Tag.POSITIVE)
    answer, distractor = Span(4, 6, Tag.POSITIVE), Span(0, 1, Tag.NEGATIVE)
    return Question("甲乙丙丁戊己", Target("丙", Tag.POSITIVE), (place,), answer, distractor)


def test_each_target_has_the_word_of_its_own_polarity():
    text = "我喜欢本田，我不喜欢丰田"
    first, second = questions_of(Sentence(text, (HONDA, TOYOTA)), set(), LEXICON)
    assert text[first.answer.start : first.answer.stop] == "喜欢"
    assert text[first.distractor.start : first.distractor.stop] == "不喜欢"
    assert (second.answer, second.distractor) == (first.distractor, first.answer)
    assert second.characters.nonzero().flatten().tolist() == [10, 11]


def test_targets_without_an_answer_ask_nothing():
    text = "本田舒服，丰田"
    neutral, absent = Target("丰田", Tag.NEUTRAL), Target("大众", Tag.POSITIVE)
    found = questions_of(Sentence(text, (HONDA, TOYOTA, neutral, absent)), set(), LEXICON)
    assert [question.target for question in found] == [HONDA]
    assert found[0].distractor is None
    assert math.isnan(prefers_answer(found[0], even_scores(found[0])))


def test_a_known_name_is_no_opinion_though_it_is_no_target():
    sentence = Sentence("本田舒服版很喜欢", (HONDA,))
    (question,) = questions_of(sentence, {"舒服版"}, LEXICON)
    assert question.answer == Span(6, 8, Tag.POSITIVE)


def test_shares_by_hand(question):
    scores = torch.tensor([2.0, -5.0, 7.0, 1.0, 3.0, -4.0])
    assert share_on_answer(question, scores) == pytest.approx(3 / (2 + 1 + 3))
    assert share_on_target(question, scores) == pytest.approx(7 / 13)
    # The mean of the answer is (3 − 4) / 2, which is less than 2.
    assert prefers_answer(question, scores) == 0
    assert prefers_answer(question, -scores) == 1
    assert prefers_answer(question, even_scores(question)) == 0.5


def test_chance_and_distance(question):
    assert share_on_answer(question, even_scores(question)) == pytest.approx(2 / 5)
    assert distance_scores(question).tolist() == pytest.approx([1 / 2, 1, 1, 1, 1 / 2, 1 / 3])
    twice = Question(
        question.text,
        question.target,
        (*question.spans, Span(5, 6, Tag.POSITIVE)),
        Span(4, 5, Tag.POSITIVE),
        None,
    )
    assert distance_scores(twice).tolist() == pytest.approx([1 / 2, 1, 1, 1, 1, 1])


def test_ties_and_nothing_to_share(question):
    zero = torch.zeros(6)
    assert prefers_answer(question, zero) == 0.5
    assert math.isnan(share_on_answer(question, zero))
    assert math.isnan(share_on_answer(question, torch.tensor([-1.0, 0, 5, 0, 0, 0])))


def test_other_numbers_of_scores_are_refused(question):
    for score in (share_on_answer, share_on_target, prefers_answer):
        with pytest.raises(ValueError, match=r"shape \(7,\) for a sentence of 6"):
            score(question, torch.zeros(7))
