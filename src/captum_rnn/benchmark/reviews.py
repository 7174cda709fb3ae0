"""All that `captum-rnn compare` finds out about one classifier of reviews."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from captum_rnn.benchmark.any_model import known_metrics
from captum_rnn.benchmark.comparison import Comparison
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.ground_truth.known_answers import ask_tasks
from captum_rnn.benchmark.ground_truth.lexicon import opinion_lexicon
from captum_rnn.benchmark.ground_truth.marks import agreement_with_lexicon, agreement_with_marks
from captum_rnn.benchmark.ground_truth.marks_files import MarkedText
from captum_rnn.benchmark.measures import METRICS
from captum_rnn.benchmark.methods import QUICK_METHODS, find_methods
from captum_rnn.benchmark.results import GroundTruth
from captum_rnn.benchmark.review_run import ReviewRun
from captum_rnn.benchmark.scoring import Findings, carry_out
from captum_rnn.benchmark.second_process import SecondProcess
from captum_rnn.benchmark.shuffled_labels import change_by_shuffled_labels, check_shuffled
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.classifier import RecurrentKind
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

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
    workers: int = 1,
    on_first: Callable[[Comparison], object] = lambda comparison: None,
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
        workers: 1, or 2 for a second process, which needs a `folder`; what is found is the same. A
            script then has to call this under ``if __name__ == "__main__":``.
        on_first: Told what was found of the methods that do not run the model dozens of times for a
            text, before the others begin.
        show_progress: Show progress bars on standard error.

    Returns:
        What was found; `missing` says what was asked for and is not available.

    Raises:
        ValueError: An unknown method or metric, fewer than two reviews with a known word, or the
            model trained on shuffled labels has another vocabulary or architecture.
    """
    find_methods(methods)  # A wrong name is told before the work.
    known_metrics(metrics)
    if shuffled_labels is not None:
        check_shuffled(classifier, shuffled_labels)
    if not reviews:
        raise ValueError("there are no reviews to compare methods on; give at least two")
    if workers > 1 and folder is None:
        raise ValueError("two processes need a folder to exchange what they find; give folder=")
    run = ReviewRun(
        classifier,
        reviews,
        texts,
        tuple(methods),
        tuple(metrics),
        tuple(marked),
        seed,
        folder,
    )
    with evaluation_mode(classifier.model), single_thread(), _second(run, workers) as second:
        findings = carry_out(
            run.plan,
            run.checkpoint,
            further=run.judge,
            second=second,
            on_first=lambda found: on_first(run.comparison(found, whole=False)),
            show_progress=show_progress,
        )
        comparison = run.comparison(findings, whole=True)
        if isinstance(run.hybrids, str):
            comparison.missing.append(run.hybrids)
        elif run.hybrids is not None:
            comparison.hybrids = GroundTruth(texts, run.hybrids.results())
        if run.marks is not None:
            comparison.marks = agreement_with_marks(run.marks)
        _add_lexicon(comparison, run, findings)
        options: dict[str, Any] = {"seed": seed, "folder": folder, "show_progress": show_progress}
        if shuffled_labels is not None:
            comparison.shuffled_labels = change_by_shuffled_labels(
                shuffled_labels,
                run.plan.dataset,
                findings,
                background=run.plan.fits.background,
                **options,
            )
        if known_answers:
            kind = _LAYER_NAMES[type(classifier.model.rnn)]
            comparison.known_answers = ask_tasks(methods, kinds=[kind], **options)
    return comparison


@contextmanager
def _second(run: ReviewRun, workers: int) -> Iterator[SecondProcess | None]:
    """A second process for the same work, if it is wanted."""
    second = SecondProcess(replace(run).stages) if workers > 1 else None
    try:
        yield second
    finally:
        if second is not None:
            second.dismiss()


def _add_lexicon(comparison: Comparison, run: ReviewRun, findings: Findings) -> None:
    """Adds the agreement with a lexicon of opinion words, or why there is none."""
    classifier = run.classifier
    if classifier.language != "chinese" or classifier.classes != ("negative", "positive"):
        return
    try:
        polarity = opinion_lexicon()
    except ImportError as error:  # No reason to measure nothing.
        comparison.missing.append(str(error))
        return
    comparison.lexicon = agreement_with_lexicon(run.plan.dataset, findings, polarity, seed=run.seed)
