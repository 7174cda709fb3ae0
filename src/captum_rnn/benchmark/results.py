"""What a comparison of attribution methods found, as records with types."""

from dataclasses import dataclass, field
from typing import Any, Literal

from captum_rnn.evaluation import MeanInterval


@dataclass(frozen=True)
class MeasuredMean(MeanInterval):
    """The mean of a measure over the texts, with its 95 % interval.

    Attributes:
        tied_with_best: Whether the method is not significantly different from the best one, by the
            paired bootstrap; None where no direction is better.
    """

    tied_with_best: bool | None = None


@dataclass
class Cost:
    """What a method costs.

    Attributes:
        milliseconds_per_text: Time of scoring, divided by the number of texts.
        forwards: The same as a multiple of one bare forward pass of the same batch; the median over
            the batches.
        fit_seconds: Time of learning from background texts.
    """

    milliseconds_per_text: float
    forwards: float
    fit_seconds: float


@dataclass
class Curve:
    """The mean probability of the predicted class after each step of deletion or insertion.

    Attributes:
        mean: Means over the texts (steps + 1).
        low: Lower ends of their 95 % intervals (steps + 1).
        high: Upper ends (steps + 1).
    """

    mean: list[float]
    low: list[float]
    high: list[float]


@dataclass
class MethodScores:
    """How good the scores of a method are on one set of texts.

    Attributes:
        error: Why there is nothing more; None if the method did its work.
        measures: Measure key → mean over the texts.
        per_text: Measure key → one number for each text; NaN where it is not defined.
    """

    error: str | None = None
    measures: dict[str, MeasuredMean] = field(default_factory=dict)
    per_text: dict[str, list[float]] = field(default_factory=dict)


@dataclass
class MethodResult(MethodScores):
    """What a comparison found of one method.

    Attributes:
        name: Key in `captum_rnn.benchmark.methods.METHODS`.
        label: Human-readable name.
        passes: What it costs, in words.
        signed: Whether scores can be negative.
        class_aware: Whether the sign means for (+) or against (−) the explained class.
        ours: Whether the method is one of this package.
        cost: What it cost; None where it failed.
        curves: "deletion" or "insertion" → curve.
    """

    name: str = field(kw_only=True)
    label: str = field(kw_only=True)
    passes: str = field(kw_only=True)
    signed: bool = field(kw_only=True)
    class_aware: bool = field(kw_only=True)
    ours: bool = field(kw_only=True)
    cost: Cost | None = None
    curves: dict[str, Curve] = field(default_factory=dict)


@dataclass
class ModelSummary:
    """The explained model.

    Attributes:
        kind: Its recurrent layer in a few words; None if it has none.
        classes: Name of each class.
        accuracy: Share of the texts that it classifies right; None where that is not known.
        trained_on: What a classifier of this package records of its training; else empty.
    """

    kind: str | None
    classes: list[str]
    accuracy: float | None
    trained_on: dict[str, Any]


@dataclass
class DatasetSummary:
    """The explained texts.

    Attributes:
        texts: Number of texts.
        without_known_words: Number of texts that were left out, as the model knows none of their
            words.
        truncated: Number of texts that are longer than what the model reads.
        mean_words: Mean number of words.
        mean_known_words: Mean number of words that the model knows.
    """

    texts: int
    without_known_words: int
    truncated: int
    mean_words: float
    mean_known_words: float


@dataclass
class Correlations:
    """How far the methods agree: mean rank correlations over the texts, and their 95 % intervals.

    Attributes:
        methods: Names of the methods.
        spearman: Spearman's rank correlation (methods, methods); NaN where no text has one.
        low: Lower ends of the intervals (methods, methods).
        high: Upper ends (methods, methods).
    """

    methods: list[str]
    spearman: list[list[float]]
    low: list[list[float]]
    high: list[list[float]]


@dataclass
class PrintedScores:
    """Scores as a publication prints them: one for each of its tokens."""

    tokens: list[str]
    scores: list[float]


@dataclass
class Example:
    """A text that is shown in full.

    Attributes:
        source: "post" for a sentence of the post that proposed the hidden-state delta, "corpus" for
            one of the explained texts.
        text: The text.
        tokens: Its tokens.
        words_cut: Number of words behind the last that the model reads.
        predicted_class: Name of the predicted class.
        probability: Its probability.
        scores: Method name → one score for each token.
        note: What else is to be said; None if nothing is.
        printed: The scores that the post prints; None for other texts.
        rank_correlation: Method name → rank correlation with the printed scores; None where there
            is nothing to compare.
    """

    source: Literal["post", "corpus"]
    text: str
    tokens: list[str]
    words_cut: int
    predicted_class: str
    probability: float
    scores: dict[str, list[float]]
    note: str | None = None
    printed: PrintedScores | None = None
    rank_correlation: dict[str, float] | None = None


@dataclass
class GroundTruth:
    """How well the methods do on texts whose right explanation is known.

    Attributes:
        texts: Number of texts.
        methods: Method name → figures.
    """

    texts: int
    methods: dict[str, MethodScores]


@dataclass
class ShuffledLabels:
    """The data randomisation test: the same model trained on shuffled labels.

    Attributes:
        trained_on: What that model records of its training.
        methods: Method name → figures; the measure is `rank_correlation`.
    """

    trained_on: dict[str, Any]
    methods: dict[str, MethodScores]


@dataclass
class KnownAnswersResult:
    """How well the methods do on one task with known answers.

    Attributes:
        task: Name in `captum_rnn.benchmark.ground_truth.tasks.TASKS`.
        kind: The recurrent layer of the model.
        seed: Seed of the model.
        solved: Whether the model has learnt the task; if not, it judges no method.
        accuracy: Its accuracy on fresh sequences, with interval and number.
        measure: Key of the measure.
        methods: Method name → figures.
    """

    task: str
    kind: str
    seed: int
    solved: bool
    accuracy: dict[str, float]
    measure: str
    methods: dict[str, MethodScores]


@dataclass
class ComparisonData:
    """What was found of attribution methods on one model and the same texts.

    Attributes:
        created: Date and time, UTC.
        versions: Version of each library.
        machine: What it ran on.
        seed: Seed of all that was drawn.
        metrics: What was measured; see `captum_rnn.benchmark.measures.METRICS`.
        model: The explained model.
        dataset: The explained texts.
        methods: Method name → what was found of it, in the order in which they were asked for.
        correlations: How far the methods agree.
        examples: Some texts under every method.
        missing: What was asked for and is not available, in sentences.
        hybrids: Documents put together of reviews of both classes.
        marks: Texts whose words people marked.
        lexicon: The words of a lexicon.
        shuffled_labels: The data randomisation test.
        known_answers: Tasks with known answers.
    """

    created: str
    versions: dict[str, str]
    machine: dict[str, Any]
    seed: int
    metrics: list[str]
    model: ModelSummary
    dataset: DatasetSummary
    methods: dict[str, MethodResult]
    correlations: Correlations
    examples: list[Example]
    missing: list[str] = field(default_factory=list)
    hybrids: GroundTruth | None = None
    marks: GroundTruth | None = None
    lexicon: GroundTruth | None = None
    shuffled_labels: ShuffledLabels | None = None
    known_answers: list[KnownAnswersResult] = field(default_factory=list)

    @property
    def measured(self) -> list[MethodResult]:
        """The methods that did their work."""
        return [method for method in self.methods.values() if method.error is None]
