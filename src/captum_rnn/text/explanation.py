"""One explained text."""

import math
from dataclasses import dataclass
from html import escape
from typing import Any

from captum_rnn.visualization.html import tokens_html
from captum_rnn.visualization.terminal import tokens_text
from captum_rnn.visualization.tokens import visible


@dataclass(frozen=True)
class Explanation:
    """The scores of one text's words, with what the classifier made of the text.

    Attributes:
        text: The text as it was given.
        tokens: The words that were looked at: all of them, or the first ones of a long text.
        scores: The score of each token; 0 for words that the classifier does not know.
        known: Whether each token is in the vocabulary.
        method: Name of the method of the scores.
        predicted_class: The most probable class.
        probability: Its probability, in (0, 1].
        words_cut: Number of words after `tokens` that the classifier did not read.
        target: The class that the scores speak for; None: the predicted one.
        remarks: What else a reader has to know, a sentence each.

    Raises:
        ValueError: `tokens`, `scores` and `known` differ in length.

    Example:
        >>> print(Explanation("很好", ("很", "好"), (0.25, 0.75), (True, True),
        ...                   "hidden-state delta", "positive", 0.9, 0))
        positive (probability 0.90), scored by hidden-state delta
        很      好
        +0.250  +0.750
    """

    text: str
    tokens: tuple[str, ...]
    scores: tuple[float, ...]
    known: tuple[bool, ...]
    method: str
    predicted_class: str
    probability: float
    words_cut: int
    target: str | None = None
    remarks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.tokens) == len(self.scores) == len(self.known):
            raise ValueError(
                f"there are {len(self.tokens)} tokens, {len(self.scores)} scores and "
                f"{len(self.known)} flags of known words; expected one of each for every token"
            )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know beside the scores, a sentence each; mostly empty."""
        notes = list(self.remarks)
        if not self.tokens:
            notes.append("The text is empty: there is nothing to score.")
        elif not any(self.known):
            notes.append("The classifier knows none of these words: all scores are 0.")
        if self.words_cut:
            notes.append(
                f"The classifier read the first {len(self.tokens)} words; the other "
                f"{self.words_cut} were not read."
            )
        return tuple(notes)

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self, *, colour: bool = False, width: int = 80) -> str:
        """Lines for a terminal: the class, the tokens above their scores, the notes.

        Args:
            colour: Use the terminal's colours.
            width: Number of columns of the terminal.
        """
        tokens = []
        if self.tokens:
            tokens = [tokens_text(self.tokens, self.scores, colour=colour, width=width)]
        return "\n".join([self._headline, *tokens, *map(visible, self.notes)])

    def to_html(self) -> str:
        """An HTML fragment with the tokens on the colour of their scores; see `visualization.html`.

        Every part of it that comes from the text, the model or the method is escaped.
        """
        parts = [f"<p>{escape(self._headline)}</p>", tokens_html(self.tokens, self.scores)]
        return "\n".join([*parts, *(f"<p>{escape(visible(note))}</p>" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """All attributes and the notes, in types that JSON has; None for a score of NaN."""
        return {
            "text": self.text,
            "tokens": list(self.tokens),
            "scores": [score if math.isfinite(score) else None for score in self.scores],
            "known": list(self.known),
            "method": self.method,
            "predicted_class": self.predicted_class,
            "probability": self.probability,
            "words_cut": self.words_cut,
            "target": self.target or self.predicted_class,
            "notes": list(self.notes),
        }

    @property
    def _headline(self) -> str:
        predicted, method = visible(self.predicted_class), visible(self.method)
        explained = f" for {visible(self.target)}" if self.target else ""
        return f"{predicted} (probability {self.probability:.2f}), scored{explained} by {method}"
