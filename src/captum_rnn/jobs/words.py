"""What a corpus of scores says about words: sums that grow with the vocabulary, not the corpus."""

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from captum_rnn.extras import import_extra

_EXAMPLES = 3
_WORDS_AROUND = 12


@dataclass(frozen=True, order=True)
class WordExample:
    """A text in which a word matters.

    Attributes:
        size: The magnitude of `score`, by which examples are ordered.
        score: What the word scores in this text, all its occurrences together.
        before: Up to 12 words before its first occurrence.
        word: The word.
        after: Up to 12 words after it.
        source: The input file.
        row: The row's number in it.
    """

    size: float
    score: float
    before: tuple[str, ...]
    word: str
    after: tuple[str, ...]
    source: str
    row: int


@dataclass
class WordSums:
    """Sums over the texts of one predicted class that hold one word.

    Attributes:
        texts: Number of texts with the word.
        occurrences: Σ n_i, n_i being how often text i has the word.
        total: Σ s_i, s_i being what the word scores in text i, all its occurrences together.
        squares: Σ s_i².
        products: Σ s_i n_i.
        count_squares: Σ n_i².
        examples: The texts with the largest |s_i|, as a heap.
    """

    texts: int = 0
    occurrences: int = 0
    total: float = 0.0
    squares: float = 0.0
    products: float = 0.0
    count_squares: int = 0
    examples: list[WordExample] = field(default_factory=list)

    def add(self, count: int, score: float) -> None:
        """Adds a text.

        Args:
            count: How often it has the word, n_i.
            score: What the word scores in it, s_i.
        """
        self.texts += 1
        self.occurrences += count
        self.total += score
        self.squares += score * score
        self.products += score * count
        self.count_squares += count * count

    @property
    def mean(self) -> float:
        """The mean score of an occurrence, Σ s_i / Σ n_i."""
        return self.total / self.occurrences

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        r"""The interval of the mean; NaN with fewer than two texts.

        Occurrences in one text are not independent, texts are taken to be. So the variance is that
        of a ratio of two sums over texts,

        .. math:: \frac{G}{G-1} \frac{\sum_i (s_i - m n_i)^2}{(\sum_i n_i)^2},

        with m the mean and G the number of texts, and the interval Student's with G − 1 degrees of
        freedom (Cochran, "Sampling Techniques", 1977, chapter 6).

        Args:
            confidence: The share of such intervals that hold the mean, in (0, 1).

        Example:
            >>> sums = WordSums()
            >>> for score in (1.0, 2.0, 3.0):
            ...     sums.add(1, score)
            >>> [round(end, 3) for end in sums.interval()]
            [-0.484, 4.484]
        """
        if self.texts < 2:
            return math.nan, math.nan
        residuals = self.squares - 2 * self.mean * self.products + self.mean**2 * self.count_squares
        # The difference of large sums may be a little below 0.
        variance = max(residuals, 0.0) * self.texts / (self.texts - 1) / self.occurrences**2
        stats = import_extra("scipy.stats", "benchmark", "the interval of a mean score")
        half = float(stats.t.ppf((1 + confidence) / 2, self.texts - 1)) * math.sqrt(variance)
        return self.mean - half, self.mean + half


@dataclass
class WordStatistics:
    """Statistics of a corpus of explained rows.

    Attributes:
        words: The sums by predicted class and word. Words that score exactly 0, as those do that
            the classifier does not know, are not counted.
        texts: Number of scored texts of each predicted class.
        errors: Number of rows with each error.
    """

    words: dict[str, dict[str, WordSums]] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)

    def add(self, row: Mapping[str, Any]) -> None:
        """Adds one row of the output of a job, by column."""
        error = row["error"]
        if error is not None:
            self.errors[error] = self.errors.get(error, 0) + 1
            return
        predicted = row["predicted_class"]
        self.texts[predicted] = self.texts.get(predicted, 0) + 1
        words = self.words.setdefault(predicted, {})
        for word, (count, score, place) in _by_word(row["tokens"], row["scores"]).items():
            sums = words.setdefault(word, WordSums())
            sums.add(count, score)
            _keep_example(sums.examples, row, score, place)


def word_statistics(rows: Iterable[Mapping[str, Any]]) -> WordStatistics:
    """The statistics of all rows of a job's output.

    Args:
        rows: The rows, by column.

    Example:
        >>> row = {"error": None, "predicted_class": "positive", "tokens": ["很", "好", "好"],
        ...        "scores": [0.0, 0.5, 0.25], "source": "a.csv", "row": 0}
        >>> sums = word_statistics([row]).words["positive"]["好"]
        >>> sums.occurrences, sums.total, sums.mean
        (2, 0.75, 0.375)
    """
    statistics = WordStatistics()
    for row in rows:
        statistics.add(row)
    return statistics


def _by_word(tokens: list[str], scores: list[float | None]) -> dict[str, tuple[int, float, int]]:
    """How often each word of a text occurs, what it scores and where it stands first."""
    found: dict[str, tuple[int, float, int]] = {}
    for place, (token, score) in enumerate(zip(tokens, scores, strict=True)):
        if score and math.isfinite(score):
            count, total, first = found.get(token, (0, 0.0, place))
            found[token] = (count + 1, total + score, first)
    return found


def _keep_example(
    examples: list[WordExample], row: Mapping[str, Any], score: float, place: int
) -> None:
    if len(examples) == _EXAMPLES and abs(score) <= examples[0].size:
        return
    tokens = row["tokens"]
    before = tuple(tokens[max(0, place - _WORDS_AROUND) : place])
    after = tuple(tokens[place + 1 : place + 1 + _WORDS_AROUND])
    if any((before, after) == (example.before, example.after) for example in examples):
        return  # a copy of a text says nothing new
    example = WordExample(
        abs(score), score, before, tokens[place], after, row["source"], row["row"]
    )
    if len(examples) < _EXAMPLES:
        heapq.heappush(examples, example)
    else:
        heapq.heapreplace(examples, example)
