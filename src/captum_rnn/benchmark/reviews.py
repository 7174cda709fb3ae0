"""All that `captum-rnn compare` finds out about one classifier of reviews."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.benchmark.any_model import known_metrics, readable_texts
from captum_rnn.benchmark.checkpoint import Checkpoint
from captum_rnn.benchmark.comparison import Comparison, comparison_of
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.ground_truth.judging import judge_methods
from captum_rnn.benchmark.ground_truth.known_answers import ask_tasks, hybrid_texts
from captum_rnn.benchmark.ground_truth.lexicon import opinion_lexicon
from captum_rnn.benchmark.ground_truth.marks import (
    agreement_with_lexicon,
    agreement_with_marks,
    marked_words,
)
from captum_rnn.benchmark.ground_truth.marks_files import MarkedText
from captum_rnn.benchmark.measures import METRICS
from captum_rnn.benchmark.methods import QUICK_METHODS, find_methods
from captum_rnn.benchmark.methods.method import Fits
from captum_rnn.benchmark.post_examples import load_post_examples
from captum_rnn.benchmark.results import GroundTruth, ModelSummary
from captum_rnn.benchmark.scoring import Plan, carry_out
from captum_rnn.benchmark.shuffled_labels import change_by_shuffled_labels, check_shuffled
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.classifier import RecurrentKind
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

_MOST_BACKGROUND = 2_000
_LAYER_NAMES: dict[type[nn.RNNBase], RecurrentKind] = {
    nn.LSTM: "lstm",
    nn.GRU: "gru",
    nn.RNN: "rnn",
}


def compare_reviews(
    classifier: TextClassifier,
    reviews: Sequence[Review],
    *,
    texts: int = 200,
    methods: Sequence[str] = QUICK_METHODS,
    metrics: Sequence[str] = METRICS,
    marked: Sequence[MarkedText] = (),
    known_answers: bool = False,
    shuffled_labels: TextClassifier | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    show_progress: bool = False,
) -> Comparison:
    """Compares methods on a classifier of this package, also where the right answer is known.

    Texts without a single known word have nothing to explain; they are left out and counted.
    A classifier of Chinese also explains the nine sentences of the post, and is compared with a
    lexicon of opinion words; one of two classes explains documents put together of both.

    Args:
        classifier: A trained classifier.
        reviews: Reviews that it has not seen. The first `texts` are explained; half of the others,
            at most 2,000, are what methods learn from, without their classes.
        texts: Number of reviews to explain.
        methods: See `compare`.
        metrics: See `compare`.
        marked: Texts whose opinion words people marked, for a classifier of negative and positive;
            the first `texts` of them are used.
        known_answers: Also run the tasks with known answers, on models with the classifier's kind
            of layer, which are trained on first use.
        shuffled_labels: The same model trained on shuffled labels, whose scores a method should not
            repeat; see `captum_rnn.benchmark.shuffled_labels.model_on_shuffled_labels`.
        seed: Seed of all that is drawn.
        folder: Where finished parts are kept, so that an interrupted run resumes; None: nowhere.
        show_progress: Show progress bars on standard error.

    Returns:
        What was found; `missing` says what was asked for and is not available.

    Raises:
        ValueError: An unknown method or metric, fewer than two reviews with a known word, or the
            model trained on shuffled labels has another vocabulary or architecture.
    """
    known, chosen = known_metrics(metrics), find_methods(methods, seed=seed)
    if shuffled_labels is not None:
        check_shuffled(classifier, shuffled_labels)
    if not reviews:
        raise ValueError("there are no reviews to compare methods on; give at least two")
    explained, background, unseen = _split(reviews, texts)
    options: dict[str, Any] = {"seed": seed, "folder": folder, "show_progress": show_progress}
    with evaluation_mode(classifier.model), single_thread():
        dataset = Dataset.of(classifier, [review.text for review in explained])
        fits = Fits(dataset.model, _background_ids(classifier, background))
        plan = Plan(readable_texts(dataset), chosen, known, fits, seed)
        checkpoint = Checkpoint(folder, plan.fingerprint)
        findings = carry_out(plan, checkpoint, show_progress=show_progress)
        comparison = comparison_of(
            plan,
            findings,
            _model_summary(classifier, dataset, explained),
            dataset,
            _post_sentences(classifier),
        )
        if len(classifier.classes) == 2 and background:
            try:
                comparison.hybrids = _on_hybrids(classifier, unseen, texts, plan, options)
            except ValueError as error:  # Too few short reviews are no reason to measure nothing.
                comparison.missing.append(str(error))
        if marked:
            words = marked_words(classifier, marked[:texts], seed=seed)
            comparison.marks = agreement_with_marks(chosen, words, fits, **options)
        if classifier.language == "chinese" and classifier.classes == ("negative", "positive"):
            try:
                polarity = opinion_lexicon()
            except ImportError as error:  # Nor is a list of words that is not installed.
                comparison.missing.append(str(error))
            else:
                comparison.lexicon = agreement_with_lexicon(
                    plan.dataset, findings, polarity, seed=seed
                )
        if shuffled_labels is not None:
            comparison.shuffled_labels = change_by_shuffled_labels(
                shuffled_labels, plan.dataset, findings, background=fits.background, **options
            )
        if known_answers:
            kind = _LAYER_NAMES[type(classifier.model.rnn)]
            comparison.known_answers = ask_tasks(methods, kinds=[kind], **options)
    return comparison


def _split(
    reviews: Sequence[Review], texts: int
) -> tuple[Sequence[Review], Sequence[Review], Sequence[Review]]:
    """The reviews to explain, those to learn from, and all that no method learns from."""
    learnt = max(0, min(_MOST_BACKGROUND, (len(reviews) - texts) // 2))
    explained, background = reviews[:texts], reviews[texts : texts + learnt]
    return explained, background, [*explained, *reviews[texts + learnt :]]


def _background_ids(classifier: TextClassifier, reviews: Sequence[Review]) -> list[Tensor]:
    """Batches of ids of the texts that methods learn from."""
    if not reviews:
        return []
    dataset = Dataset.of(classifier, [review.text for review in reviews])
    return [dataset.batch_ids(rows) for rows in dataset.batches()]


def _model_summary(
    classifier: TextClassifier, dataset: Dataset, reviews: Sequence[Review]
) -> ModelSummary:
    rows = dataset.readable
    labels = torch.tensor([reviews[row].label for row in rows])
    right = dataset.predicted.cpu()[rows] == labels
    return ModelSummary(
        kind=_kind(classifier.model.architecture),
        classes=list(dataset.classes),
        accuracy=float(right.double().mean()),
        trained_on=dict(classifier.trained_on),
    )


def _kind(architecture: Mapping[str, Any]) -> str:
    """The recurrent layer in a few words, such as "2-layer GRU, mean pooling"."""
    layers, bidirectional = architecture.get("layers", 1), architecture.get("bidirectional", False)
    name = ("Bi" if bidirectional else "") + str(architecture["kind"]).upper()
    pooling = ", mean pooling" if architecture.get("pooling") == "mean" else ""
    return (f"{layers}-layer " if layers > 1 else "") + name + pooling


def _post_sentences(classifier: TextClassifier) -> Dataset | None:
    """The sentences of the post, for a classifier that reads Chinese."""
    if classifier.language != "chinese":
        return None
    return Dataset.of(classifier, [example.text for example in load_post_examples()])


def _on_hybrids(
    classifier: TextClassifier,
    reviews: Sequence[Review],
    documents: int,
    plan: Plan,
    options: dict[str, Any],
) -> GroundTruth:
    """How the methods do on documents made of reviews that none of them learns from."""
    mixed = hybrid_texts(classifier, reviews, documents=documents, seed=plan.seed)
    return GroundTruth(documents, judge_methods(plan.methods, mixed, plan.fits, **options))
