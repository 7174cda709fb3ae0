"""What the numbers of a comparison say, in sentences."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from captum_rnn.evaluation.interval import MeanInterval, mean_interval

OURS = (
    "hidden-state-delta",
    "logit-delta",
    "local-delta",
    "adjoint-delta",
    "relevance-propagation",
)
BASELINE = "random"
POST = "hidden-state-delta-l2"

Result = Mapping[str, Any]


def is_ours(method: Result) -> bool:
    """Whether a method of the results is one of this package."""
    return str(method["name"]).startswith(OURS)


def baseline_of(results: Result) -> Result | None:
    """The random scores among the methods, which every method has to beat."""
    return next((m for m in results["methods"] if m["name"] == BASELINE), None)


def headline(results: Result) -> str:
    """Which method explained the classifier better and at what cost, in one sentence.

    Methods are ranked by mean comprehensiveness. One is called better only where the 95 % interval
    of the paired difference, text by text, excludes zero.

    Args:
        results: The answer of `captum_rnn.benchmark.compare.compare`.

    Returns:
        Plain text.
    """
    ranked = _ranked(results)
    ours = [method for method in ranked if is_ours(method)]
    others = [method for method in ranked if not is_ours(method)]
    baseline = baseline_of(results)
    if ranked and baseline and paired_difference(results, ranked[0], baseline).low <= 0:
        return _no_better_than_random(ranked[0], baseline)
    if not ours or not others:
        return _best_of_all(results, ranked)
    difference = paired_difference(results, ours[0], others[0])
    if difference.high < 0:
        return _lost(results, _shown(ours), others[0])
    if difference.low > 0:
        return _won(results, _shown(ours), others[0])
    return _tied(results, _shown(ours), others[0])


def paired_difference(results: Result, method: Result, other: Result) -> MeanInterval:
    """Mean difference of two methods' comprehensiveness on the same texts, with its interval.

    Args:
        results: The results that both methods stand in; their seed is that of the bootstrap.
        method: One method.
        other: The method whose values are subtracted.

    Returns:
        The mean over the texts that have both values, and its 95 % interval.
    """
    values, other_values = (
        torch.tensor([_number(v) for v in m["per_text"]["comprehensiveness"]], dtype=torch.float64)
        for m in (method, other)
    )
    return mean_interval(values - other_values, seed=int(results["seed"]))


@dataclass(frozen=True)
class Difference:
    """How much more comprehensive a method of this package is than another one.

    Attributes:
        method: Label of the method.
        other: Label of the method that it is held against.
        gain: The paired difference; positive where `method` is better.
    """

    method: str
    other: str
    gain: MeanInterval

    @property
    def verdict(self) -> str:
        """What follows from the interval, in a word or two."""
        if self.gain.low > 0:
            return "better"
        return "worse" if self.gain.high < 0 else "no difference shown"


def differences(results: Result) -> list[Difference]:
    """Holds each method of this package against the best other one.

    Args:
        results: The answer of `captum_rnn.benchmark.compare.compare`.

    Returns:
        The pairs, the most comprehensive methods first; none where there is no other method.
    """
    ranked = _ranked(results)
    rival = next((method for method in ranked if not is_ours(method)), None)
    if rival is None:
        return []
    return [
        Difference(method["label"], rival["label"], paired_difference(results, method, rival))
        for method in ranked
        if is_ours(method)
    ]


def _ranked(results: Result) -> list[Result]:
    """The methods that are no baseline, the most comprehensive first."""
    methods = [method for method in results["methods"] if method["name"] != BASELINE]
    return sorted(methods, key=_mean, reverse=True)


def _shown(ours: Sequence[Result]) -> list[Result]:
    """The best of our methods, and the post's own score where that is another one."""
    return [ours[0], *(method for method in ours[1:] if method["name"] == POST)]


def _lost(results: Result, ours: Sequence[Result], rival: Result) -> str:
    best, *rest = ours
    also = "".join(
        f" and {_name(method)} {_share(results, method, rival)} at {_passes(method)}"
        for method in rest
    )
    return (
        f"{_capital(_name(rival))} explains this classifier better than the methods of this "
        f"package, at the cost of {_passes(rival)}: of its {_gain(results)}, {_name(best)} reaches "
        f"{_share(results, best, rival)} at {_passes(best)}{also}."
    )


def _won(results: Result, ours: Sequence[Result], rival: Result) -> str:
    best, *rest = ours
    return (
        f"{_capital(_name(best))} explains this classifier better than every method of Captum "
        f"compared, at {_passes(best)}: its comprehensiveness is {_mean(best):.3f}, that of "
        f"{_name(rival)} {_mean(rival):.3f} at {_passes(rival)}{_also(results, rest, best)}."
    )


def _tied(results: Result, ours: Sequence[Result], rival: Result) -> str:
    best, *rest = ours
    better = max(best, rival, key=_mean)
    return (
        f"{_capital(_name(best))} at {_passes(best)} and {_name(rival)} at {_passes(rival)} "
        "explain this classifier equally well, as far as these texts can tell (comprehensiveness "
        f"{_mean(best):.3f} and {_mean(rival):.3f}){_also(results, rest, better)}."
    )


def _no_better_than_random(best: Result, baseline: Result) -> str:
    return (
        "No method explains this classifier measurably better than random scores: the best, "
        f"{_name(best)}, has a comprehensiveness of {_mean(best):.3f} against "
        f"{_mean(baseline):.3f}."
    )


def _best_of_all(results: Result, ranked: Sequence[Result]) -> str:
    best = (ranked or results["methods"])[0]
    return (
        f"Of the methods compared {_name(best)} has the highest comprehensiveness, "
        f"{_mean(best):.3f}, at {_passes(best)}."
    )


def _also(results: Result, rest: Sequence[Result], best: Result) -> str:
    return "".join(
        f"; {_name(method)} reaches {_share(results, method, best)} of the best "
        f"{_gain(results)} at {_passes(method)}"
        for method in rest
    )


def _gain(results: Result) -> str:
    return "gain over random" if baseline_of(results) else "comprehensiveness"


def _share(results: Result, method: Result, best: Result) -> str:
    """How much of the best method's gain over random (over 0 without it) another one reaches."""
    baseline = baseline_of(results)
    floor = _mean(baseline) if baseline else 0.0
    share = (_mean(method) - floor) / (_mean(best) - floor)
    return f"{100 * share:.0f} %" if share > 0 else "nothing"


def _mean(method: Result) -> float:
    return _number(method["comprehensiveness"]["mean"])


def _number(value: float | None) -> float:
    """What is not defined is null in results, since JSON has no NaN."""
    return math.nan if value is None else float(value)


def _passes(method: Result) -> str:
    forwards = float(method["forwards"])
    number = f"{forwards:.1f}" if forwards < 9.95 else f"{forwards:.0f}"
    return f"{number} forward passes"


def _name(method: Result) -> str:
    """The label with its variant in brackets, so that a sentence can have commas of its own."""
    family, comma, variant = str(method["label"]).partition(", ")
    return f"{family} ({variant})" if comma else family


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
