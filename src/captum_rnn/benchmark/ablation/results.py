"""What an ablation found, as records with types."""

from dataclasses import dataclass
from typing import Any

from captum_rnn.benchmark.ablation.grid import Cell, Grid
from captum_rnn.evaluation import MeanInterval
from captum_rnn.text.accuracy import Accuracy


@dataclass(frozen=True)
class MeasuredCell:
    """How faithful the scores of one cell are.

    Attributes:
        cell: The choice on every axis.
        measures: Measure key → mean over the texts, with its 95 % interval.
    """

    cell: Cell
    measures: dict[str, MeanInterval]


@dataclass(frozen=True)
class Effect:
    """The marginal effect of one option.

    Attributes:
        axis: The axis.
        option: The option.
        reference: The first option of the axis, which it is compared with.
        pairs: Number of pairs of cells that differ in this only.
        measures: Measure key → option minus reference, the mean over the pairs and the texts.
        agreement: Rank correlation of the scores with those of the first options.
    """

    axis: str
    option: Any
    reference: Any
    pairs: int
    measures: dict[str, MeanInterval]
    agreement: MeanInterval


@dataclass(frozen=True)
class EqualLengths:
    """What word vectors of equal length do to the classifier itself.

    Attributes:
        trained: Its accuracy with the trained vectors.
        l2: Its accuracy with vectors of equal length.
        difference: The second minus the first.
        predictions_changed: Share of the texts that are classified otherwise.
    """

    trained: Accuracy
    l2: Accuracy
    difference: MeanInterval
    predictions_changed: MeanInterval


@dataclass
class Work:
    """What was done, and where the time went.

    Attributes:
        rankings: Distinct rankings of a text, summed over texts and embedding treatments.
        perturbed_texts: Distinct perturbed texts that were predicted.
        scores_seconds: Recording the layer and scoring all cells, a few forward passes included.
        forwards_seconds: The forward passes over perturbed texts.
        measures_seconds: Everything else from scores to measures.
        seconds: All of these.
        rankings_of_texts: Rankings of a text, equal ones included.
        summary_seconds: Means, effects and their intervals, after all of these.
    """

    rankings: int = 0
    perturbed_texts: int = 0
    scores_seconds: float = 0.0
    forwards_seconds: float = 0.0
    measures_seconds: float = 0.0
    seconds: float = 0.0
    rankings_of_texts: int = 0
    summary_seconds: float = 0.0

    @property
    def total_seconds(self) -> float:
        """The time from the first score to the last interval."""
        return self.seconds + self.summary_seconds

    @property
    def share_of_forwards(self) -> float:
        """Which share of it the perturbed forward passes took."""
        return self.forwards_seconds / self.total_seconds


@dataclass
class AblationData:
    """What was found of every combination of the choices, on one classifier and the same texts.

    Attributes:
        created: Date and time, UTC.
        versions: Version of each library.
        machine: What it ran on.
        seed: Seed of the order among words of equal score and of the bootstrap.
        classifier: The architecture of the classifier.
        trained_on: What it records of its training.
        texts: Number of texts.
        mean_known_words: Mean number of words that the classifier knows.
        neutral_words: How many words the neutral initial state has read.
        neutral_id: The id of these words.
        grid: The options of every axis.
        cells: Every combination, in the order of `Grid.cells`.
        effects: Every option against the first of its axis.
        accuracy: What the embedding treatment does to the classifier; None where the grid has none.
        work: Where the time went.
    """

    created: str
    versions: dict[str, str]
    machine: dict[str, Any]
    seed: int
    classifier: dict[str, Any]
    trained_on: dict[str, Any]
    texts: int
    mean_known_words: float
    neutral_words: int
    neutral_id: int
    grid: Grid
    cells: list[MeasuredCell]
    effects: list[Effect]
    accuracy: EqualLengths | None
    work: Work
