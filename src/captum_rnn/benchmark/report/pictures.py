"""What the pictures of a comparison show: points, curves, correlations and one scored text."""

import math
from collections.abc import Sequence

from captum_rnn.benchmark.methods import QUICK_METHODS
from captum_rnn.benchmark.report.columns import Result, measured
from captum_rnn.benchmark.report.differences import BASELINE, baseline_of, compared
from captum_rnn.visualization.chart import CostPoint
from captum_rnn.visualization.curves import COLOURS, Panel
from captum_rnn.visualization.token_lines import TokenLine

_STANDING_OUT = (
    "hidden-state-delta-l2",
    "hidden-state-delta-projection",
    "integrated-gradients",
    "calibrated-delta",
    "adjoint-delta",
    "relevance-propagation",
    "saliency",
    "word-lexicon",
)


def cost_points(results: Result) -> tuple[list[CostPoint], CostPoint | None]:
    """The methods on the chart of faithfulness against cost, and the random scores under them."""
    baseline = baseline_of(results)
    points = [_point(method) for method in compared(results) if method is not baseline]
    return points, _point(baseline) if baseline else None


def _point(method: Result) -> CostPoint:
    measure = method["measures"]["comprehensiveness"]
    value, low, high = (measure[key] for key in ("mean", "low", "high"))
    return CostPoint(
        method["label"],
        method["cost"]["forwards"],
        value,
        value if low is None else low,
        value if high is None else high,
        ours=method["ours"],
    )


def curve_panels(results: Result) -> list[Panel]:
    """The deletion and the insertion curves; none where they were not measured."""
    panels = (
        ("deletion", "words removed, highest scores first", "words removed (%)"),
        ("insertion", "words put into an empty text, highest first", "words put in (%)"),
    )
    found = [
        Panel(
            title,
            axis,
            {m["label"]: m["curves"][key] for m in measured(results) if key in m["curves"]},
        )
        for key, title, axis in panels
    ]
    return [panel for panel in found if panel.curves]


def standing_out(results: Result) -> tuple[list[str], str | None]:
    """Labels of the methods whose curves have a colour, and of the random scores."""
    methods = measured(results)
    known = [m["label"] for name in _STANDING_OUT for m in methods if m["name"] == name]
    others = [m["label"] for m in methods if m["name"] != BASELINE and m["label"] not in known]
    floor = next((m["label"] for m in methods if m["name"] == BASELINE), None)
    return [*known, *others][: len(COLOURS)], floor


def correlation_matrix(results: Result) -> tuple[list[str], list[list[float]]]:
    """Labels of the methods and their rank correlations, NaN where there is none."""
    labels = {method["name"]: method["label"] for method in results["methods"]}
    correlations = results["correlations"]
    return [labels[name] for name in correlations["methods"]], [
        [math.nan if value is None else value for value in row] for row in correlations["spearman"]
    ]


def example_lines(results: Result) -> list[TokenLine]:
    """One short text under the quick methods, or under all where none of those is there.

    The first sentence of the post; without it, the shortest of the texts that were drawn.

    Args:
        results: The answer of `captum_rnn.benchmark.compare`.

    Returns:
        A line for each method that scored the text; none where there is no text.
    """
    of_the_post = [e for e in results["examples"] if e["source"] == "post"]
    drawn = sorted(results["examples"], key=lambda example: len(example["tokens"]))
    example = next(iter([*of_the_post, *drawn]), None)
    if example is None:
        return []
    first, others = quick_first(results)
    return [
        TokenLine(method["label"], example["tokens"], as_numbers(example["scores"][method["name"]]))
        for method in first or others
        if method["name"] in example["scores"]
    ]


def quick_first(results: Result) -> tuple[list[Result], list[Result]]:
    """The quick methods, and the others."""
    methods = results["methods"]
    return (
        [method for method in methods if method["name"] in QUICK_METHODS],
        [method for method in methods if method["name"] not in QUICK_METHODS],
    )


def as_numbers(scores: Sequence[float | None]) -> list[float]:
    """Scores where NaN, which JSON cannot say, is null."""
    return [math.nan if score is None else score for score in scores]
