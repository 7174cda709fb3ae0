"""Multivariate series: tasks whose deciding cells are known, and networks that solve them."""

from captum_rnn.benchmark.series.combination import CombinationTask
from captum_rnn.benchmark.series.spike import SpikeTask
from captum_rnn.benchmark.series.state import StateTask, SwitchFeatureTask
from captum_rnn.benchmark.series.task import SeriesSample, SeriesTask

SERIES_TASKS: tuple[SeriesTask, ...] = (
    SpikeTask(),
    StateTask(),
    SwitchFeatureTask(),
    CombinationTask(),
)
"""The tasks of `captum-rnn compare --series`."""

__all__ = [
    "SERIES_TASKS",
    "CombinationTask",
    "SeriesSample",
    "SeriesTask",
    "SpikeTask",
    "StateTask",
    "SwitchFeatureTask",
]
