"""The main job: attribution methods beside each other, on one classifier and the same texts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.examples import corpus_examples, post_examples
from captum_rnn.benchmark.method import Method
from captum_rnn.benchmark.methods import DEFAULT_METHODS, find_methods
from captum_rnn.benchmark.post_examples import load_post_examples
from captum_rnn.benchmark.subject import Subject
from captum_rnn.benchmark.timing import Cost, measure_cost, single_thread
from captum_rnn.evaluation import (
    comprehensiveness,
    leave_one_out,
    mean_interval,
    rank_correlations,
    sufficiency,
)
from captum_rnn.text.classifier import evaluation_mode
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

SCHEMA = 1
CORPUS_EXAMPLES = 6


def compare(
    classifier: TextClassifier,
    reviews: Sequence[Review],
    *,
    methods: Sequence[str] | None = None,
    seed: int = 0,
    progress: bool = True,
) -> dict[str, Any]:
    """Compares attribution methods on one classifier.

    Every method explains the predicted class of the same batches of texts. Reported are, with 95 %
    bootstrap intervals over the texts, comprehensiveness (higher is better), sufficiency (lower is
    better) and the rank correlation with exact leave-one-out, or with the size of its effects for a
    method whose scores have no sign; and the cost on one thread, as time and as a multiple of one
    bare forward pass measured beside the method.

    Texts without a single known word have nothing to explain; they are left out and counted.

    Args:
        classifier: A trained classifier.
        reviews: Texts that the classifier was not trained on, with their classes.
        methods: Names in `captum_rnn.benchmark.methods.METHODS`; None for the default ones.
        seed: Seed of random scores, of the order among equal scores, of the bootstrap and of the
            choice of example reviews.
        progress: Show a progress bar on standard error.

    Returns:
        What `results.json` holds. For one seed and machine everything but the times is the same in
        every run; what is not defined (NaN) is None.

    Raises:
        ValueError: An unknown method, or fewer than two reviews with a known word.
    """
    chosen = find_methods(DEFAULT_METHODS if methods is None else methods, seed=seed)
    with evaluation_mode(classifier.model), single_thread():
        subject, labels = _readable(classifier, reviews)
        printed = load_post_examples()
        post = Subject.of(classifier, [example.text for example in printed])
        shown = _sample(len(subject.texts), seed)
        entries, scores, post_scores = _measure(chosen, subject, post, seed, progress)
        measured_on = machine(subject.ids.device)

    return {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": measured_on,
        "seed": seed,
        "subject": _describe(subject, labels, left_out=len(reviews) - len(subject.texts)),
        "methods": entries,
        "examples": [
            *post_examples(post, post_scores, printed),
            *corpus_examples(
                subject.select(shown), {name: found[shown] for name, found in scores.items()}
            ),
        ],
    }


def _readable(classifier: TextClassifier, reviews: Sequence[Review]) -> tuple[Subject, Tensor]:
    """The reviews that hold a known word, and their true classes (texts,)."""
    if not reviews:
        raise ValueError("there are no reviews to compare methods on; give at least two")
    subject = Subject.of(classifier, [review.text for review in reviews])
    rows = subject.readable
    if len(rows) < 2:
        raise ValueError(
            f"{len(rows)} of {len(reviews)} reviews hold a word that the classifier knows; give at "
            "least two such reviews, in the language of its training corpus"
        )
    return subject.select(rows), torch.tensor([reviews[row].label for row in rows])


def _measure(
    methods: Sequence[Method], subject: Subject, post: Subject, seed: int, progress: bool
) -> tuple[list[dict[str, Any]], dict[str, Tensor], dict[str, Tensor]]:
    """Each method's entry in the results, and its scores of the texts and of the post's sentences.

    What does not depend on the method is computed once: predictions and leave-one-out.
    """
    texts = len(subject.texts)
    entries: list[dict[str, Any]] = []
    scores: dict[str, Tensor] = {}
    post_scores: dict[str, Tensor] = {}
    with tqdm(total=texts * (1 + 2 * len(methods)), unit="text", disable=not progress) as bar:
        bar.set_description("leave-one-out")
        reference = leave_one_out(
            subject.classifier.probabilities, subject.ids, probabilities=subject.probabilities
        )
        bar.update(texts)
        for method in methods:
            bar.set_description(method.label)
            scores[method.name], cost = _run(method, subject, bar.update)
            entries.append(_evaluate(method, subject, scores[method.name], reference, cost, seed))
            post_scores[method.name] = post.score(method)
            bar.update(texts)
    return entries, scores, post_scores


def _sample(texts: int, seed: int) -> list[int]:
    """Rows of the example reviews: drawn, so that nobody picked them."""
    generator = np.random.default_rng(seed)
    rows: list[int] = generator.choice(texts, min(texts, CORPUS_EXAMPLES), replace=False).tolist()
    return sorted(rows)


def _run(
    method: Method, subject: Subject, after_batch: Callable[[int], object]
) -> tuple[Tensor, Cost]:
    """Scores (texts, time) of all texts in one method's batches, and what they cost."""
    model = subject.classifier.model
    rows = subject.batches()
    predicted = subject.predicted

    def forward(ids: Tensor) -> Tensor:
        with torch.no_grad():
            logits: Tensor = model(ids)
        return logits

    scores, cost = measure_cost(
        lambda ids, target: method(model, ids, target),
        forward,
        [(subject.batch_ids(batch), predicted[batch]) for batch in rows],
        after_batch,
    )
    return subject.join(rows, scores), cost


def _evaluate(
    method: Method, subject: Subject, scores: Tensor, reference: Tensor, cost: Cost, seed: int
) -> dict[str, Any]:
    """The entry of one method in the results."""
    predict, ids, whole = subject.classifier.probabilities, subject.ids, subject.probabilities
    effects = reference if method.signed else reference.abs()
    values = {
        "comprehensiveness": comprehensiveness(
            predict, ids, scores, probabilities=whole, seed=seed
        ),
        "sufficiency": sufficiency(predict, ids, scores, probabilities=whole, seed=seed),
        "spearman_leave_one_out": rank_correlations(ids, scores, effects),
    }
    return {
        "name": method.name,
        "label": method.label,
        "signed": method.signed,
        **{
            name: {key: _defined(number) for key, number in asdict(interval).items()}
            for name, interval in (
                (name, mean_interval(numbers, seed=seed)) for name, numbers in values.items()
            )
        },
        **asdict(cost),
        "per_text": {
            name: [_defined(number) for number in numbers.tolist()]
            for name, numbers in values.items()
        },
    }


def _describe(subject: Subject, labels: Tensor, *, left_out: int) -> dict[str, Any]:
    """The classifier and the texts, in numbers."""
    classifier = subject.classifier
    return {
        "kind": classifier.model.architecture["kind"],
        "classes": list(classifier.classes),
        "trained_on": dict(classifier.trained_on),
        "texts": len(subject.texts),
        "texts_left_out": left_out,
        "texts_cut": sum(cut > 0 for cut in subject.words_cut),
        "mean_words": sum(map(len, subject.tokens)) / len(subject.texts),
        "mean_known_words": float((subject.ids != 0).sum(dim=1).double().mean()),
        "accuracy": float((subject.predicted.cpu() == labels).double().mean()),
    }


def _defined(number: float) -> float | None:
    """The number, or None for NaN, which JSON cannot say."""
    return None if math.isnan(number) else number
