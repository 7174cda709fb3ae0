"""What the pictures of a comparison show: points, curves, correlations and one scored text."""

import math

from captum_rnn.benchmark.methods import QUICK_METHODS
from captum_rnn.benchmark.report.differences import BASELINE, baseline_of, compared, ranked
from captum_rnn.benchmark.results import ComparisonData, Example, MethodResult
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
_LINES = ("integrated-gradients", "hidden-state-delta-l2")
_EXAMPLES = 2
_FEWEST_WORDS = 8


def cost_points(comparison: ComparisonData) -> tuple[list[CostPoint], CostPoint | None]:
    """The methods on the chart of faithfulness against cost, and the random scores under them."""
    baseline = baseline_of(comparison)
    points = [_point(method) for method in compared(comparison) if method is not baseline]
    return points, _point(baseline) if baseline else None


def _point(method: MethodResult) -> CostPoint:
    found = method.measures["comprehensiveness"]
    assert method.cost is not None  # which every method has that did its work
    return CostPoint(
        method.label,
        method.cost.forwards,
        found.mean,
        found.mean if math.isnan(found.low) else found.low,
        found.mean if math.isnan(found.high) else found.high,
        ours=method.ours,
    )


def curve_panels(comparison: ComparisonData) -> list[Panel]:
    """The deletion and the insertion curves; none where they were not measured."""
    panels = (
        ("deletion", "words removed, highest scores first", "words removed (%)"),
        ("insertion", "words put into an empty text, highest first", "words put in (%)"),
    )
    found = [
        Panel(
            title,
            axis,
            {m.label: m.curves[key].mean for m in comparison.measured if key in m.curves},
        )
        for key, title, axis in panels
    ]
    return [panel for panel in found if panel.curves]


def standing_out(comparison: ComparisonData) -> tuple[list[str], str | None]:
    """Labels of the methods whose curves have a colour, and of the random scores."""
    methods = comparison.measured
    known = [m.label for name in _STANDING_OUT for m in methods if m.name == name]
    others = [m.label for m in methods if m.name != BASELINE and m.label not in known]
    floor = next((m.label for m in methods if m.name == BASELINE), None)
    return [*known, *others][: len(COLOURS)], floor


def correlation_matrix(comparison: ComparisonData) -> tuple[list[str], list[list[float]]]:
    """Labels of the methods and their rank correlations, NaN where there is none."""
    correlations = comparison.correlations
    labels = [comparison.methods[name].label for name in correlations.methods]
    return labels, correlations.spearman


def example_lines(comparison: ComparisonData) -> list[TokenLine]:
    """One short text under the quick methods, or under all where none of those is there.

    The first sentence of the post; without it, the shortest of the texts that were drawn.

    Returns:
        A line for each method that scored the text; none where there is no text.
    """
    of_the_post = [e for e in comparison.examples if e.source == "post"]
    drawn = sorted(comparison.examples, key=lambda example: len(example.tokens))
    example = next(iter([*of_the_post, *drawn]), None)
    if example is None:
        return []
    first, others = quick_first(comparison)
    return [
        TokenLine(method.label, example.tokens, example.scores[method.name])
        for method in first or others
        if method.name in example.scores
    ]


def lines_first(comparison: ComparisonData) -> tuple[list[MethodResult], list[MethodResult]]:
    """The methods whose lines an example shows at once, and the others.

    The best of this package by removing words, Integrated Gradients and the score of 2017; the next
    ones in place of those that are not there.
    """
    known = [comparison.methods[name] for name in _LINES if name in comparison.methods]
    best = [method for method in ranked(comparison) if method.ours and method not in known][:1]
    rest = [m for m in comparison.methods.values() if m not in known and m not in best]
    first = [*best, *known, *rest][: len(_LINES) + 1]
    return first, [method for method in comparison.methods.values() if method not in first]


def examples_first(comparison: ComparisonData) -> list[Example]:
    """The shortest texts that are shown before all else: of the corpus, then of the post."""
    by_length = sorted(comparison.examples, key=lambda example: len(example.tokens))
    long_enough = [e for e in by_length if len(e.tokens) >= _FEWEST_WORDS] or by_length
    return sorted(long_enough, key=lambda example: example.source != "corpus")[:_EXAMPLES]


def quick_first(comparison: ComparisonData) -> tuple[list[MethodResult], list[MethodResult]]:
    """The quick methods, and the others."""
    methods = comparison.methods.values()
    return (
        [method for method in methods if method.name in QUICK_METHODS],
        [method for method in methods if method.name not in QUICK_METHODS],
    )
