"""A comparison on series as tables for the terminal and as a page."""

import textwrap
from collections import defaultdict
from itertools import zip_longest

from markupsafe import Markup

from captum_rnn.benchmark.series.results import (
    MEASURES,
    SeriesComparison,
    SeriesExample,
    SeriesResult,
)
from captum_rnn.visualization.html import page
from captum_rnn.visualization.series import series_heat_map
from captum_rnn.visualization.templating import template_environment
from captum_rnn.visualization.terminal import aligned_text

_TITLE = "Which feature, when? Attribution methods on series"
_STYLE = "body { max-width: 84rem; } figure .scroll svg { min-width: 36rem; }"
_IN_TERMINAL = ("auprc", "comprehensiveness", "spearman_occlusion")
_NO_NETWORK = ("magnitude", "random")


def tables_text(comparison: SeriesComparison) -> str:
    """One table for each network, no line wider than 80 columns; 95 % intervals below the means."""
    parts = [_table(result) for result in comparison.results]
    if comparison.missing:
        parts.append("\n".join(["Not measured:", *(f"  {name}" for name in comparison.missing)]))
    return "\n\n".join(parts)


def headline(comparison: SeriesComparison) -> str:
    """What was found, in two sentences."""
    if not comparison.results:
        return "No network has learnt a task, so that nothing was compared."
    above = below = 0
    for result in comparison.results:
        gain = result.gain("deep_lift", "integrated_gradients", seed=comparison.seed)
        above += gain is not None and gain.low > 0
        below += gain is not None and gain.high < 0
    needed = sum(_network_needed(result, comparison.seed) for result in comparison.results)
    number = len(comparison.results)
    return (
        f"DeepLIFT of the layer is measurably above Integrated Gradients (50 points) on {above} of "
        f"{number} network{'s' if number > 1 else ''} and measurably below on {below}, by AUPRC, "
        "or by comprehensiveness where the deciding cells are not known. The best method is "
        f"measurably above |x − baseline|, which needs no network, on {needed}."
    )


def report_html(comparison: SeriesComparison) -> str:
    """The comparison as a self-contained page, in which everything foreign is escaped."""
    environment = template_environment("captum_rnn.benchmark.series")
    environment.filters["number"] = _number
    body = environment.get_template("series.html").render(
        title=_TITLE,
        headline=headline(comparison),
        measures=MEASURES,
        keys=measured,
        pictures=_pictures,
        decides=decides,
        **vars(comparison),
    )
    return page(_TITLE, body, style=_STYLE)


def measured(result: SeriesResult) -> list[str]:
    """The measures that some method has, in the order of the tables."""
    return [
        key for key in MEASURES if any(key in found.measures for found in result.methods.values())
    ]


def decides(example: SeriesExample) -> str:
    """The deciding cells, the steps of each feature as ranges.

    Example:
        >>> decides(SeriesExample([[0.0]], [[4, 0], [5, 0], [9, 2]], {}))
        'feature 0 at 4–5; feature 2 at 9'
    """
    steps: dict[int, list[int]] = defaultdict(list)
    for step, feature in example.cells or ():
        steps[feature].append(step)
    parts = []
    for feature, when in sorted(steps.items()):
        ranges: list[list[int]] = []
        for step in when:
            if ranges and ranges[-1][1] == step - 1:
                ranges[-1][1] = step
            else:
                ranges.append([step, step])
        shown = ", ".join(f"{a}–{b}" if b > a else f"{a}" for a, b in ranges)
        parts.append(f"feature {feature} at {shown}")
    return "; ".join(parts)


def _pictures(example: SeriesExample) -> dict[str, Markup]:
    return {
        name: Markup(series_heat_map(example.values, scores).to_svg())
        for name, scores in example.scores.items()
    }


def _table(result: SeriesResult) -> str:
    shown = [key for key in _IN_TERMINAL if key in measured(result)]
    headings = [*(MEASURES[key].heading for key in shown), "× forward"]
    lines = [textwrap.wrap(heading, 11, break_long_words=False) for heading in headings]
    rows = [["", *parts] for parts in zip_longest(*lines, fillvalue="")]
    head = len(rows)
    for method in result.ordered():
        family, _, variant = method.label.partition(", ")
        if method.error is not None:
            rows.append([family, *["–"] * len(headings)])
            continue
        means = [method.measures.get(key) for key in shown]
        intervals = ["" if m is None else f"{_number(m.low)}–{_number(m.high)}" for m in means]
        rows.append(
            [
                family,
                *("–" if m is None else _number(m.mean) for m in means),
                f"{method.forwards:.1f}",
            ]
        )
        rows.append([variant, *intervals, ""])
    title = (
        f"{result.task}, {result.kind.upper()}, seed {result.seed}: {result.series} series, "
        f"accuracy {result.accuracy:.3f} of {result.ceiling:.3f}"
    )
    return f"{title}\n{aligned_text(rows, head=head)}"


def _number(value: float) -> str:
    """Three digits; what rounds to 0 has no sign."""
    return f"{round(value, 3) + 0.0:.3f}".replace("-", "−")


def _network_needed(result: SeriesResult, seed: int) -> bool:
    """Whether the best method is measurably above the row without a network."""
    best = [m.name for m in result.ordered() if m.name not in _NO_NETWORK and m.error is None]
    gain = result.gain(best[0], "magnitude", seed=seed) if best else None
    return gain is not None and gain.low > 0
