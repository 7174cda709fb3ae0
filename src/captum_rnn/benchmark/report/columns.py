"""What the tables of a comparison show: one column a measure, one cell a method."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from captum_rnn.benchmark.measures import MEASURES

Result = Mapping[str, Any]
Direction = Literal["higher", "lower"]

DELETION_KEYS = ("comprehensiveness", "sufficiency", "spearman_leave_one_out", "decision_flip")
FURTHER_KEYS = (
    "deletion_area",
    "insertion_area",
    "comprehensiveness_replaced",
    "sufficiency_replaced",
    "spearman_replacement",
)
SANITY_KEYS = (
    "randomised_head",
    "randomised_layer",
    "randomised_all",
    "completeness_error",
    "sensitivity",
    "infidelity",
    "last_fifth",
)
_TWO_DIGITS = {"spearman_leave_one_out", "spearman_replacement", "randomised_head"} | {
    "randomised_layer",
    "randomised_all",
    "last_fifth",
    "decision_flip",
    "sensitivity",
}
_HYBRID = {
    "top": ("hybrid, top word", ("", "hybrid,", "top")),
    "bottom": ("hybrid, bottom word", ("", "hybrid,", "bottom")),
}
_AGREEMENT = {
    "token_f1": "token F1",
    "average_precision": "average precision",
    "pointing": "pointing",
    "sign": "sign",
}


@dataclass(frozen=True)
class Cell:
    """A number of one method.

    Attributes:
        value: The number, or the mean over the texts.
        low: Lower end of its 95 % interval; None where it has none.
        high: Upper end of the interval.
        tied: Whether the best method of the column is not better on the same texts; None where
            that was not asked.
    """

    value: float
    low: float | None = None
    high: float | None = None
    tied: bool | None = None


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        heading: Its name.
        lines: Its name in three short lines, for the terminal.
        better: Which direction is better; None where neither is, or nobody competes.
        cells: The cell of each method that has one, by the method's name.
        digits: Digits after the point.
        errors: Why a method has no cell, by its name.
    """

    heading: str
    lines: tuple[str, str, str]
    better: Direction | None
    cells: Mapping[str, Cell]
    digits: int
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def direction(self) -> str:
        """Which direction is better, in words; empty where neither is."""
        return f"{self.better} is better" if self.better else ""

    def shown(self, method: str) -> str:
        """The number of a method for people, a dash where it has none."""
        cell = self.cells.get(method)
        return "–" if cell is None else self.rounded(cell.value)

    def interval(self, method: str) -> str:
        """The 95 % interval for people, without leading zeros; empty where there is none."""
        cell = self.cells.get(method)
        if cell is None or cell.low is None or cell.high is None:
            return ""
        ends = f"[{self.rounded(cell.low)}, {self.rounded(cell.high)}]"
        return ends.replace("[0.", "[.").replace(" 0.", " .").replace("-0.", "-.")

    def rounded(self, value: float) -> str:
        """A number with the digits of the column."""
        # Adding zero turns the negative zero that rounding can leave into the positive one.
        return f"{round(value, self.digits) + 0.0:.{self.digits}f}"

    def is_best(self, method: str) -> bool:
        """Whether no method of the column has a better number, as far as the digits show."""
        if self.better is None or method not in self.cells:
            return False
        choose = max if self.better == "higher" else min
        best = choose(cell.value for cell in self.cells.values())
        return self.shown(method) == self.rounded(best)

    def ties_with_best(self, method: str) -> bool:
        """Whether a method that is not the best cannot be told apart from it on these texts."""
        cell = self.cells.get(method)
        return cell is not None and bool(cell.tied) and not self.is_best(method)

    def ordered(self, methods: Iterable[str]) -> list[str]:
        """The methods, the best first (the lowest where nobody competes), those without last."""
        sign = -1 if self.better == "higher" else 1

        def place(method: str) -> tuple[bool, float]:
            cell = self.cells.get(method)
            return cell is None, 0.0 if cell is None else sign * cell.value

        return sorted(methods, key=place)


def measured(results: Result) -> list[Result]:
    """The methods that did their work."""
    return [method for method in results["methods"] if method["error"] is None]


def measure_columns(results: Result, keys: Iterable[str]) -> list[Column]:
    """Columns of the measures that some method has.

    Args:
        results: The answer of `captum_rnn.benchmark.compare`.
        keys: Keys of `captum_rnn.benchmark.measures.MEASURES`.

    Returns:
        The columns, in the order of the keys.
    """
    columns = []
    for key in keys:
        cells = _cells({m["name"]: m["measures"].get(key) for m in measured(results)})
        if cells:
            heading = MEASURES[key].heading
            digits = 2 if key in _TWO_DIGITS else 3
            columns.append(Column(heading, _lines(key), MEASURES[key].better, cells, digits))
    return columns


