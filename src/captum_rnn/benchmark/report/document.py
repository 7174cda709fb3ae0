"""The pages of a comparison, from the templates next to this file."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from captum_rnn.benchmark.ground_truth.tasks.bag_of_vectors import BagOfVectorsTask
from captum_rnn.benchmark.measures import MEASURES
from captum_rnn.benchmark.report import pictures
from captum_rnn.benchmark.report.columns import (
    DELETION_KEYS,
    FURTHER_KEYS,
    SANITY_KEYS,
    Column,
    agreement_columns,
    cost_columns,
    failures_in,
    hybrid_columns,
    measure_columns,
    shuffled_labels_columns,
    task_columns,
)
from captum_rnn.benchmark.report.differences import differences
from captum_rnn.benchmark.report.findings import headline
from captum_rnn.benchmark.report.reproduction import reproduction
from captum_rnn.benchmark.results import ComparisonData, MethodResult
from captum_rnn.visualization.chart import cost_figure
from captum_rnn.visualization.curves import curves_figure
from captum_rnn.visualization.figure import drawing, inline_svg
from captum_rnn.visualization.html import legend_html, page, tokens_html
from captum_rnn.visualization.matrix import matrix_figure
from captum_rnn.visualization.templating import template_environment, template_file

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure

_TITLE = "Which method explains it better, and at what cost?"
_ROOM = "captum_rnn.benchmark.report"
_NEW_WORD = re.compile("(?<=[a-z])(?=[A-Z])")


def report_html(comparison: ComparisonData) -> str:
    """The report of a comparison.

    Returns:
        A self-contained HTML document, to be written as UTF-8. Everything in it that comes from
        the texts, the model or a method is escaped.
    """
    answers = [*hybrid_columns(comparison), *task_columns(comparison)]
    shuffled = shuffled_labels_columns(comparison)
    agreement = agreement_columns(comparison)
    of_the_post = [example for example in comparison.examples if example.source == "post"]
    lines, others = pictures.lines_first(comparison)
    body = (
        _environment()
        .get_template("report.html")
        .render(
            title=_TITLE,
            headline=headline(comparison),
            comparison=comparison,
            answers=answers,
            deletion=[*measure_columns(comparison, DELETION_KEYS), *cost_columns(comparison)[:1]],
            further=measure_columns(comparison, FURTHER_KEYS),
            milliseconds=cost_columns(comparison)[1:],
            sanity=measure_columns(comparison, SANITY_KEYS),
            shuffled=shuffled,
            agreement=agreement,
            unavailable=[*comparison.missing, *failures_in(comparison, answers)],
            shuffled_failed=failures_in(comparison, shuffled),
            agreement_failed=failures_in(comparison, agreement),
            bag_of_vectors=BagOfVectorsTask.name,
            differences=differences(comparison),
            cost_svg=_cost_svg(comparison),
            curves_svg=_curves_svg(comparison),
            correlations_svg=_correlations_svg(comparison),
            measures=_explained_measures(comparison),
            of_the_post=of_the_post,
            of_the_corpus=[e for e in comparison.examples if e.source != "post"],
            reproduction=reproduction(of_the_post),
            first_examples=pictures.examples_first(comparison),
            first_methods=lines,
            further_methods=others,
        )
    )
    return page(
        _TITLE,
        body,
        style=template_file(_ROOM, "report.css"),
        script=template_file(_ROOM, "sort.js"),
    )


def notebook_html(comparison: ComparisonData) -> str:
    """What a notebook shows: the headline and the tables, without a page around them."""
    return (
        _environment()
        .get_template("notebook.html")
        .render(
            headline=headline(comparison),
            comparison=comparison,
            answers=[*hybrid_columns(comparison), *task_columns(comparison)],
            deletion=[*measure_columns(comparison, DELETION_KEYS), *cost_columns(comparison)[:1]],
        )
    )


def _environment() -> "Environment":
    environment = template_environment(_ROOM)
    environment.filters |= {"breakable": _breakable, "hyphenated": _hyphenated, "plain": _plain}
    environment.globals |= {
        "rows": _rows,
        "legend": lambda *ends: Markup(legend_html(*ends)),
        "tokens": lambda tokens, scores: Markup(tokens_html(tokens, scores)),
    }
    return environment


def _rows(comparison: ComparisonData, columns: Sequence[Column]) -> list[MethodResult]:
    """The methods in the order of the first column; those that failed come last."""
    names = columns[0].ordered(method.name for method in comparison.measured)
    failed = [method for method in comparison.methods.values() if method.error]
    return [*(comparison.methods[name] for name in names), *failed]


def _breakable(label: str) -> Markup:
    """Names of classes may break where a new word begins."""
    return Markup(_NEW_WORD.sub("<wbr>", str(escape(label))))


def _hyphenated(heading: str) -> Markup:
    """Long names may break where a hyphen is right."""
    return Markup(str(escape(heading)).replace("comprehensiveness", "comprehen&shy;siveness"))


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_plain, value))
    return str(value)


def _explained_measures(comparison: ComparisonData) -> list[tuple[str, str]]:
    """Heading and explanation of each measure that some method has."""
    keys = {key for method in comparison.measured for key in method.measures}
    return [
        (
            measure.heading,
            measure.explanation
            + (f" {measure.better.capitalize()} is better." if measure.better else ""),
        )
        for key, measure in MEASURES.items()
        if key in keys
    ]


def _cost_svg(comparison: ComparisonData) -> Markup | None:
    """Faithfulness against cost; None where nothing was removed."""
    points, floor = pictures.cost_points(comparison)
    return _svg(lambda: cost_figure(points, floor=floor)) if points else None


def _curves_svg(comparison: ComparisonData) -> Markup | None:
    """The deletion and insertion curves; None where they were not measured."""
    panels = pictures.curve_panels(comparison)
    shown, floor = pictures.standing_out(comparison)
    return _svg(lambda: curves_figure(panels, shown=shown, floor=floor)) if panels else None


def _correlations_svg(comparison: ComparisonData) -> Markup | None:
    """Which methods agree; None where no two of them worked."""
    labels, values = pictures.correlation_matrix(comparison)
    return _svg(lambda: matrix_figure(labels, values)) if len(labels) > 1 else None


def _svg(draw: "Callable[[], Figure]") -> Markup:
    with drawing():
        return Markup(inline_svg(draw()))
