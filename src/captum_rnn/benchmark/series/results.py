"""What a comparison on series found, as records with types, and the measures of their cells."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch

from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.records import from_json, to_json
from captum_rnn.benchmark.results import MethodScores
from captum_rnn.evaluation import MeanInterval, paired_difference
from captum_rnn.evaluation.measure import Measure
from captum_rnn.files import write_text

MEASURES = {
    measure.key: measure
    for measure in (
        Measure(
            "auprc",
            "AUPRC",
            "higher",
            "Average precision of finding the cells that decide, by the size of their scores; "
            "cells with one score are found together.",
        ),
        Measure(
            "signed_auprc",
            "signed AUPRC",
            "higher",
            "The same by the score itself: a cell that speaks against the class is not found.",
        ),
        Measure(
            "comprehensiveness",
            "comprehensiveness",
            "higher",
            "How far the probability of the class falls when the highest-scored cells get their "
            "baseline; the mean over 1, 5, 10, 20 and 50 % of the cells.",
        ),
        Measure(
            "comprehensiveness_carried",
            "carried forward",
            "higher",
            "The same, but a removed cell takes the last value of its feature that is left.",
        ),
        Measure(
            "sufficiency",
            "sufficiency",
            "lower",
            "How far it falls when only the highest-scored cells are left.",
        ),
        Measure(
            "sufficiency_carried",
            "sufficiency, carried",
            "lower",
            "The same, but a removed cell takes the last value of its feature that is left.",
        ),
        Measure(
            "cumulative_difference",
            "CPD",
            "higher",
            "Cumulative prediction difference: the changes of the explained number, without their "
            "signs, added up while the tenth of the cells with the largest scores is replaced.",
        ),
        Measure(
            "cumulative_difference_carried",
            "CPD, carried",
            "higher",
            "The same, but a removed cell takes the last value of its feature that is left.",
        ),
        Measure(
            "spearman_occlusion",
            "Spearman with occlusion",
            "higher",
            "Rank correlation with the exact effect of giving each cell its baseline alone; of a "
            "method without a sign, with the size of that effect.",
        ),
    )
}
"""Measure key → what it is."""


@dataclass
class SeriesMethodResult(MethodScores):
    """What a comparison found of one method.

    Attributes:
        name: Key in `captum_rnn.benchmark.series.SERIES_METHODS`.
        label: Human-readable name.
        passes: What it costs, in words.
        ours: Whether it is one of this package.
        forwards: Its time as a multiple of one bare forward pass; None where it failed.
    """

    name: str = field(kw_only=True)
    label: str = field(kw_only=True)
    passes: str = field(kw_only=True)
    ours: bool = field(kw_only=True)
    forwards: float | None = None


@dataclass
class SeriesExample:
    """One series under some methods.

    Attributes:
        values: The series (time, features).
        cells: The cells that decide, as (step, feature); None where that is not known.
        scores: Method name → scores (time, features).
    """

    values: list[list[float]]
    cells: list[list[int]] | None
    scores: dict[str, list[list[float]]]


@dataclass
class SeriesResult:
    """How good the methods are on the series of one network.

    Attributes:
        task: Name of the task or of the data.
        kind: The recurrent layer.
        seed: Seed of the network.
        accuracy: The network's accuracy on fresh series.
        ceiling: The accuracy of whoever knows the rule.
        series: Number of explained series.
        methods: Method name → what was found of it.
        examples: Some of the series.
    """

    task: str
    kind: str
    seed: int
    accuracy: float
    ceiling: float
    series: int
    methods: dict[str, SeriesMethodResult]
    examples: list[SeriesExample] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The measure that counts: AUPRC where the deciding cells are known."""
        known = any("auprc" in method.measures for method in self.methods.values())
        return "auprc" if known else "comprehensiveness"

    def gain(self, name: str, other: str, *, seed: int = 0) -> MeanInterval | None:
        """How far a method is above another one by `key`, series by series.

        Args:
            name: The method.
            other: The other one.
            seed: Seed of the bootstrap.

        Returns:
            The mean difference and its 95 % interval; None if one of them failed or did not run.
        """
        asked = [self.methods.get(found) for found in (name, other)]
        both = [found.per_text[self.key] for found in asked if found and self.key in found.per_text]
        if len(both) < 2:
            return None
        first, second = (torch.tensor(numbers, dtype=torch.float64) for numbers in both)
        return paired_difference(first, second, seed=seed)

    def ordered(self) -> list[SeriesMethodResult]:
        """The methods, the best by `key` first; failures last."""

        def rank(method: SeriesMethodResult) -> float:
            found = method.measures.get(self.key)
            return float("inf") if found is None else -found.mean

        return sorted(self.methods.values(), key=rank)


@dataclass
class SeriesComparison:
    """Methods on the series of several networks.

    Attributes:
        created: Date and time, UTC.
        versions: Version of each library.
        machine: What it ran on.
        seed: Seed of all that was drawn.
        results: One for each network.
        missing: What was asked for and is not available, in sentences.
    """

    created: str
    versions: dict[str, str]
    machine: dict[str, Any]
    seed: int
    results: list[SeriesResult] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, seed: int) -> "SeriesComparison":
        """A comparison without results, made now on this machine."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return cls(now, versions(), machine(torch.device("cpu")), seed)

    def to_json(self, path: str | Path) -> None:
        """Writes the comparison; `load` reads it again."""
        text = json.dumps(to_json(self), ensure_ascii=False, allow_nan=False, indent=1)
        write_text(text + "\n", Path(path))

    @classmethod
    def load(cls, path: str | Path) -> "SeriesComparison":
        """Reads what `to_json` wrote.

        Raises:
            OSError: The file cannot be read.
            ValueError: It holds something else.
        """
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        read: SeriesComparison = from_json(cls, content, Path(path).name)
        return read
