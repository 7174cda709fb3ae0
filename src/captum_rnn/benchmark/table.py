"""The table of a comparison, for the terminal and for the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from captum_rnn.benchmark.findings import BASELINE, Result, is_ours
from captum_rnn.visualization.tokens import display_width


@dataclass(frozen=True)
class Column:
    """One measure of the table.

    Attributes:
        key: Where it stands in a method's results.
        heading: Its name.
        lines: Its name in three short lines, for the terminal.
        higher_is_better: Which direction is better.
        has_interval: Whether it is a mean with an interval, or a plain number.
        digits: Digits after the point.
    """

    key: str
    heading: str
    lines: tuple[str, str, str]
    higher_is_better: bool
    has_interval: bool
    digits: int

    @property
    def direction(self) -> str:
        """Which direction is better, in words."""
        return "higher is better" if self.higher_is_better else "lower is better"

    def value(self, method: Result) -> float | None:
        """The measure of one method; None where it does not exist."""
        value: float | None = method[self.key]["mean"] if self.has_interval else method[self.key]
        return value

    def shown(self, method: Result) -> str:
        """The measure for people."""
        value = self.value(method)
        return "–" if value is None else self._rounded(value)

    def interval(self, method: Result) -> str:
        """The 95 % interval for people, empty where there is none."""
        if not self.has_interval or method[self.key]["low"] is None:
            return ""
        low, high = (self._rounded(method[self.key][end]) for end in ("low", "high"))
        return f"[{low}, {high}]"

    def _rounded(self, value: float) -> str:
        # Adding zero turns the negative zero that rounding can leave into the positive one.
        return f"{round(value, self.digits) + 0.0:.{self.digits}f}"

    def best(self, methods: Sequence[Result]) -> str:
        """The best value among the methods, as it is shown."""
        values = [
            (value, self.shown(method))
            for method in methods
            if (value := self.value(method)) is not None
        ]
        return (max if self.higher_is_better else min)(values, default=(0.0, ""))[1]


COLUMNS = (
    Column("comprehensiveness", "comprehensiveness", ("", "comprehen-", "siveness"), True, True, 3),
    Column("sufficiency", "sufficiency", ("", "suffi-", "ciency"), False, True, 3),
    Column(
        "spearman_leave_one_out",
        "Spearman with leave-one-out",
        ("Spearman", "with leave-", "one-out"),
        True,
        True,
        2,
    ),
    Column("milliseconds_per_text", "ms a text", ("", "ms", "a text"), False, False, 2),
    Column("forwards", "× one forward", ("", "× one", "forward"), False, False, 1),
)


def table_text(results: Result) -> str:
    """The table as plain text, 80 columns wide with the usual labels; intervals below their means.

    Args:
        results: The answer of `captum_rnn.benchmark.compare.compare`.

    Returns:
        Lines without a line break at the end.
    """
    rows = [["", *(column.lines[i] for column in COLUMNS)] for i in range(3)]
    rows.append(["better is", *("higher" if c.higher_is_better else "lower" for c in COLUMNS)])
    head = len(rows)
    for method in results["methods"]:
        label, _, variant = method["label"].partition(", ")
        rows.append([label, *(column.shown(method) for column in COLUMNS)])
        rows.append([variant, *(_compact(column.interval(method)) for column in COLUMNS)])
    widths = [max(map(display_width, cells)) for cells in zip(*rows, strict=True)]
    lines = [_line(cells, widths) for cells in rows]
    rule = "-" * max(map(display_width, lines))
    return "\n".join([*lines[:head], rule, *lines[head:]])


def _compact(interval: str) -> str:
    """An interval within [-1, 1] without its space and leading zeros."""
    return interval.replace(" ", "").replace("0.", ".")


def _line(cells: list[str], widths: list[int]) -> str:
    padding = [" " * (width - display_width(c)) for c, width in zip(cells, widths, strict=True)]
    numbers = [space + cell for cell, space in zip(cells[1:], padding[1:], strict=True)]
    return "  ".join([cells[0] + padding[0], *numbers]).rstrip()


def table_html(results: Result) -> str:
    """The table as HTML; the best of the methods in each column is bold.

    Random scores cost next to nothing and are no explanation, so they do not compete.

    Args:
        results: The answer of `captum_rnn.benchmark.compare.compare`.

    Returns:
        A `<table>` inside an element that scrolls on narrow screens.
    """
    competing = [method for method in results["methods"] if method["name"] != BASELINE]
    best = [column.best(competing) for column in COLUMNS]
    head = "".join(
        f"<th>{escape(column.heading)}<small>{column.direction}</small></th>" for column in COLUMNS
    )
    rows = "\n".join(
        _row(method, best if method in competing else [""] * len(COLUMNS))
        for method in results["methods"]
    )
    return (
        '<div class="scroll"><table>\n'
        f"<thead><tr><th>method</th>{head}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _row(method: Result, best: Sequence[str]) -> str:
    cells = []
    for column, best_shown in zip(COLUMNS, best, strict=True):
        shown = column.shown(method)
        cell = '<td class="best">' if shown == best_shown else "<td>"
        cells.append(f"{cell}{shown}<small>{column.interval(method)}</small></td>")
    row = '<tr class="ours">' if is_ours(method) else "<tr>"
    return f"{row}<th>{escape(method['label'])}</th>{''.join(cells)}</tr>"
