"""The opinion words of a sentence, and the ones that stand nearest to a target."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.targets.tags import Span, Tag
from captum_rnn.text.tokenizer import tokenize

_TAGS = {1: Tag.POSITIVE, -1: Tag.NEGATIVE}
_NEGATORS = frozenset({"不", "没", "没有", "不太", "不怎么", "并不", "毫不", "毫无", "无"})


@dataclass(frozen=True)
class NearestOpinion:
    """The opinion words nearest to a target.

    Attributes:
        same: The nearest one of the target's polarity.
        opposite: The nearest one of the opposite polarity; None if there is none.
    """

    same: Span
    opposite: Span | None


def opinion_words(
    text: str, lexicon: Mapping[str, int], excluded: Sequence[tuple[int, int]] = ()
) -> list[Span]:
    """The opinion words of a sentence.

    The sentence is split into words by jieba; those in the lexicon count. A negator (不, 没有, 毫无
    …) directly before one turns its polarity round and belongs to it.

    Args:
        text: The sentence.
        lexicon: 1 for each positive word and −1 for each negative one; see `opinion_lexicon`.
        excluded: Start and stop of what is no opinion, such as the names of the targets: words
            that overlap it do not count.

    Returns:
        The words in the order of the text, tagged positive or negative.

    Example:
        >>> lexicon = {"喜欢": 1}
        >>> [(word.start, word.stop, word.tag.name) for word in opinion_words("我不喜欢", lexicon)]
        [(1, 4, 'NEGATIVE')]
    """
    found = []
    start, before = 0, ""
    for word in tokenize(text):
        stop = start + len(word)
        if word in lexicon and not any(start < end and begin < stop for begin, end in excluded):
            negated = before in _NEGATORS
            polarity = -lexicon[word] if negated else lexicon[word]
            found.append(Span(start - len(before) * negated, stop, _TAGS[polarity]))
        start, before = stop, word
    return found


def nearest_opinion(target: Sequence[Span], words: Sequence[Span]) -> NearestOpinion | None:
    """The opinion words that stand nearest to a target, by the characters between them.

    Args:
        target: Where the target stands, of one tag.
        words: The opinion words of its sentence; of equally near ones, the first counts.

    Returns:
        None for a target that does not stand in the sentence or is neutral, or if no opinion word
        has its polarity.

    Example:
        >>> words = [Span(0, 2, Tag.POSITIVE), Span(9, 11, Tag.NEGATIVE)]
        >>> nearest_opinion([Span(4, 6, Tag.NEGATIVE)], words).same.start
        9
    """
    if not target:
        return None
    same = [word for word in words if word.tag == target[0].tag]
    if not same:
        return None

    def distance(word: Span) -> int:
        return min(gap(span, word) for span in target)

    opposite = [word for word in words if word.tag != target[0].tag]
    return NearestOpinion(min(same, key=distance), min(opposite, key=distance, default=None))


def gap(span: Span, other: Span) -> int:
    """Number of characters between two spans that do not overlap.

    Example:
        >>> gap(Span(4, 6, Tag.POSITIVE), Span(9, 11, Tag.POSITIVE))
        3
    """
    return max(other.start - span.stop, span.start - other.stop)
