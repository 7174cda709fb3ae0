"""The words that a classifier knows, and their ids."""

import functools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

UNKNOWN_ID = 0


@dataclass(frozen=True)
class Vocabulary:
    """Words with the ids 1, 2, 3 …; id 0 is padding and every word that is not among them.

    Attributes:
        words: The words in the order of their ids, each once.

    Raises:
        ValueError: There is no word, a word stands twice, is empty, or cannot be one line of a
            UTF-8 file.

    Example:
        >>> vocabulary = Vocabulary(("好", "差"))
        >>> vocabulary.encode(["很", "好", "差"])
        [0, 1, 2]
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.words:
            raise ValueError("the vocabulary has no words; expected at least one")
        for word in self.words:
            if not is_storable(word):
                raise ValueError(
                    f"the vocabulary holds {word!r}; expected words that are not empty and fit on "
                    "one line of a UTF-8 file"
                )
        if len(self.ids) < len(self.words):
            twice = next(word for word, count in Counter(self.words).items() if count > 1)
            raise ValueError(f"the vocabulary holds {twice!r} twice; expected each word once")

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[Sequence[str]],
        *,
        minimum_count: int = 10,
        maximum_words: int | None = None,
    ) -> "Vocabulary":
        """Collects the words that occur often enough.

        The most frequent word has id 1; words of one frequency stand in the order of their code
        points, so the same texts in any order give the same vocabulary. Whitespace stays unknown,
        and so do words that cannot be one line of a UTF-8 file (lone surrogates).

        Args:
            texts: The words of each text.
            minimum_count: How often a word has to occur over all texts, 1 or more.
            maximum_words: Keep no more than this many, the most frequent ones; `None`: all.

        Returns:
            The vocabulary.

        Raises:
            ValueError: `minimum_count` or `maximum_words` is below 1, or no word occurs that often.

        Example:
            >>> Vocabulary.from_texts([["很", "好"], ["很", "差"]], minimum_count=2).words
            ('很',)
        """
        for name, value in (("minimum_count", minimum_count), ("maximum_words", maximum_words)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}; expected 1 or more")
        counts = Counter(word for words in texts for word in words)
        kept = [
            word
            for word, count in counts.items()
            if count >= minimum_count and not word.isspace() and is_storable(word)
        ]
        if not kept:
            raise ValueError(
                f"none of the {len(counts)} distinct words of the texts occurs {minimum_count} "
                "times; give more texts or a smaller minimum_count"
            )
        by_frequency = sorted(kept, key=lambda word: (-counts[word], word))
        return cls(tuple(by_frequency[:maximum_words]))

    @functools.cached_property
    def ids(self) -> Mapping[str, int]:
        """The id of each word, from 1."""
        return {word: number for number, word in enumerate(self.words, start=1)}

    def __len__(self) -> int:
        """Number of words, padding not counted."""
        return len(self.words)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """The id of each token; `UNKNOWN_ID` (0) for a word that is not in the vocabulary."""
        id_of = self.ids.get
        return [id_of(token, UNKNOWN_ID) for token in tokens]

    def save(self, path: Path) -> None:
        """Writes the words to a UTF-8 file, one a line, in the order of their ids."""
        path.write_text("".join(f"{word}\n" for word in self.words), encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        """Reads what `save` wrote.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is not UTF-8, not one word a line, or cut off.
        """
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{path} is not UTF-8 at byte {error.start}; expected one word a line, as "
                "Vocabulary.save writes them"
            ) from error
        # A checkout may have turned the line ends into \r\n; no word holds either character.
        lines = text.replace("\r\n", "\n").split("\n")
        if lines.pop():
            raise ValueError(
                f"the last line of {path} does not end, so the file is cut off; copy it again"
            )
        try:
            return cls(tuple(lines))
        except ValueError as error:
            raise ValueError(f"{path} is not a vocabulary: {error}") from error


def is_storable(word: str) -> bool:
    r"""Whether a word can be one line of a UTF-8 file.

    Example:
        >>> is_storable("好"), is_storable("\u2028"), is_storable("\ud800"), is_storable("")
        (True, False, False, False)
    """
    if word.splitlines() != [word]:
        return False
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
