"""One explained text, and how it shows itself."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captum_rnn.extras import import_extra
from captum_rnn.visualization.colours import TEXT_COLOUR, score_colour
from captum_rnn.visualization.figure import as_written, drawing, empty_figure
from captum_rnn.visualization.html import tokens_html
from captum_rnn.visualization.templating import template_environment
from captum_rnn.visualization.terminal import tokens_rich, tokens_text
from captum_rnn.visualization.tokens import checked_scores, full_scale, visible

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from rich.console import Console, ConsoleOptions, RenderResult

_INCHES_A_TOKEN = 0.55


@dataclass(frozen=True)
class Explanation:
    """The scores of one text's words, with what the classifier made of the text.

    It shows itself: coloured words in a notebook and with `rich.print`, lines with `print`.

    Attributes:
        text: The text as it was given.
        tokens: The words that were looked at: all of them, or the first ones of a long text.
        scores: The score of each token; 0 for words that the classifier does not know.
        known: Whether each token is in the vocabulary.
        method: Name of the method of the scores.
        predicted_class: The most probable class; empty: not told.
        probability: Its probability, in (0, 1]; NaN: not told.
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

    @classmethod
    def of(
        cls,
        tokens: Sequence[str],
        scores: Iterable[float],
        *,
        method: str = "",
        predicted_class: str = "",
        probability: float = math.nan,
        target: str | None = None,
    ) -> "Explanation":
        """The explanation of anybody's model: its tokens and the scores that a method gave them.

        Args:
            tokens: The tokens of one text.
            scores: One number for each: a list, or a row (time,) of what `attribute` returned.
            method: Name of the method.
            predicted_class: Name of the most probable class.
            probability: Its probability.
            target: Name of the class that the scores speak for; None: the predicted one.

        Raises:
            TypeError: `tokens` is one string, or a score is not a number.
            ValueError: There is another number of scores than of tokens.

        Example:
            >>> print(Explanation.of(["very", "good"], [0.25, 0.75], method="logit delta"))
            scored by logit delta
            very    good
            +0.250  +0.750
        """
        numbers = checked_scores(tokens, scores)
        return cls(
            text=" ".join(tokens),
            tokens=tuple(tokens),
            scores=tuple(numbers),
            known=(True,) * len(numbers),
            method=method,
            predicted_class=predicted_class,
            probability=probability,
            words_cut=0,
            target=target,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know besides the scores, a sentence each; mostly empty."""
        notes = list(self.remarks)
        if not any(self.known):
            empty = not "".join(self.tokens).strip()
            notes.append(
                "The text is empty: there is nothing to score."
                if empty
                else "The classifier knows none of these words: all scores are 0."
            )
        if self.words_cut:
            notes.append(
                f"The classifier read the first {len(self.tokens)} words; the other "
                f"{self.words_cut} were not read."
            )
        return tuple(notes)

    def __str__(self) -> str:
        return self.to_text()

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.text import Text

        yield from map(Text, self._headline)
        if self.tokens:
            yield tokens_rich(self.tokens, self.scores, width=options.max_width)
        yield from (Text(visible(note)) for note in self.notes)

    def _repr_html_(self) -> str:
        # A notebook may have a dark theme; the colours of the words are meant for white.
        return f'<div style="background:#ffffff;color:{TEXT_COLOUR}">{self.to_html()}</div>'

    def to_text(self, *, width: int = 80) -> str:
        """Lines for a terminal: the class, the tokens above their scores, the notes.

        Args:
            width: Number of columns of the terminal.
        """
        tokens = [tokens_text(self.tokens, self.scores, width=width)] if self.tokens else []
        return "\n".join([*self._headline, *tokens, *map(visible, self.notes)])

    def to_html(self) -> str:
        """An HTML fragment with the tokens on the colour of their scores; see `visualization.html`.

        Every part of it that comes from the text, the model or the method is escaped.
        """
        return (
            template_environment("captum_rnn.text")
            .get_template("explanation.html")
            .render(
                headline=self._headline,
                tokens=tokens_html(self.tokens, self.scores),
                notes=self.notes,
            )
        )

    def to_frame(self) -> "pd.DataFrame":
        """A pandas table of one row per token: token, score, known.

        Raises:
            ImportError: The extra `benchmark` is not installed.
        """
        pandas = import_extra("pandas", "benchmark", "a table of scores")
        columns = {"token": self.tokens, "score": self.scores, "known": self.known}
        frame: pd.DataFrame = pandas.DataFrame({name: list(of) for name, of in columns.items()})
        return frame

    def to_captum(self) -> Any:
        """A record for `captum.attr.visualization.visualize_text`.

        Its word scores are divided by the strongest, as that function expects; the sum of the
        scores is its `attr_score`. What is not known here, the true class, stays empty.
        """
        import torch
        from captum.attr import visualization

        scores = torch.tensor(self.scores, dtype=torch.float64)
        return visualization.VisualizationDataRecord(
            word_attributions=scores / full_scale(self.scores),
            pred_prob=self.probability,
            pred_class=self.predicted_class,
            true_class="",
            attr_class=self.target or self.predicted_class,
            attr_score=float(scores.sum()),
            raw_input_ids=[visible(token) for token in self.tokens],
            convergence_score=math.nan,
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draws a bar for each token, in the colour of its score.

        Args:
            ax: Where to draw; None: on a figure of its own.

        Returns:
            The Axes.
        """
        words, title = [visible(token) for token in self.tokens], " ".join(self._headline)
        with drawing(*words, title):
            if ax is None:
                width = 1.5 + _INCHES_A_TOKEN * max(len(words), 4)
                ax = empty_figure(width, 2.6, title).add_subplot()
            full = full_scale(self.scores)
            colours = [score_colour(score / full) for score in self.scores]
            places = range(len(words))
            ax.bar(places, self.scores, color=colours, edgecolor=TEXT_COLOUR, linewidth=0.6)
            ax.axhline(0.0, color=TEXT_COLOUR, linewidth=0.8)
            ax.set_xticks(places, words, rotation=45, **as_written(*words))
            for label in ax.get_xticklabels():
                label.set(horizontalalignment="right", rotation_mode="anchor")
            ax.margins(x=0.01)
            ax.set_ylabel("score")
            ax.set_title(title, fontsize=10, **as_written(title))
        return ax

    def to_dict(self) -> dict[str, Any]:
        """All attributes and the notes, in types that JSON has; None for NaN."""
        return {
            "text": self.text,
            "tokens": list(self.tokens),
            "scores": [score if math.isfinite(score) else None for score in self.scores],
            "known": list(self.known),
            "method": self.method,
            "predicted_class": self.predicted_class,
            "probability": None if math.isnan(self.probability) else self.probability,
            "words_cut": self.words_cut,
            "target": self.target or self.predicted_class,
            "notes": list(self.notes),
        }

    def save(self, path: str | Path) -> None:
        """Writes `to_dict` as JSON, for `load`.

        Raises:
            OSError: The file cannot be written.
        """
        content = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, indent=1)
        Path(path).write_text(content + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> "Explanation":
        """Reads what `save` has written, or one object that `captum-rnn explain --json` printed.

        Raises:
            OSError: The file cannot be read.
            ValueError: It holds something else.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            notes, target = tuple(content.pop("notes")), content.pop("target")
            numbers = [math.nan if score is None else float(score) for score in content["scores"]]
            content |= {name: tuple(content[name]) for name in ("tokens", "known")}
            content |= {"scores": tuple(numbers)}
            if content["probability"] is None:
                content["probability"] = math.nan
            plain = cls(**content, target=None if target == content["predicted_class"] else target)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no explanation that was saved here: {error}") from error
        return replace(plain, remarks=tuple(note for note in notes if note not in plain.notes))

    @property
    def _headline(self) -> list[str]:
        """The line above the tokens; none where nothing is told."""
        known = not math.isnan(self.probability)
        predicted = visible(self.predicted_class) if self.predicted_class else ""
        if predicted and known:
            predicted += f" (probability {self.probability:.2f})"
        scored = [f"for {visible(self.target)}"] if self.target else []
        scored += [f"by {visible(self.method)}"] if self.method else []
        line = ", ".join([predicted] * bool(predicted) + [" ".join(["scored", *scored])])
        return [line] if predicted or scored else []
