"""The main job: attribution methods beside each other, on one classifier and the same texts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from captum_rnn.benchmark.blocks import Blocks
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.examples import corpus_examples, post_examples
from captum_rnn.benchmark.measures import METRICS
from captum_rnn.benchmark.methods import QUICK_METHODS, ExplainedModel, find_methods
from captum_rnn.benchmark.post_examples import load_post_examples
from captum_rnn.benchmark.run import Findings, Plan, attempt, carry_out
from captum_rnn.benchmark.subject import Subject, join_batches, reads_padding
from captum_rnn.benchmark.summary import defined, summarise
from captum_rnn.benchmark.timing import single_thread
from captum_rnn.functional import Readout
from captum_rnn.text.classifier import evaluation_mode
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

SCHEMA = 2
CORPUS_EXAMPLES = 6

Batch = Tensor | tuple[Tensor, Tensor]


def compare(
    model: nn.Module,
    batches: Iterable[Batch],
    *,
    embedding: nn.Embedding,
    layer: nn.Module | None,
    methods: Sequence[str] = QUICK_METHODS,
    metrics: Sequence[str] = METRICS,
    background: Iterable[Batch] = (),
    pad_id: int = 0,
    neutral_id: int = 1,
    readout: Readout = "final",
    classes: Sequence[str] | None = None,
    word_of: Callable[[int], str] = str,
    seed: int = 0,
    folder: str | Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Compares attribution methods on any classifier over token ids.

    Every method explains the class that the model predicts, on the same texts. Where the model
    answers otherwise to a text with padding behind it, texts of unequal length are never put into
    one batch.

    Args:
        model: Called as `model(ids)` or `model(ids, lengths)`, as the batches say; answers with
            logits (batch, classes) of two classes or more.
        batches: Token ids (batch, time), padded at the end, or pairs of ids and lengths. The
            lengths only say that the model takes them: shorter texts get their own.
        embedding: The layer in the model that turns ids into vectors.
        layer: The `nn.RNN`, `nn.LSTM` or `nn.GRU` in the model; None if it has none, and the
            methods that read one say so.
        methods: Names in `captum_rnn.benchmark.methods.METHODS`.
        metrics: What to measure; names in `captum_rnn.benchmark.measures.METRICS`.
        background: Other texts, in the form of `batches`, for the methods that learn from texts.
        pad_id: The id of padding.
        neutral_id: The id of a word that says little, such as the unknown word.
        readout: How the classifier reads the layer's outputs; see `HiddenStateDeltaAttribution`.
        classes: Name of each class.
        word_of: What a token id stands for, for people.
        seed: Seed of all that is drawn.
        folder: Where finished batches are kept, so that an interrupted run goes on; None: nowhere.
        progress: Show progress on standard error.

    Returns:
        What `results.json` holds; `captum_rnn.benchmark.report.report_html` makes a page of it.
        For one seed and machine all but the times and the date is the same in every run; what is
        not defined (NaN) is None.

    Raises:
        ValueError: An unknown method or metric, fewer than two texts with a word, or a model that
            answers in another form.
        TypeError: A batch of another form.
    """
    given, takes_lengths = _ids_of(batches)
    others, _ = _ids_of(background)
    with evaluation_mode(model), single_thread():
        explained = ExplainedModel(
            model,
            embedding,
            layer,
            pad_id=pad_id,
            neutral_id=neutral_id,
            takes_lengths=takes_lengths,
            readout=readout,
        )
        together = join_batches(given, pad_id).to(explained.device)
        explained = replace(explained, reads_padding=reads_padding(explained, together))
        subject = Subject.of_batches(explained, given, word_of=word_of, classes=classes)
        described: dict[str, Any] = {
            "kind": None if layer is None else type(layer).__name__,
            "trained_on": {},
            "accuracy": None,
        }
        return _compare(subject, described, others, methods, metrics, seed, folder, progress)