def cost_columns(results: Result) -> list[Column]:
    """Columns of what the methods cost; nobody competes, since doing nothing is the cheapest."""
    facts = (
        ("× one forward", ("", "× one", "forward"), "forwards", 1),
        ("ms a text", ("", "ms", "a text"), "milliseconds_per_text", 1),
    )
    return [
        Column(
            heading,
            lines,
            None,
            {method["name"]: Cell(float(method["cost"][key])) for method in measured(results)},
            digits,
        )
        for heading, lines, key, digits in facts
    ]


def hybrid_columns(results: Result) -> list[Column]:
    """Columns of the hybrid documents; none where there are none."""
    section = results.get("hybrids")
    if not section:
        return []
    return [
        _section_column(section["methods"], key, heading, lines)
        for key, (heading, lines) in _HYBRID.items()
    ]


def task_columns(results: Result) -> list[Column]:
    """One column for each white-box task, kind and net that was solved; none where none was."""
    entries = [entry for entry in results.get("known_answers") or [] if entry["solved"]]
    kinds: dict[str, set[str]] = {}
    for entry in entries:
        kinds.setdefault(entry["task"], set()).add(entry["kind"])
    several_nets = len({entry["net"] for entry in entries}) > 1
    columns = []
    for entry in entries:
        kind = entry["kind"].upper() if len(kinds[entry["task"]]) > 1 else ""
        net = f"net {entry['net']}" if several_nets else ""
        first, *rest = entry["task"].split("-")
        details = ", ".join(filter(None, (kind, net)))
        lines = (first, " ".join(rest) or details, details if rest else "")
        heading = ", ".join(filter(None, (entry["task"].replace("-", " "), kind, net)))
        columns.append(_section_column(entry["methods"], entry["measure"], heading, lines))
    return columns


def shuffled_labels_columns(results: Result) -> list[Column]:
    """The column of the net trained on shuffled labels; none where there was none."""
    section = results.get("shuffled_labels")
    if not section:
        return []
    heading, lines = "rank correlation, shuffled labels", ("rank corr.,", "shuffled", "labels")
    return [_section_column(section["methods"], "rank_correlation", heading, lines, None)]


def agreement_columns(results: Result) -> list[Column]:
    """Columns of the agreement with people's marks and with the lexicon."""
    columns = []
    for section, source in (("marks", "marked words"), ("lexicon", "lexicon")):
        methods = (results.get(section) or {"methods": {}})["methods"]
        for key, heading in _AGREEMENT.items():
            name = f"{source}: {heading}"
            column = _section_column(methods, key, name, ("", source, heading))
            if column.cells:
                columns.append(column)
    return columns


def _section_column(
    methods: Mapping[str, Result],
    key: str,
    heading: str,
    lines: tuple[str, str, str],
    better: Direction | None = "higher",
) -> Column:
    """A column of what `judge_methods` found."""
    cells = _cells({name: found["measures"].get(key) for name, found in methods.items()})
    errors = {name: found["error"] for name, found in methods.items() if found["error"]}
    return Column(heading, lines, better, cells, 2, errors)


def _cells(summaries: Mapping[str, Result | None]) -> dict[str, Cell]:
    return {
        name: Cell(
            float(summary["mean"]), summary["low"], summary["high"], summary["ties_with_best"]
        )
        for name, summary in summaries.items()
        if summary is not None and summary["mean"] is not None
    }


def _lines(key: str) -> tuple[str, str, str]:
    """A heading in three lines for the terminal."""
    short: dict[str, tuple[str, str, str]] = {
        "comprehensiveness": ("", "comprehen-", "siveness"),
        "spearman_leave_one_out": ("Spearman", "with leave-", "one-out"),
    }
    return short.get(key, ("", "", MEASURES[key].heading))


def failures(results: Result) -> list[str]:
    """Why methods have no number at all, in sentences of plain text."""
    return [f"{m['label']}: {m['error']}" for m in results["methods"] if m["error"]]


def missing(results: Result) -> list[str]:
    """What was asked for and could not be had, in sentences of plain text."""
    return list(results.get("missing") or [])


def failures_in(results: Result, columns: Sequence[Column]) -> list[str]:
    """Why methods that did their work have no number in some columns.

    Args:
        results: The answer of `captum_rnn.benchmark.compare`.
        columns: Columns of other texts, on which a method can fail that works elsewhere.

    Returns:
        Sentences of plain text, one for each method and reason.
    """
    sentences = []
    for method in measured(results):
        where: dict[str, list[str]] = {}
        for column in columns:
            if method["name"] in column.errors:
                where.setdefault(column.errors[method["name"]], []).append(column.heading)
        sentences += [
            f"{method['label']} ({'; '.join(headings)}): {reason}"
            for reason, headings in where.items()
        ]
    return sentences
