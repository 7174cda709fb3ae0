"""Figures as the tables show them."""

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from captum_rnn.benchmark.methods import METHODS


def of(subjects: Sequence[dict[str, Any]], kind: str, corpus: str) -> list[dict[str, Any]]:
    """The classifiers of one kind and corpus, one a seed."""
    return [entry for entry in subjects if (entry["kind"], entry["corpus"]) == (kind, corpus)]


def mean_of(measures: dict[str, Any], measure: str) -> float | None:
    """The mean of a measure; None where it is not defined."""
    mean: float | None = measures.get(measure, {}).get("mean")
    return mean


def label_of(method: str, measure: str = "") -> str:
    """A method's label; where a rank correlation is that of sizes, it says so."""
    of_sizes = measure.startswith("spearman") and not METHODS[method].signed
    return METHODS[method].label + (" (no sign: with the size)" if of_sizes else "")


def over_seeds(given: Iterable[float | None]) -> str:
    """The mean over seeds and half the spread."""
    values = [value for value in given if value is not None]
    if not values:
        return "–"
    half = (max(values) - min(values)) / 2
    return f"{fmean(values):.3f} ± {half:.3f}".replace("-", "−")


def differences(given: Iterable[dict[str, Any]]) -> str:
    """One difference a seed, marked where its interval leaves out zero."""
    shown = [
        f"{one['mean']:+.3f}{'*' if one['low'] * one['high'] > 0 else ''}".replace("-", "−")
        for one in given
    ]
    return ", ".join(shown) or "–"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
