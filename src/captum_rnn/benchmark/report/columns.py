"""What the tables of a comparison show: one column a measure, one cell a method."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from captum_rnn.benchmark.measures import MEASURES
from captum_rnn.benchmark.results import ComparisonData, MeasuredMean, MethodScores
from captum_rnn.evaluation.agreement.correlations import PEARSON, RANK_CORRELATION
from captum_rnn.evaluation.measure import Direction, Measure
from captum_rnn.evaluation.plausibility.marks import AVERAGE_PRECISION, POINTING, SIGN, TOKEN_F1
from captum_rnn.evaluation.plausibility.segments import BOTTOM, TOP

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
_TASK_MEASURES = {measure.key: measure for measure in (PEARSON, AVERAGE_PRECISION)}
_AGREEMENT = (TOKEN_F1, AVERAGE_PRECISION, POINTING, SIGN)


@dataclass(frozen=True)
class Cell:
    """A number of one method.

    Attributes:
        value: The number, or the mean over the texts.
        low: Lower end of its 95 % interval; NaN where it has none.
        high: Upper end of the interval.
        tied: Whether the method is not significantly different from the best of the column; None
            where nobody competes.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
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
        """The number of a method as it is shown, a dash where it has none."""
        cell = self.cells.get(method)
        return "–" if cell is None else self.rounded(cell.value)

    def interval(self, method: str) -> str:
        """The 95 % interval as it is shown, without leading zeros; empty where there is none."""
        cell = self.cells.get(method)
        if cell is None or math.isnan(cell.low) or math.isnan(cell.high):
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
        """Whether a method that is not the best is not significantly different from it."""
        cell = self.cells.get(method)
        return cell is not None and bool(cell.tied) and not self.is_best(method)

    def ordered(self, methods: Iterable[str]) -> list[str]:
        """The methods, the best first (the lowest where nobody competes), those without last."""
        sign = -1 if self.better == "higher" else 1

        def place(method: str) -> tuple[bool, float]:
            cell = self.cells.get(method)
            return cell is None, 0.0 if cell is None else sign * cell.value

        return sorted(methods, key=place)


def measure_columns(comparison: ComparisonData, keys: Iterable[str]) -> list[Column]:
    """Columns of the measures that some method has.

    Args:
        comparison: The comparison.
        keys: Keys of `captum_rnn.benchmark.measures.MEASURES`.

    Returns:
        The columns, in the order of the keys.
    """
    columns = []
    for key in keys:
        cells = _cells({method.name: method.measures.get(key) for method in comparison.measured})
        if cells:
            heading = MEASURES[key].heading
            digits = 2 if key in _TWO_DIGITS else 3
            columns.append(Column(heading, _lines(key), MEASURES[key].better, cells, digits))
    return columns


def cost_columns(comparison: ComparisonData) -> list[Column]:
    """Columns of what the methods cost; nobody competes, since doing nothing is the cheapest."""
    costs = {method.name: method.cost for method in comparison.measured if method.cost}
    forwards = {name: Cell(cost.forwards) for name, cost in costs.items()}
    milliseconds = {name: Cell(cost.milliseconds_per_text) for name, cost in costs.items()}
    return [
        Column("× forward pass", ("×", "forward", "pass"), None, forwards, 1),
        Column("ms per text", ("", "ms", "per text"), None, milliseconds, 1),
    ]


def hybrid_columns(comparison: ComparisonData) -> list[Column]:
    """Columns of the hybrid documents; none where there are none."""
    if comparison.hybrids is None:
        return []
    return [
        _column(comparison.hybrids.methods, measure, ("", "hybrid,", measure.key))
        for measure in (TOP, BOTTOM)
    ]


def task_columns(comparison: ComparisonData) -> list[Column]:
    """One column for each task with known answers, kind and model that solved it."""
    solved = [result for result in comparison.known_answers if result.solved]
    kinds: dict[str, set[str]] = {}
    for result in solved:
        kinds.setdefault(result.task, set()).add(result.kind)
    several_seeds = len({result.seed for result in solved}) > 1
    columns = []
    for result in solved:
        kind = result.kind.upper() if len(kinds[result.task]) > 1 else ""
        seed = f"seed {result.seed}" if several_seeds else ""
        first, *rest = result.task.split("-")
        details = ", ".join(filter(None, (kind, seed)))
        lines = (first, " ".join(rest) or details, details if rest else "")
        heading = ", ".join(filter(None, (result.task.replace("-", " "), kind, seed)))
        measure = replace(_TASK_MEASURES[result.measure], heading=heading)
        columns.append(_column(result.methods, measure, lines))
    return columns


def shuffled_labels_columns(comparison: ComparisonData) -> list[Column]:
    """The column of the model trained on shuffled labels; none where there was none."""
    if comparison.shuffled_labels is None:
        return []
    measure = replace(RANK_CORRELATION, heading="rank correlation, shuffled labels")
    methods = comparison.shuffled_labels.methods
    return [_column(methods, measure, ("rank corr.,", "shuffled", "labels"))]


def agreement_columns(comparison: ComparisonData) -> list[Column]:
    """Columns of the agreement with people's marks and with the lexicon."""
    sources = (("marked words", comparison.marks), ("lexicon", comparison.lexicon))
    columns = [
        _column(
            found.methods,
            replace(measure, heading=f"{source}: {measure.heading}"),
            ("", source, measure.heading),
        )
        for source, found in sources
        if found is not None
        for measure in _AGREEMENT
    ]
    return [column for column in columns if column.cells]


def _column(
    methods: Mapping[str, MethodScores], measure: Measure, lines: tuple[str, str, str]
) -> Column:
    """The column of a measure of some texts."""
    cells = _cells({name: scores.measures.get(measure.key) for name, scores in methods.items()})
    errors = {name: scores.error for name, scores in methods.items() if scores.error}
    return Column(measure.heading, lines, measure.better, cells, 2, errors)


def _cells(means: Mapping[str, MeasuredMean | None]) -> dict[str, Cell]:
    return {
        name: Cell(found.mean, found.low, found.high, found.tied_with_best)
        for name, found in means.items()
        if found is not None and not math.isnan(found.mean)
    }


def _lines(key: str) -> tuple[str, str, str]:
    """A heading in three lines for the terminal."""
    short: dict[str, tuple[str, str, str]] = {
        "comprehensiveness": ("", "comprehen-", "siveness"),
        "spearman_leave_one_out": ("Spearman", "with leave-", "one-out"),
    }
    return short.get(key, ("", "", MEASURES[key].heading))


def failures(comparison: ComparisonData) -> list[str]:
    """Why methods have no number at all, in sentences of plain text."""
    methods = comparison.methods.values()
    return [f"{method.label}: {method.error}" for method in methods if method.error]


def failures_in(comparison: ComparisonData, columns: Sequence[Column]) -> list[str]:
    """Why methods that did their work have no number in some columns.

    Args:
        comparison: The comparison.
        columns: Columns of other texts, on which a method can fail that works elsewhere.

    Returns:
        Sentences of plain text, one for each method and reason.
    """
    sentences = []
    for method in comparison.measured:
        where: dict[str, list[str]] = {}
        for column in columns:
            if method.name in column.errors:
                where.setdefault(column.errors[method.name], []).append(column.heading)
        sentences += [
            f"{method.label} ({'; '.join(headings)}): {reason}"
            for reason, headings in where.items()
        ]
    return sentences
