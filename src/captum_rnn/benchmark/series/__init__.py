"""Multivariate series: tasks whose deciding cells are known, networks, and a comparison on them."""

from captum_rnn.benchmark.series.comparison import compare_on_series
from captum_rnn.benchmark.series.explained import ExplainedSeries
from captum_rnn.benchmark.series.methods import SERIES_METHODS, SeriesMethod
from captum_rnn.benchmark.series.results import SeriesComparison, SeriesResult
from captum_rnn.benchmark.series.suite import SERIES_TASKS, compare_networks

__all__ = [
    "SERIES_METHODS",
    "SERIES_TASKS",
    "ExplainedSeries",
    "SeriesComparison",
    "SeriesMethod",
    "SeriesResult",
    "compare_networks",
    "compare_on_series",
]
