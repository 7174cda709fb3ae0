"""All that `captum-rnn compare` finds out about one classifier of reviews."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from captum_rnn.benchmark.comparison import compared_reviews
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.ground_truth.judging import judge_methods
from captum_rnn.benchmark.ground_truth.known_answers import hybrid_texts, known_answers
from captum_rnn.benchmark.ground_truth.lexicon import opinion_lexicon
from captum_rnn.benchmark.ground_truth.marks import (
    agreement_with_lexicon,
    agreement_with_marks,
    marked_words,
)
from captum_rnn.benchmark.ground_truth.marks_files import MarkedText
from captum_rnn.benchmark.measures import METRICS
from captum_rnn.benchmark.methods import QUICK_METHODS
from captum_rnn.benchmark.shuffled_labels import change_by_shuffled_labels, check_twin
from captum_rnn.text.classifier import RecurrentKind
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

_BACKGROUND = 2_000
_LAYER_NAMES: dict[type[nn.RNNBase], RecurrentKind] = {
    nn.LSTM: "lstm",
    nn.GRU: "gru",
    nn.RNN: "rnn",
}


def full_comparison(
    classifier: TextClassifier,
    reviews: Sequence[Review],
    *,
    texts: int = 200,
    methods: Sequence[str] = QUICK_METHODS,
    metrics: Sequence[str] = METRICS,
    marked: Sequence[MarkedText] | None = None,
    white_box: bool = False,
    twin: TextClassifier | None = None,
    seed: int = 0,
    folder: str | Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Compares methods by deletion, on hybrid documents, against people's marks and known answers.

    Args:
        classifier: A trained classifier.
        reviews: Reviews that it has not seen. The first `texts` are explained; half of the others,
            at most 2,000, are what methods learn from, without their classes.
        texts: Number of reviews to explain.
        methods: Names in `captum_rnn.benchmark.methods.METHODS`.
        metrics: Names in `captum_rnn.benchmark.measures.METRICS`.
        marked: Texts whose opinion words people marked, for a classifier of negative and positive;
            the first `texts` of them are used.
        white_box: Also run the tasks with a known answer, on nets with the classifier's kind of
            layer, which are trained on demand.
        twin: The same net trained on shuffled labels, whose scores a method should not repeat; see
            `captum_rnn.benchmark.shuffled_labels.shuffled_twin`.
        seed: Seed of all that is drawn.
        folder: Where finished parts are kept, so that an interrupted run goes on; None: nowhere.
        progress: Show progress on standard error.

    Returns:
        What `compare_reviews` returns, and the entries `hybrids`, `marks`, `lexicon`,
        `shuffled_labels` (see `change_by_shuffled_labels`) and `known_answers`, each None where it
        was not asked for or cannot be had; and `missing`, sentences that say what was asked for
        and could not be had.

    Raises:
        ValueError: See `compare_reviews`; or the twin has another vocabulary or net.
    """
    if twin is not None:
        check_twin(classifier, twin)
    common: dict[str, Any] = {"seed": seed, "folder": folder, "progress": progress}
    # Hybrid documents are made of what no method learns from.
    learnt = min(_BACKGROUND, (len(reviews) - texts) // 2)
    others = reviews[texts : texts + learnt]
    unseen = [*reviews[:texts], *reviews[texts + learnt :]]
    with single_thread():
        mixed = marks = None
        missing = []
        if len(classifier.classes) == 2 and others:
            try:
                mixed = hybrid_texts(classifier, unseen, documents=texts, seed=seed)
            except ValueError as error:  # Too few short reviews are no reason to measure nothing.
                missing.append(str(error))
        if marked:
            marks = marked_words(classifier, marked[:texts], seed=seed)
        compared = compared_reviews(
            classifier,
            reviews[:texts],
            background=others,
            methods=methods,
            metrics=metrics,
            **common,
        )
        plan, findings = compared.plan, compared.findings
        sections: dict[str, Any] = dict.fromkeys(
            ("hybrids", "marks", "lexicon", "shuffled_labels", "known_answers")
        )
        if mixed:
            judged = judge_methods(plan.methods, mixed, plan.fits, **common)
            sections["hybrids"] = {"documents": texts, "methods": judged}
        if classifier.language == "chinese" and classifier.classes == ("negative", "positive"):
            sections["lexicon"] = agreement_with_lexicon(
                plan.subject, findings, opinion_lexicon(), seed=seed
            )
        if marks:
            sections["marks"] = agreement_with_marks(plan.methods, marks, plan.fits, **common)
        if twin is not None:
            sections["shuffled_labels"] = change_by_shuffled_labels(
                twin, plan.subject, findings, background=plan.fits.background, **common
            )
        if white_box:
            sections["known_answers"] = known_answers(
                methods, kinds=[_LAYER_NAMES[type(classifier.model.rnn)]], **common
            )
    return compared.results | sections | {"missing": [*compared.results["missing"], *missing]}
