"""The main job: attribution methods beside each other, on one classifier and the same texts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from captum_rnn.benchmark.compared_texts import ComparedTexts, compare_texts
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.measures import METRICS
from captum_rnn.benchmark.methods import QUICK_METHODS, ExplainedModel, find_methods
from captum_rnn.benchmark.methods.explained_model import texts_of_equal_length
from captum_rnn.benchmark.methods.method import Fits
from captum_rnn.benchmark.post_examples import load_post_examples
from captum_rnn.benchmark.scoring import Plan
from captum_rnn.benchmark.subject import Subject, join_batches, reads_padding
from captum_rnn.benchmark.summary import defined
from captum_rnn.functional import Readout
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

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
        batches: Token ids (batch, time), padded at the end, or pairs of ids and lengths, if the
            model takes lengths: those are the numbers of ids that are not `pad_id`.
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
        ValueError: An unknown method or metric, fewer than two texts with a word, lengths that are
            not those of the texts, or a model that answers in another form.
        TypeError: A batch of another form.
    """
    known = _known(metrics)
    chosen = find_methods(methods, seed=seed)
    given, takes_lengths = _ids_of(batches, pad_id)
    others, _ = _ids_of(background, pad_id)
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
        if explained.reads_padding:
            others = [
                texts for ids in others for _, texts in texts_of_equal_length(ids, explained.pad_id)
            ]
        subject = Subject.of_batches(explained, given, word_of=word_of, classes=classes)
        described: dict[str, Any] = {
            "kind": None if layer is None else type(layer).__name__,
            "trained_on": {},
            "accuracy": None,
        }
        plan = Plan(_readable(subject), chosen, known, Fits(explained, others), seed)
        return compare_texts(plan, subject, described, folder, progress).results


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
    return compared_reviews(
        classifier,
        reviews,
        background=background,
        methods=methods,
        metrics=metrics,
        seed=seed,
        folder=folder,
        progress=progress,
    ).results


def compared_reviews(
    classifier: TextClassifier,
    reviews: Sequence[Review],
    *,
    background: Sequence[Review],
    methods: Sequence[str],
    metrics: Sequence[str],
    seed: int,
    folder: str | Path | None,
    progress: bool,
) -> ComparedTexts:
    """`compare_reviews`, with what the results came from."""
    known = _known(metrics)
    chosen = find_methods(methods, seed=seed)
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
        plan = Plan(_readable(whole), chosen, known, Fits(whole.model, others), seed)
        return compare_texts(plan, whole, described, folder, progress, post)


def _ids_of(batches: Iterable[Batch], pad_id: int) -> tuple[list[Tensor], bool]:
    """The ids of each batch, and whether the model takes lengths too."""
    given = list(batches)
    pairs = [isinstance(batch, (tuple, list)) for batch in given]
    if len(set(pairs)) > 1 or any(
        isinstance(batch, (tuple, list)) and len(batch) != 2 for batch in given
    ):
        raise TypeError(
            "each batch has to be a tensor of ids (batch, time), or each a pair of ids and lengths"
        )
    for batch in given:
        if isinstance(batch, (tuple, list)):
            _check_lengths(*batch, pad_id)
    ids = [batch[0] if isinstance(batch, (tuple, list)) else batch for batch in given]
    return ids, any(pairs)


def _check_lengths(ids: Tensor, lengths: Any, pad_id: int) -> None:
    counted = (ids != pad_id).sum(dim=1).tolist()
    told = torch.as_tensor(lengths).tolist()
    if counted != told:
        raise ValueError(
            f"a batch comes with the lengths {told}, but has {counted} ids that are not {pad_id}; "
            "give the id of the padding as pad_id"
        )


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


def _kind(architecture: Mapping[str, Any]) -> str:
    """The recurrent layer in a few words, such as "2-layer GRU, mean pooling"."""
    layers, two_ways = architecture.get("layers", 1), architecture.get("bidirectional", False)
    name = ("Bi" if two_ways else "") + str(architecture["kind"]).upper()
    pooling = ", mean pooling" if architecture.get("pooling") == "mean" else ""
    return (f"{layers}-layer " if layers > 1 else "") + name + pooling
