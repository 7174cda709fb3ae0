import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.targets.tags import Span, Tag, runs
from benchmarks.targets.viterbi import best_path, decode, transition_scores

LONGEST = 6


@st.composite
def problems(draw, with_names=True):
    """Random scores over a text of up to six characters, and random names in it."""
    time = draw(st.integers(1, LONGEST))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    emissions, transitions = random.normal(size=(time, 4)), random.normal(size=(4, 4))
    # The path of no names at all would win nearly always.
    emissions[:, Tag.NONE] -= draw(st.sampled_from([0.0, 2.0]))
    spans = [(i, j) for i in range(time) for j in range(i + 1, time + 1)]
    names = draw(st.lists(st.sampled_from(spans), max_size=6, unique=True)) if with_names else []
    return emissions, transitions, names


def score_of(path, emissions, transitions):
    steps = sum(transitions[a, b] for a, b in itertools.pairwise(path))
    return sum(emissions[t, tag] for t, tag in enumerate(path)) + steps


def is_of_names(path, names):
    """Whether each run of one tag is a listed name, or several that follow each other."""

    def fills(start, stop):
        return start == stop or any(
            begin == start and end <= stop and fills(end, stop) for begin, end in names
        )

    return all(fills(run.start, run.stop) for run in runs(path))


def painted(spans, time):
    path = [0] * time
    for span in spans:
        assert path[span.start : span.stop] == [0] * (span.stop - span.start)
        path[span.start : span.stop] = [int(span.tag)] * (span.stop - span.start)
    return path


@settings(max_examples=60)
@given(problems(with_names=False))
def test_without_names_the_path_is_the_best_of_all(problem):
    emissions, transitions, _ = problem
    paths = itertools.product(range(4), repeat=len(emissions))
    best = max(score_of(path, emissions, transitions) for path in paths)
    found = painted(decode(emissions, transitions), len(emissions))
    assert score_of(found, emissions, transitions) == pytest.approx(best)


@settings(max_examples=60)
@given(problems())
def test_with_names_the_path_is_the_best_of_those_made_of_names(problem):
    emissions, transitions, names = problem
    paths = itertools.product(range(4), repeat=len(emissions))
    best = max(score_of(path, emissions, transitions) for path in paths if is_of_names(path, names))
    spans = decode(emissions, transitions, names)
    assert {(span.start, span.stop) for span in spans} <= set(names)
    found = painted(spans, len(emissions))
    assert is_of_names(found, names)
    assert score_of(found, emissions, transitions) == pytest.approx(best)


def test_overlapping_names_are_not_joined_to_a_run_that_is_no_name():
    emissions = np.zeros((3, 4))
    emissions[:, Tag.POSITIVE] = 1.0
    spans = decode(emissions, np.zeros((4, 4)), [(0, 2), (1, 3)])
    assert len(spans) == 1
    assert (spans[0].start, spans[0].stop) in [(0, 2), (1, 3)]


def test_neighbouring_names_of_one_tag_are_told_apart_by_the_list_alone():
    emissions = np.zeros((4, 4))
    emissions[:, Tag.NEGATIVE] = 1.0
    even = np.zeros((4, 4))
    assert decode(emissions, even) == [Span(0, 4, Tag.NEGATIVE)]
    assert decode(emissions, even, [(2, 4), (0, 2)]) == [
        Span(0, 2, Tag.NEGATIVE),
        Span(2, 4, Tag.NEGATIVE),
    ]


def test_an_empty_list_tags_nothing_and_an_empty_text_has_no_path():
    emissions = np.zeros((3, 4))
    emissions[:, Tag.POSITIVE] = 9.0
    assert decode(emissions, np.zeros((4, 4)), []) == []
    assert decode(np.zeros((0, 4)), np.zeros((4, 4))) == []
    assert decode(np.zeros((0, 4)), np.zeros((4, 4)), []) == []


def test_transitions_are_counted_by_hand():
    # From 0: 0 twice, 1 once; from 1: 1 and 3 once each; from 3: 0 once. One more of each.
    scores = transition_scores([[0, 0, 0, 1, 1, 3, 0], [2]])
    counts = np.array([[3, 2, 1, 1], [1, 2, 1, 2], [1, 1, 1, 1], [2, 1, 1, 1]])
    following = counts / np.array([[7], [6], [4], [5]])
    np.testing.assert_allclose(np.exp(scores), following / (np.array([7, 6, 4, 5]) / 22))


def test_a_forbidden_transition_is_not_taken():
    emissions = np.array([[1.0, 0.0], [0.0, 1.0]])
    steps = np.array([[0.0, -np.inf], [0.0, 0.0]])
    assert best_path(emissions, [steps]) in ([0, 0], [1, 1])


def test_wrong_shapes_and_names_outside_the_text_are_refused():
    with pytest.raises(ValueError, match=r"emissions has shape \(3, 5\)"):
        decode(np.zeros((3, 5)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"transitions \(3, 3\)"):
        decode(np.zeros((3, 4)), np.zeros((3, 3)))
    for name in ((2, 4), (1, 1), (-1, 2)):
        with pytest.raises(ValueError, match="does not lie within a text of 3 characters"):
            decode(np.zeros((3, 4)), np.zeros((4, 4)), [name])
