import numpy as np
import pytest
from sklearn.metrics import f1_score

from benchmarks.targets.scoring import (
    TargetScore,
    f1_difference_interval,
    f1_interval,
    score_targets,
)
from benchmarks.targets.tags import Tag, Target

A, B, C = (Target(name, Tag.POSITIVE) for name in "ABC")
NEGATIVE_A = Target("A", Tag.NEGATIVE)


def test_counts_by_hand():
    found = [{A, B}, {C}, set(), {NEGATIVE_A}]
    labelled = [{A}, {C, B}, {A}, {A}]
    score = score_targets(found, labelled)
    assert score.correct.tolist() == [1, 1, 0, 0]
    assert score.precision == 2 / 4
    assert score.recall == 2 / 5
    assert score.f1 == pytest.approx(4 / 9)


def test_both_polarities_of_one_name_count_each():
    score = score_targets([{A}], [{A, NEGATIVE_A}])
    assert (score.precision, score.recall) == (1.0, 0.5)


def test_f1_is_that_of_scikit_learn_over_all_possible_targets():
    random = np.random.default_rng(0)
    possible = [A, B, C, NEGATIVE_A]
    ours, theirs = (random.random((2, 30, 4)) < 0.4).tolist()
    pick = [
        [{target for target, is_in in zip(possible, row, strict=True) if is_in} for row in rows]
        for rows in (ours, theirs)
    ]
    expected = f1_score(np.ravel(theirs), np.ravel(ours))
    assert score_targets(*pick).f1 == pytest.approx(expected)


def test_nothing_found_and_nothing_to_find_score_zero():
    score = score_targets([set()], [set()])
    assert (score.precision, score.recall, score.f1) == (0.0, 0.0, 0.0)


def test_intervals():
    always = score_targets([{A}] * 5, [{A}] * 5)
    assert f1_interval(always, seed=0) == (1.0, 1.0)
    half = TargetScore(np.arange(60) % 2, np.ones(60, dtype=int), np.ones(60, dtype=int))
    low, high = f1_interval(half, seed=0)
    # A share of 0.5 over 60 draws has a standard error of 0.0645.
    assert low == pytest.approx(0.5 - 1.96 * 0.0645, abs=0.02)
    assert high == pytest.approx(0.5 + 1.96 * 0.0645, abs=0.02)
    assert f1_interval(half, seed=0) == (low, high)


def test_the_difference_is_paired():
    half = TargetScore(np.arange(60) % 2, np.ones(60, dtype=int), np.ones(60, dtype=int))
    assert f1_difference_interval(half, half, seed=0) == (0.0, 0.0)
    none = TargetScore(np.zeros(60, dtype=int), np.ones(60, dtype=int), np.ones(60, dtype=int))
    low, high = f1_difference_interval(half, none, seed=0)
    assert 0.3 < low < 0.5 < high < 0.7


def test_other_sentences_are_refused():
    with pytest.raises(ValueError, match="1 sentences with found targets and 2"):
        score_targets([set()], [set(), set()])
    one, other = score_targets([{A}], [{A}]), score_targets([{A}], [{A, B}])
    with pytest.raises(ValueError, match="different sentences"):
        f1_difference_interval(one, other, seed=0)
