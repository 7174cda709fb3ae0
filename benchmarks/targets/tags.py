"""Tags on characters, the runs that they form, and the targets that the runs name."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Tag(IntEnum):
    """What a character belongs to: no target, or a target of some polarity.

    Source: Su Jianlin (2016), "基于双向GRU和语言模型的视角情感分析", Scientific Spaces,
    archives/4118, whose fifth tag for padding is not needed where padding is masked.
    """

    NONE = 0
    POSITIVE = 1
    NEUTRAL = 2
    NEGATIVE = 3


POLARITIES = (Tag.POSITIVE, Tag.NEUTRAL, Tag.NEGATIVE)
"""The tags of targets."""


@dataclass(frozen=True)
class Target:
    """Something that a sentence speaks about, and how.

    Attributes:
        name: As it stands in the sentence.
        polarity: One of `POLARITIES`.
    """

    name: str
    polarity: Tag


@dataclass(frozen=True, order=True)
class Span:
    """Neighbouring characters that share a tag.

    Attributes:
        start: Position of the first character.
        stop: Position behind the last one.
        tag: One of `POLARITIES`.
    """

    start: int
    stop: int
    tag: Tag


def target_spans(text: str, targets: Iterable[Target]) -> list[list[Span]]:
    """Where the names of targets stand in a sentence.

    Longer names go first, and an occurrence that overlaps one that is taken does not count: where
    本田 and 东风本田 are both targets, 本田 does not stand in 东风本田. Of two targets of one name
    the first has its places.

    Args:
        text: The sentence.
        targets: Its targets.

    Returns:
        For each target, in the order given, its spans in the order of the text; none for a name
        that is not part of the text.

    Example:
        >>> target_spans("东风本田", [Target("本田", Tag.POSITIVE)])
        [[Span(start=2, stop=4, tag=<Tag.POSITIVE: 1>)]]
    """
    listed = list(targets)
    spans: list[list[Span]] = [[] for _ in listed]
    taken = [False] * len(text)
    for number in sorted(range(len(listed)), key=lambda number: -len(listed[number].name)):
        target = listed[number]
        for start, stop in occurrences(text, [target.name]):
            if not any(taken[start:stop]):
                taken[start:stop] = [True] * (stop - start)
                spans[number].append(Span(start, stop, target.polarity))
    return spans


def tag_characters(text: str, targets: Iterable[Target]) -> list[Tag]:
    """Tags every character of the targets' names; see `target_spans`.

    Args:
        text: The sentence.
        targets: Its targets.

    Returns:
        One tag for each character.

    Example:
        >>> targets = [Target("本田", Tag.POSITIVE), Target("丰田", Tag.NEGATIVE)]
        >>> [int(tag) for tag in tag_characters("爱本田不爱丰田", targets)]
        [0, 1, 1, 0, 0, 3, 3]
    """
    tags = [Tag.NONE] * len(text)
    for spans in target_spans(text, targets):
        for span in spans:
            tags[span.start : span.stop] = [span.tag] * (span.stop - span.start)
    return tags


def occurrences(text: str, names: Collection[str]) -> list[tuple[int, int]]:
    """Where names stand in a text, overlapping ones included.

    Args:
        text: The text.
        names: The names; a set is fastest. Empty ones stand nowhere.

    Returns:
        Start and stop of every occurrence, in the order of their starts, the shortest first.

    Example:
        >>> occurrences("东风本田", {"东风本田", "本田", "丰田"})
        [(0, 4), (2, 4)]
    """
    lengths = sorted({len(name) for name in names} - {0})
    return [
        (start, start + length)
        for start in range(len(text))
        for length in lengths
        if start + length <= len(text) and text[start : start + length] in names
    ]


def runs(tags: Sequence[int]) -> list[Span]:
    """The runs of one tag other than `Tag.NONE`, as long as they can be.

    Args:
        tags: One tag for each character.

    Example:
        >>> [(run.start, run.stop, run.tag.name) for run in runs([0, 1, 1, 3, 0])]
        [(1, 3, 'POSITIVE'), (3, 4, 'NEGATIVE')]
    """
    found = []
    start = 0
    for stop in range(1, len(tags) + 1):
        if stop == len(tags) or tags[stop] != tags[start]:
            if tags[start] != Tag.NONE:
                found.append(Span(start, stop, Tag(tags[start])))
            start = stop
    return found


def named_targets(text: str, spans: Sequence[Span]) -> frozenset[Target]:
    """The targets that spans of a text name, each name once.

    A name with several polarities gets the one that most of its spans have; of equally many, the
    one that comes first in the text.

    Args:
        text: The text.
        spans: Spans of it.

    Example:
        >>> spans = [Span(0, 2, Tag.NEUTRAL), Span(3, 5, Tag.POSITIVE), Span(6, 8, Tag.POSITIVE)]
        >>> named_targets("本田、本田、本田", spans)
        frozenset({Target(name='本田', polarity=<Tag.POSITIVE: 1>)})
    """
    polarities: dict[str, Counter[Tag]] = {}
    for span in sorted(spans):
        polarities.setdefault(text[span.start : span.stop], Counter())[span.tag] += 1
    return frozenset(
        Target(name, counts.most_common(1)[0][0]) for name, counts in polarities.items()
    )
