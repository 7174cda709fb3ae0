"""The figures of a comparison as a table of pandas."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from captum_rnn.benchmark.results import ComparisonData, MeasuredMean, MethodScores
from captum_rnn.extras import import_extra

if TYPE_CHECKING:
    import pandas

Statistic = Literal["mean", "low", "high", "texts"]


def comparison_frame(
    comparison: ComparisonData, statistic: Statistic = "mean"
) -> "pandas.DataFrame":
    """One row for each method, one column for each measure; see `Comparison.to_frame`.

    Raises:
        ImportError: pandas is not installed.
    """
    pandas = import_extra("pandas", "benchmark", "a table of the figures")
    rows = {}
    for name, method in comparison.methods.items():
        found = {key: getattr(mean, statistic) for key, mean in _means(comparison, name).items()}
        cost = method.cost
        rows[name] = {
            "label": method.label,
            "ours": method.ours,
            "forwards": math.nan if cost is None else cost.forwards,
            "milliseconds_per_text": math.nan if cost is None else cost.milliseconds_per_text,
            **found,
        }
    frame = pandas.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "method"
    return frame


def _means(comparison: ComparisonData, name: str) -> dict[str, MeasuredMean]:
    """The means of one method, by measure, those of other texts with their name in front."""
    found = dict(comparison.methods[name].measures)
    sections: list[tuple[str, Mapping[str, MethodScores]]] = [
        (key, section.methods)
        for key in ("hybrids", "marks", "lexicon", "shuffled_labels")
        if (section := getattr(comparison, key)) is not None
    ]
    for key, methods in sections:
        means = methods[name].measures if name in methods else {}
        found |= {f"{key}.{measure}": mean for measure, mean in means.items()}
    several = len(comparison.known_answers) > len({r.task for r in comparison.known_answers})
    for result in comparison.known_answers:
        scores = result.methods.get(name)
        if scores is not None and result.measure in scores.measures:
            model = f".{result.kind}.{result.seed}" if several else ""
            found[f"known_answers.{result.task}{model}"] = scores.measures[result.measure]
    return found
