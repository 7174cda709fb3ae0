"""How good found targets are: precision, recall and F1 over whole targets."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from captum_rnn.evaluation.bootstrap import RESAMPLES


@dataclass(frozen=True)
class TargetScore:
    """The counts of each sentence, over which everything else is computed.

    Attributes:
        correct: Found targets (sentences,) that are labelled so: name and polarity.
        found: Targets found (sentences,).
        labelled: Targets labelled (sentences,).
    """

    correct: NDArray[np.int64]
    found: NDArray[np.int64]
    labelled: NDArray[np.int64]

    @property
    def precision(self) -> float:
        """Share of the found targets that are correct, in [0, 1]; 0 where none was found."""
        return float(self.correct.sum() / max(self.found.sum(), 1))

    @property
    def recall(self) -> float:
        """Share of the labelled targets that were found, in [0, 1]; 0 where there are none."""
        return float(self.correct.sum() / max(self.labelled.sum(), 1))

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall over all sentences together, in [0, 1]."""
        return float(_f1(self.correct, self.found, self.labelled))


def score_targets(found: Sequence[Set[object]], labelled: Sequence[Set[object]]) -> TargetScore:
    """Compares the targets of each sentence; one counts if name and polarity are both right.

    Args:
        found: The targets found in each sentence.
        labelled: The targets that each sentence has.

    Raises:
        ValueError: There are not as many of one as of the other.

    Source: the rule of the contest "汽车行业用户观点主题及情感识别", CCF BDCI 2016.

    Example:
        >>> from benchmarks.targets.tags import Tag, Target
        >>> honda, toyota = Target("本田", Tag.POSITIVE), Target("丰田", Tag.NEGATIVE)
        >>> score = score_targets([{honda, toyota}], [{honda, Target("丰田", Tag.NEUTRAL)}])
        >>> score.precision, score.recall, score.f1
        (0.5, 0.5, 0.5)
    """
    if len(found) != len(labelled):
        raise ValueError(
            f"there are {len(found)} sentences with found targets and {len(labelled)} with "
            "labelled ones; expected the same sentences"
        )
    pairs = list(zip(found, labelled, strict=True))
    return TargetScore(
        np.array([len(ours & theirs) for ours, theirs in pairs], dtype=np.int64),
        np.array([len(ours) for ours, _ in pairs], dtype=np.int64),
        np.array([len(theirs) for _, theirs in pairs], dtype=np.int64),
    )


def f1_interval(score: TargetScore, *, seed: int) -> tuple[float, float]:
    """95 % percentile bootstrap interval of F1, the sentences resampled.

    Args:
        score: The counts of at least two sentences.
        seed: Seed of the resampling.
    """
    return _interval(_f1, score.correct, score.found, score.labelled, seed=seed)


def f1_difference_interval(
    score: TargetScore, other: TargetScore, *, seed: int
) -> tuple[float, float]:
    """The same for the F1 of one minus the F1 of the other, over the same sentences.

    Args:
        score: The counts of one.
        other: The counts of the other.
        seed: Seed of the resampling.

    Raises:
        ValueError: The labelled targets differ, so that the sentences cannot be the same.
    """
    if not np.array_equal(score.labelled, other.labelled):
        raise ValueError("the two scores are of different sentences; score both on the same ones")

    def difference(*counts: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        correct, found, other_correct, other_found, labelled = counts
        ours = _f1(correct, found, labelled, axis=axis)
        return ours - _f1(other_correct, other_found, labelled, axis=axis)

    return _interval(
        difference,
        score.correct,
        score.found,
        other.correct,
        other.found,
        score.labelled,
        seed=seed,
    )


def _f1(
    correct: NDArray[np.int64],
    found: NDArray[np.int64],
    labelled: NDArray[np.int64],
    axis: int = -1,
) -> NDArray[np.float64]:
    both = found.sum(axis=axis) + labelled.sum(axis=axis)
    f1: NDArray[np.float64] = 2 * correct.sum(axis=axis) / np.maximum(both, 1)
    return f1


def _interval(statistic: object, *counts: NDArray[np.int64], seed: int) -> tuple[float, float]:
    interval = stats.bootstrap(
        counts,
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=500,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(interval.low), float(interval.high)
