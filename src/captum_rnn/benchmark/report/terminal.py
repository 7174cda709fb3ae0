"""The tables of a comparison for the terminal."""

import textwrap
from collections.abc import Sequence

from rich.cells import cell_len

from captum_rnn.benchmark.report.columns import (
    Column,
    cost_columns,
    failures,
    failures_in,
    hybrid_columns,
    measure_columns,
    shuffled_labels_columns,
    task_columns,
)
from captum_rnn.benchmark.results import ComparisonData
from captum_rnn.visualization.terminal import aligned_text
from captum_rnn.visualization.tokens import visible

_BEST, _TIE = "*", "~"
_WIDTH = 80


def table_text(comparison: ComparisonData) -> str:
    """Tasks with known answers; faithfulness, hybrid documents and cost; sanity.

    The methods stand in the order of their comprehensiveness; 95 % intervals stand below their
    means. With the quick methods no line is wider than 80 columns.

    Returns:
        Lines without a line break at the end.
    """
    faithfulness = measure_columns(comparison, ("comprehensiveness", "spearman_leave_one_out"))
    hybrids, tasks = hybrid_columns(comparison), task_columns(comparison)
    shuffled = shuffled_labels_columns(comparison)
    columns = [*faithfulness, *hybrids, *cost_columns(comparison)[:1]]
    order = columns[0].ordered(method.name for method in comparison.measured)
    parts = ["Tasks with known answers:\n" + _tables(comparison, tasks, order)] if tasks else []
    if order:
        title = "When words are removed:\n" if tasks else ""
        parts += [title + _table(comparison, columns, order)]
    if shuffled:
        parts += [
            "Rank correlation with the scores of the same model trained on shuffled labels\n"
            "(near 1: explains the texts, not what was learnt):\n"
            + _table(comparison, shuffled, order)
        ]
    judged = [*faithfulness, *hybrids, *tasks]
    if any(column.ties_with_best(name) for column in judged for name in column.cells):
        parts += [
            f"{_BEST} the best of its column\n"
            f"{_TIE} not significantly different from the best (paired bootstrap, 95 %)"
        ]
    unsigned = [method.label for method in comparison.measured if not method.signed]
    if unsigned and any("Spearman" in column.heading for column in faithfulness):
        sentence = f"Without sign, Spearman is with the size of the effects: {', '.join(unsigned)}"
        parts += [textwrap.fill(visible(sentence), _WIDTH, subsequent_indent="  ")]
    failed = [
        *comparison.missing,
        *failures(comparison),
        *failures_in(comparison, [*hybrids, *tasks, *shuffled]),
    ]
    if failed:
        parts += ["\n".join(["Not measured:", *map(_wrapped, failed)])]
    return "\n\n".join(parts)


def _wrapped(sentence: str) -> str:
    return textwrap.fill(visible(sentence), _WIDTH, initial_indent="  ", subsequent_indent="    ")


def _tables(comparison: ComparisonData, columns: Sequence[Column], order: Sequence[str]) -> str:
    """Tables below each other, each with as many of the columns as fit a terminal."""
    for number in range(len(columns), 0, -1):
        text = _table(comparison, columns[:number], order)
        if number == 1 or max(map(cell_len, text.splitlines())) <= _WIDTH:
            break
    rest = columns[number:]
    return text + ("\n\n" + _tables(comparison, rest, order) if rest else "")


def _table(comparison: ComparisonData, columns: Sequence[Column], order: Sequence[str]) -> str:
    labels = {method.name: method.label for method in comparison.measured}
    rows = [["", *(column.lines[i] for column in columns)] for i in range(3)]
    if any(column.better for column in columns):
        rows.append(["direction", *(column.better or "" for column in columns)])
    rows = [row for row in rows if any(row)]
    head = len(rows)
    for name in order:
        family, _, variant = labels[name].partition(", ")
        rows.append([family, *(_marked(column, name) for column in columns)])
        intervals = [column.interval(name).replace(" ", "") for column in columns]
        if variant or any(intervals):
            rows.append([variant, *intervals])
    return aligned_text(rows, head=head)


def _marked(column: Column, method: str) -> str:
    mark = _BEST if column.is_best(method) else _TIE if column.ties_with_best(method) else ""
    return mark + column.shown(method)