def compare_reviews(
    classifier: TextClassifier,
    reviews: Sequence[Review],
    *,
    background: Sequence[Review] = (),
    methods: Sequence[str] = QUICK_METHODS,
    metrics: Sequence[str] = METRICS,
    seed: int = 0,
    folder: str | Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Compares attribution methods on a classifier of this package; see `compare`.

    Texts without a single known word have nothing to explain; they are left out and counted. The
    results also hold the nine sentences of the post, if the classifier reads Chinese.

    Args:
        classifier: A trained classifier.
        reviews: Texts that the classifier was not trained on, with their classes.
        background: Other texts for the methods that learn from texts; their classes are not read.
        methods: See `compare`.
        metrics: See `compare`.
        seed: See `compare`.
        folder: See `compare`.
        progress: See `compare`.

    Returns:
        See `compare`.

    Raises:
        ValueError: An unknown method or metric, or fewer than two reviews with a known word.
    """
    if not reviews:
        raise ValueError("there are no reviews to compare methods on; give at least two")
    with evaluation_mode(classifier.model), single_thread():
        whole = Subject.of(classifier, [review.text for review in reviews])
        rows = whole.readable
        labels = torch.tensor([reviews[row].label for row in rows])
        right = whole.predicted.cpu()[rows] == labels
        described = {
            "kind": _kind(classifier.model.architecture),
            "trained_on": dict(classifier.trained_on),
            "accuracy": defined(float(right.double().mean())),
        }
        others: list[Tensor] = []
        if background:
            learnt_from = Subject.of(classifier, [review.text for review in background])
            others = [learnt_from.batch_ids(rows) for rows in learnt_from.batches()]
        post = None
        if classifier.language == "chinese":
            post = Subject.of(classifier, [example.text for example in load_post_examples()])
        return _compare(whole, described, others, methods, metrics, seed, folder, progress, post)


def _compare(
    whole: Subject,
    described: dict[str, Any],
    background: Sequence[Tensor],
    methods: Sequence[str],
    metrics: Sequence[str],
    seed: int,
    folder: str | Path | None,
    progress: bool,
    post: Subject | None = None,
) -> dict[str, Any]:
    subject = _readable(whole)
    plan = Plan(subject, find_methods(methods, seed=seed), _known(metrics), background, seed)
    findings = carry_out(plan, Blocks(folder, plan.fingerprint), progress=progress)
    return {
        "schema": SCHEMA,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": versions(),
        "machine": machine(subject.ids.device),
        "seed": seed,
        "metrics": list(plan.metrics),
        "subject": _describe(whole, subject, described),
        "methods": _entries(findings, len(subject.texts), seed),
        "correlations": {
            "methods": [row.method.name for row in findings.done],
            "spearman": [[defined(value) for value in row] for row in findings.correlations],
        },
        "examples": [*(_post(post, findings) if post else []), *_corpus(subject, findings, seed)],
    }


def _ids_of(batches: Iterable[Batch]) -> tuple[list[Tensor], bool]:
    """The ids of each batch, and whether the model takes lengths too."""
    given = list(batches)
    pairs = [isinstance(batch, (tuple, list)) for batch in given]
    if len(set(pairs)) > 1 or any(
        isinstance(batch, (tuple, list)) and len(batch) != 2 for batch in given
    ):
        raise TypeError(
            "each batch has to be a tensor of ids (batch, time), or each a pair of ids and lengths"
        )
    ids = [batch[0] if isinstance(batch, (tuple, list)) else batch for batch in given]
    return ids, any(pairs)


def _known(metrics: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in metrics if name not in METRICS]
    if unknown or not metrics:
        raise ValueError(
            f"{', '.join(map(repr, unknown)) or 'an empty list'} names no metric; choose from "
            f"{', '.join(METRICS)}"
        )
    return tuple(name for name in METRICS if name in metrics)


def _readable(whole: Subject) -> Subject:
    """The texts with a word to read."""
    rows = whole.readable
    if len(rows) < 2:
        raise ValueError(
            f"{len(rows)} of {len(whole.texts)} texts hold a word that the classifier knows; give "
            "at least two such texts, in the language of its training corpus"
        )
    return whole.select(rows)


def _describe(whole: Subject, subject: Subject, described: dict[str, Any]) -> dict[str, Any]:
    """The classifier and the texts, in numbers."""
    return {
        **described,
        "classes": list(subject.classes),
        "texts": len(subject.texts),
        "texts_left_out": len(whole.texts) - len(subject.texts),
        "texts_cut": sum(cut > 0 for cut in subject.words_cut),
        "mean_words": sum(map(len, subject.tokens)) / len(subject.texts),
        "mean_known_words": float(subject.read.sum(dim=1).double().mean()),
    }


def _entries(findings: Findings, texts: int, seed: int) -> list[dict[str, Any]]:
    """The entry of each method in the results."""
    summaries = summarise({row.method.name: row.per_text for row in findings.done}, seed=seed)
    return [
        {
            "name": row.method.name,
            "label": row.method.label,
            "passes": row.method.passes,
            "signed": row.method.signed,
            "class_aware": row.method.class_aware,
            "ours": row.method.ours,
            "error": row.error,
            "cost": row.cost(texts),
            "measures": summaries.get(row.method.name, {}),
            "curves": row.curves,
            "per_text": {
                key: [defined(value) for value in values] for key, values in row.per_text.items()
            },
        }
        for row in findings.rows
    ]


def _post(post: Subject, findings: Findings) -> list[dict[str, Any]]:
    """The sentences of the post under every method that can score them."""
    scores = {}
    for row in findings.done:
        found, _ = attempt(partial(post.score, row.method))
        if found is not None:
            scores[row.method.name] = found
    return post_examples(post, scores, load_post_examples())


def _corpus(subject: Subject, findings: Findings, seed: int) -> list[dict[str, Any]]:
    """Some of the texts under every method."""
    shown = _sample(len(subject.texts), seed)
    batches = subject.batches()
    return corpus_examples(
        subject.select(shown),
        {row.method.name: subject.join(batches, row.scores)[shown] for row in findings.done},
    )


def _sample(texts: int, seed: int) -> list[int]:
    """Rows of the example texts: drawn, so that nobody picked them."""
    generator = np.random.default_rng(seed)
    rows: list[int] = generator.choice(texts, min(texts, CORPUS_EXAMPLES), replace=False).tolist()
    return sorted(rows)


def _kind(architecture: Mapping[str, Any]) -> str:
    """The recurrent layer in a few words, such as "2-layer GRU, mean pooling"."""
    layers, two_ways = architecture.get("layers", 1), architecture.get("bidirectional", False)
    name = ("Bi" if two_ways else "") + str(architecture["kind"]).upper()
    pooling = ", mean pooling" if architecture.get("pooling") == "mean" else ""
    return (f"{layers}-layer " if layers > 1 else "") + name + pooling
