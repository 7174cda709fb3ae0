"""What a corpus of scores says about words: one self-contained, searchable HTML page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from captum_rnn.jobs.folder import JobFolder
from captum_rnn.jobs.formats import FORMATS
from captum_rnn.jobs.manifest import Manifest
from captum_rnn.jobs.words import WordExample, WordStatistics, WordSums, word_statistics
from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.html import page
from captum_rnn.visualization.templating import template_environment, template_file
from captum_rnn.visualization.tokens import needs_space, visible

_ROOM = "captum_rnn.jobs"
_TITLE = "What the scores say about words"


@dataclass(frozen=True)
class _Line:
    """A word of a class with its numbers."""

    word: str
    sums: WordSums
    low: float
    high: float

    @property
    def sureness(self) -> float:
        """Distance from 0 of the interval's nearest end; 0 if the interval holds 0."""
        if not self.has_interval or self.low <= 0 <= self.high:
            return 0.0
        return min(abs(self.low), abs(self.high))

    @property
    def has_interval(self) -> bool:
        """Whether the word stands in texts enough for an interval."""
        return not math.isnan(self.low)

    @property
    def examples(self) -> list[WordExample]:
        """The texts in which the word scores most, the strongest first."""
        return sorted(self.sums.examples, reverse=True)


@dataclass(frozen=True)
class _Section:
    """What is shown of a class: some of its words, by total."""

    name: str
    texts: int
    words: int
    lines: list[_Line]

    @property
    def scale(self) -> float:
        """The total that is painted in the full colour."""
        return max((abs(line.sums.total) for line in self.lines), default=0.0) or 1.0


def report_html(folder: Path, *, words: int = 300, show_progress: bool = False) -> str:
    """The page of a finished job.

    Memory grows with the vocabulary, not with the corpus.

    Args:
        folder: The output folder of `attribute_files`.
        words: How many words of each class are shown of each order: by total, by mean, by texts.
        show_progress: Show a progress bar on standard error.

    Returns:
        A self-contained HTML document, to be written as UTF-8. Everything in it that comes from the
        texts or the model is escaped.

    Raises:
        ImportError: The parts are Parquet, and pyarrow is not installed.
        OSError: The folder holds no job, or a file cannot be read.
        ValueError: The job is not finished.
    """
    job = JobFolder(folder)
    manifest = job.manifest()
    paths = job.complete_files()
    rows = sum(file.rows for file in manifest.inputs)
    with tqdm(desc="reading", total=rows, unit="row", disable=not show_progress) as bar:
        statistics = word_statistics(_rows(manifest, paths, bar))
    body = (
        template_environment(_ROOM)
        .get_template("report.html")
        .render(
            title=_TITLE,
            facts=_facts(manifest, statistics, rows),
            sections=[_section(name, statistics, words) for name in sorted(statistics.words)],
            colour=score_colour,
            set_as_text=_set_as_text,
        )
    )
    return page(
        _TITLE,
        body,
        style=template_file(_ROOM, "report.css"),
        script=template_file(_ROOM, "report.js"),
    )


def _rows(manifest: Manifest, paths: list[Path], bar: "tqdm[None]") -> Iterator[dict[str, Any]]:
    read = FORMATS[manifest.format].read
    for path in paths:
        for row in read(path):
            yield row
            bar.update()


def _facts(manifest: Manifest, statistics: WordStatistics, rows: int) -> dict[str, str]:
    errors = ", ".join(f"{kind} {count:,}" for kind, count in sorted(statistics.errors.items()))
    return {
        "Texts": f"{rows:,} rows of {', '.join(file.path for file in manifest.inputs)}",
        "Without scores": errors or "none",
        "Method": str(manifest.options["method"]),
        "Versions": ", ".join(f"{name} {number}" for name, number in manifest.versions.items()),
    }


def _section(name: str, statistics: WordStatistics, words: int) -> _Section:
    of_class = statistics.words[name]
    return _Section(name, statistics.texts[name], len(of_class), _shown(of_class, words))


def _shown(of_class: dict[str, WordSums], words: int) -> list[_Line]:
    """The first words of each order, by total."""
    lines = [_Line(word, sums, *sums.interval()) for word, sums in of_class.items()]
    sure = [line for line in lines if line.sureness > 0]
    by_total = sorted(lines, key=lambda line: -abs(line.sums.total))
    by_mean = sorted(sure, key=lambda line: -line.sureness)
    by_texts = sorted(lines, key=lambda line: -line.sums.texts)
    chosen = {line.word for order in (by_total, by_mean, by_texts) for line in order[:words]}
    return [line for line in by_total if line.word in chosen]


def _set_as_text(tokens: tuple[str, ...]) -> str:
    parts: list[str] = []
    for before, token in zip(("", *tokens), tokens, strict=False):
        parts.append((" " if needs_space(before, token) else "") + visible(token))
    return "".join(parts)
