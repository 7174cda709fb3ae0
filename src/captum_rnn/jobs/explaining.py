"""Rows of text in, explained rows out: the work of a job, without its files."""

import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from captum_rnn.jobs.rows import ONLY_UNKNOWN, Row
from captum_rnn.jobs.scoring import Scored, Scorer
from captum_rnn.text.batching import length_batches
from captum_rnn.text.pipeline import EncodedTexts, TextClassifier
from captum_rnn.text.vocabulary import UNKNOWN_ID


class Clock:
    """CPU seconds of this process, by what they were spent on.

    Attributes:
        seconds: The seconds so far, by purpose.

    Example:
        >>> clock = Clock()
        >>> with clock.measure("waiting"):
        ...     pass
        >>> list(clock.seconds)
        ['waiting']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def measure(self, purpose: str) -> Iterator[None]:
        """Adds what a `with` block takes to a purpose."""
        start = time.process_time()
        try:
            yield
        finally:
            self.seconds[purpose] += time.process_time() - start

    def add(self, seconds: Mapping[str, float]) -> None:
        """Adds what another clock has measured."""
        for purpose, amount in seconds.items():
            self.seconds[purpose] += amount


@dataclass
class ExplainedRow:
    """One row of the output.

    Attributes:
        id: The id of the input row.
        row: Its number in the input file, from 0.
        tokens: The words that were looked at; None for a row without text.
        scores: The score of each token (time,) in float32; None for a row with an error.
        predicted_class: The most probable class; None for a row with an error.
        probability: Its probability; None for a row with an error.
        words_cut: Number of words after `tokens` that the classifier did not read.
        error: Why there are no scores; None if there are.
    """

    id: str | None
    row: int
    tokens: list[str] | None = None
    scores: "np.ndarray[Any, np.dtype[np.float32]] | None" = None
    predicted_class: str | None = None
    probability: float | None = None
    words_cut: int = 0
    error: str | None = None


def explain_rows(
    rows: Sequence[Row], classifier: TextClassifier, scorer: Scorer, clock: Clock
) -> list[ExplainedRow]:
    """Classifies and scores the texts of some rows, in batches of similar length.

    The batches depend on these rows alone, so the same rows always give the same scores on one
    machine; other rows in the batch change a score by rounding only.

    Args:
        rows: The rows.
        classifier: Splits the texts into words and looks them up.
        scorer: Scores the batches.
        clock: Keeps what each step costs.

    Returns:
        One explained row for each row, in their order.
    """
    explained = [ExplainedRow(row.id, row.number, error=row.problem) for row in rows]
    with_text = [place for place, row in enumerate(rows) if row.text is not None]
    with clock.measure("splitting into words"):
        encoded = classifier.encode([rows[place].text or "" for place in with_text])
    known = (encoded.ids != UNKNOWN_ID).any(dim=1).tolist()
    for position, place in enumerate(with_text):
        row = explained[place]
        row.tokens, row.words_cut = encoded.tokens[position], encoded.cut[position]
        if not known[position]:
            row.error = ONLY_UNKNOWN
    with clock.measure("classifying and scoring"):
        lengths = [len(tokens) for tokens in encoded.tokens]
        readable = [position for position, is_known in enumerate(known) if is_known]
        device = classifier.model.head.weight.device
        for batch in length_batches(lengths, readable):
            ids = _of_batch(encoded, batch, lengths).to(device)
            _fill(
                [explained[with_text[position]] for position in batch],
                [lengths[position] for position in batch],
                scorer(ids),
                classifier.classes,
            )
    return explained


def counts(explained: Sequence[ExplainedRow]) -> Counter[str]:
    """How many rows have each error; `"cut"` counts those that were too long."""
    found = Counter(row.error for row in explained if row.error is not None)
    cut = sum(row.words_cut > 0 for row in explained)
    return found + Counter({"cut": cut})


def _of_batch(encoded: EncodedTexts, batch: list[int], lengths: Sequence[int]) -> Tensor:
    """The ids (batch, time) of a batch, which ends with its longest text."""
    return encoded.ids[batch, : lengths[batch[-1]]]


def _fill(
    rows: Sequence[ExplainedRow], lengths: Sequence[int], scored: Scored, classes: Sequence[str]
) -> None:
    scores = scored.scores.cpu().numpy()
    predicted = scored.predicted.tolist()
    probability = scored.probability.tolist()
    for position, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        row.scores = scores[position, :length]
        row.predicted_class = classes[predicted[position]]
        row.probability = probability[position]
