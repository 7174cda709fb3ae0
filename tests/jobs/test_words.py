import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from captum_rnn.jobs.words import WordSums, word_statistics


def row(tokens, scores, predicted="positive", number=0):
    return {
        "error": None,
        "predicted_class": predicted,
        "tokens": tokens,
        "scores": scores,
        "source": "a.csv",
        "row": number,
    }


def test_sums_of_a_hand_counted_corpus():
    rows = [
        row(["好", "，", "好"], [0.5, 0.125, 0.25]),
        row(["好"], [-0.25]),
        row(["好"], [2.0], "negative"),
        {"error": "empty"},
        {"error": "empty"},
    ]
    found = word_statistics(rows)
    assert found.texts == {"positive": 2, "negative": 1}
    assert found.errors == {"empty": 2}
    good = found.words["positive"]["好"]
    assert (good.texts, good.occurrences, good.total) == (2, 3, 0.5)
    assert good.mean == pytest.approx(1 / 6)
    assert found.words["negative"]["好"].total == 2.0


def test_the_interval_is_that_of_the_residuals():
    """Against the definition over the texts themselves, in exact fractions."""
    texts = [(1, Fraction(1, 2)), (3, Fraction(-1, 4)), (2, Fraction(2)), (1, Fraction(1, 8))]
    sums = WordSums()
    for count, score in texts:
        sums.add(count, float(score))
    occurrences = sum(count for count, _ in texts)
    mean = sum(score for _, score in texts) / occurrences
    residuals = sum((score - mean * count) ** 2 for count, score in texts)
    error = math.sqrt(residuals * Fraction(4, 3) / occurrences**2)
    half = stats.t.ppf(0.975, 3) * error
    assert sums.interval() == pytest.approx((float(mean) - half, float(mean) + half))


def test_single_occurrences_give_students_interval_of_a_mean():
    scores = np.random.default_rng(0).normal(size=30)
    sums = WordSums()
    for score in scores:
        sums.add(1, score)
    expected = stats.t.interval(0.95, 29, scores.mean(), stats.sem(scores))
    assert sums.interval() == pytest.approx(expected)


def test_no_interval_from_one_text_and_none_of_negative_width():
    once = WordSums()
    once.add(4, 1.0)
    assert all(map(math.isnan, once.interval()))
    same = WordSums()
    for _ in range(1000):
        same.add(1, 0.1)
    low, high = same.interval()
    assert low == pytest.approx(0.1)
    assert low <= high


def test_words_without_score_are_not_counted():
    found = word_statistics([row(["x", "好", "nan"], [0.0, 1.0, math.nan]), row(["y"], [None])])
    assert list(found.words["positive"]) == ["好"]


def test_examples_are_the_texts_in_which_the_word_scores_most():
    scores = [0.1, -0.9, 0.3, 0.8, -0.2]
    rows = [row([str(n), "好", "!"], [0.0, s, 0.0], number=n) for n, s in enumerate(scores)]
    examples = sorted(word_statistics(rows).words["positive"]["好"].examples, reverse=True)
    assert [(example.row, example.score) for example in examples] == [(1, -0.9), (3, 0.8), (2, 0.3)]
    assert (examples[0].before, examples[0].word, examples[0].after) == (("1",), "好", ("!",))


def test_copies_of_a_text_are_one_example():
    rows = [row(["很", "好"], [0.0, 0.5], number=n) for n in range(5)]
    assert len(word_statistics(rows).words["positive"]["好"].examples) == 1


def test_only_the_surroundings_of_a_word_are_kept():
    tokens = [f"w{n}" for n in range(100)]
    (example,) = (
        word_statistics([row(tokens, [0.0] * 50 + [1.0] + [0.0] * 49)])
        .words["positive"]["w50"]
        .examples
    )
    assert (len(example.before), len(example.after)) == (12, 12)
    assert (example.before[-1], example.after[0]) == ("w49", "w51")
