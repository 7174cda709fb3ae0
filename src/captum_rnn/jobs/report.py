"""What a corpus of scores says about words: one self-contained, searchable HTML page."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from tqdm import tqdm

from captum_rnn.jobs.folder import JobFolder
from captum_rnn.jobs.formats import FORMATS
from captum_rnn.jobs.manifest import Manifest
from captum_rnn.jobs.words import WordExample, WordStatistics, WordSums, word_statistics
from captum_rnn.visualization.colours import score_colour
from captum_rnn.visualization.html import page
from captum_rnn.visualization.templating import template_file
from captum_rnn.visualization.tokens import needs_space, visible

_ROOM = "captum_rnn.jobs"
_TITLE = "What the scores say about words"

_CONTROLS = """<div class="controls" hidden>
<input id="search" type="search" placeholder="Search a word" aria-label="Search a word">
<label>Order <select id="order">
<option value="total">by total score</option>
<option value="mean">by mean score, surest first</option>
<option value="texts">by number of texts</option>
</select></label>
<span id="found" class="note" role="status"></span>
</div>"""

_HOW_TO_READ = """<h2>How to read it</h2>
<dl>
<dt>Class</dt><dd>The class that the classifier predicts for a text. A word's scores in texts of one
class say what it did for that prediction, not what it means elsewhere.</dd>
<dt>Total</dt><dd>The sum of a word's scores over all texts of the class: what it did in the corpus.
Frequent words have large totals.</dd>
<dt>Mean</dt><dd>The mean score of one occurrence, with its 95 % interval, which takes the texts as
independent and the occurrences inside one text as not; copies of a text make it too narrow. With
some hundred words on a page, some intervals miss by chance. The order by mean goes by the end of
the interval nearest to 0, so that rare words do not lead.</dd>
<dt>Texts</dt><dd>Under each word: the texts in which it scores most, all its occurrences
together.</dd>
<dt>Left out</dt><dd>Words that score exactly 0, as those do that the classifier does not know; rows
with an error; words that are among the first in none of the orders.</dd>
</dl>"""


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
        if math.isnan(self.low) or self.low <= 0 <= self.high:
            return 0.0
        return min(abs(self.low), abs(self.high))


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
    body = [f"<h1>{_TITLE}</h1>", _facts(manifest, statistics, rows), _CONTROLS]
    for name in sorted(statistics.words):
        body.append(_section(name, statistics, words))
    if not statistics.words:
        body.append("<p>No text has a score.</p>")
    return page(
        _TITLE,
        "\n".join([*body, _HOW_TO_READ]),
        style=template_file(_ROOM, "report.css"),
        script=template_file(_ROOM, "report.js"),
    )


def _rows(manifest: Manifest, paths: list[Path], bar: "tqdm[None]") -> Iterator[dict[str, Any]]:
    read = FORMATS[manifest.format].read
    for path in paths:
        for row in read(path):
            yield row
            bar.update()


def _facts(manifest: Manifest, statistics: WordStatistics, rows: int) -> str:
    errors = ", ".join(f"{kind} {count:,}" for kind, count in sorted(statistics.errors.items()))
    facts = {
        "Texts": f"{rows:,} rows of {', '.join(file.path for file in manifest.inputs)}",
        "Without scores": errors or "none",
        "Method": str(manifest.options["method"]),
        "Versions": ", ".join(f"{name} {number}" for name, number in manifest.versions.items()),
    }
    entries = "".join(
        f"<dt>{name}</dt><dd>{escape(visible(fact))}</dd>" for name, fact in facts.items()
    )
    return f'<dl class="note facts">{entries}</dl>'


def _section(name: str, statistics: WordStatistics, words: int) -> str:
    lines = _shown(statistics.words[name], words)
    scale = max((abs(line.sums.total) for line in lines), default=0.0) or 1.0
    details = "\n".join(_details(line, scale) for line in lines)
    texts = statistics.texts[name]
    return (
        f"<h2>{escape(visible(name))}</h2>\n"
        f'<p class="note">{texts:,} texts; {len(lines):,} of {len(statistics.words[name]):,} '
        "words. Open a word to see the texts in which it matters most.</p>\n"
        '<div class="words">\n<div class="head" aria-hidden="true"><span>word</span>'
        "<span>total</span><span>mean [95 %]</span><span>texts</span><span>occurrences</span></div>"
        f"\n{details}\n</div>"
    )


def _shown(of_class: dict[str, WordSums], words: int) -> list[_Line]:
    """The first words of each order, by total."""
    lines = [_Line(word, sums, *sums.interval()) for word, sums in of_class.items()]
    sure = [line for line in lines if line.sureness > 0]
    by_total = sorted(lines, key=lambda line: -abs(line.sums.total))
    by_mean = sorted(sure, key=lambda line: -line.sureness)
    by_texts = sorted(lines, key=lambda line: -line.sums.texts)
    chosen = {line.word for order in (by_total, by_mean, by_texts) for line in order[:words]}
    return [line for line in by_total if line.word in chosen]


def _details(line: _Line, scale: float) -> str:
    sums = line.sums
    interval = (
        "" if math.isnan(line.low) else f" <small>[{line.low:+.3f}, {line.high:+.3f}]</small>"
    )
    examples = "".join(map(_example, sorted(sums.examples, reverse=True)))
    return (
        f'<details data-total="{abs(sums.total):.6g}" data-mean="{line.sureness:.6g}" '
        f'data-texts="{sums.texts}"><summary>'
        f'<span><span class="word" style="background:{score_colour(sums.total / scale)}">'
        f"{escape(visible(line.word))}</span></span>"
        f'<span data-name="total">{sums.total:+,.2f}</span>'
        f'<span data-name="mean">{sums.mean:+.3f}{interval}</span>'
        f'<span data-name="texts">{sums.texts:,}</span>'
        f'<span data-name="occurrences">{sums.occurrences:,}</span>'
        f"</summary><ul>{examples}</ul></details>"
    )


def _example(example: WordExample) -> str:
    side = ' class="against"' if example.score < 0 else ""
    return (
        f"<li>{_text(example.before)}<mark{side}>{escape(visible(example.word))}</mark>"
        f"{_text(example.after)} <small>{example.score:+.3f}, {escape(visible(example.source))} "
        f"row {example.row:,}</small></li>"
    )


def _text(tokens: tuple[str, ...]) -> str:
    parts: list[str] = []
    for before, token in zip(("", *tokens), tokens, strict=False):
        parts.append((" " if needs_space(before, token) else "") + visible(token))
    return escape("".join(parts))
