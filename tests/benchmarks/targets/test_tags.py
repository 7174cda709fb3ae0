import itertools

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.targets.tags import (
    Span,
    Tag,
    Target,
    named_targets,
    occurrences,
    runs,
    tag_characters,
)

NONE, POSITIVE, NEUTRAL, NEGATIVE = Tag


def test_the_longer_name_is_tagged_first_whatever_the_order():
    inner, outer = Target("本田", POSITIVE), Target("东风本田", NEGATIVE)
    for targets in ([inner, outer], [outer, inner]):
        assert tag_characters("东风本田和本田", targets) == [
            *[NEGATIVE] * 4,
            NONE,
            *[POSITIVE] * 2,
        ]


def test_every_occurrence_is_tagged_and_what_is_absent_tags_nothing():
    targets = [Target("X5", NEUTRAL), Target("Q7", POSITIVE)]
    assert tag_characters("X5比X5", targets) == [NEUTRAL] * 2 + [NONE] + [NEUTRAL] * 2
    assert tag_characters("", targets) == []


def test_of_two_labels_of_one_name_the_first_decides():
    targets = [Target("本田", NEGATIVE), Target("本田", POSITIVE)]
    assert tag_characters("本田", targets) == [NEGATIVE, NEGATIVE]


def test_partly_overlapping_occurrences_are_not_torn_apart():
    assert tag_characters("甲乙丙", [Target("甲乙", POSITIVE), Target("乙丙", NEGATIVE)]) == [
        POSITIVE,
        POSITIVE,
        NONE,
    ]


def test_occurrences_overlap_and_repeat():
    assert occurrences("aaa", {"a", "aa", ""}) == [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    assert occurrences("本田", set()) == []


@given(st.lists(st.sampled_from(Tag), max_size=12))
def test_runs_rebuild_the_tags_and_no_two_of_one_tag_touch(tags):
    found = runs(tags)
    rebuilt = [NONE] * len(tags)
    for run in found:
        rebuilt[run.start : run.stop] = [run.tag] * (run.stop - run.start)
    assert rebuilt == tags
    assert all(
        first.stop < second.start or first.tag != second.tag
        for first, second in itertools.pairwise(found)
    )


def test_a_name_gets_its_most_frequent_polarity_and_the_first_of_a_tie():
    text = "甲乙甲乙甲"
    spans = [
        Span(4, 5, NEGATIVE),
        Span(0, 1, POSITIVE),
        Span(2, 3, NEGATIVE),
        Span(3, 4, POSITIVE),
        Span(1, 2, NEUTRAL),
    ]
    assert named_targets(text, spans) == {Target("甲", NEGATIVE), Target("乙", NEUTRAL)}
