"""The main job: attribution methods next to each other, on any model over token ids."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from captum_rnn.benchmark.checkpoint import Checkpoint
from captum_rnn.benchmark.comparison import Comparison, comparison_of
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.dataset import Dataset, join_batches
from captum_rnn.benchmark.measures import METRICS
from captum_rnn.benchmark.methods import QUICK_METHODS, ExplainedModel, find_methods
from captum_rnn.benchmark.methods.explained_model import texts_of_equal_length
from captum_rnn.benchmark.methods.method import Fits
from captum_rnn.benchmark.padding import (
    check_padding_before_unread,
    reads_padding,
    without_padding_in_front,
)
from captum_rnn.benchmark.plan import Plan
from captum_rnn.benchmark.results import ModelSummary
from captum_rnn.benchmark.scoring import carry_out
from captum_rnn.states.modes import evaluation_mode

Batch = Tensor | tuple[Tensor, Tensor]


def compare(
    model: ExplainedModel,
    batches: Iterable[Batch],
    *,
    methods: Sequence[str] = QUICK_METHODS,
    metrics: Sequence[str] = METRICS,
    background: Iterable[Batch] = (),
    word_of: Callable[[int], str] = str,
    seed: int = 0,
    folder: str | Path | None = None,
    show_progress: bool = False,
) -> Comparison:
    """Compares attribution methods on any classifier over token ids.

    Every method explains the class that the model predicts, on the same texts. Where the model
    answers otherwise to a text with padding behind it, texts of unequal length are never put into
    one batch.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> class Classifier(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.words = nn.Embedding(50, 8, padding_idx=0)
        ...         self.encoder = nn.GRU(8, 12, batch_first=True)
        ...         self.out = nn.Linear(12, 2)
        ...     def forward(self, ids):
        ...         return self.out(self.encoder(self.words(ids))[0][:, -1])
        >>> model = Classifier().eval()
        >>> comparison = compare(
        ...     ExplainedModel(model, model.words, model.encoder),
        ...     [torch.randint(2, 50, (6, 7))],
        ...     methods=["hidden-state-delta-l2", "saliency", "random"],
        ...     metrics=["deletion"],
        ... )
        >>> list(comparison.to_frame()["label"])
        ['hidden-state delta, L2', 'Saliency', 'random']

    Args:
        model: The classifier, with the modules in it that methods read.
        batches: Token ids (batch, time), or pairs of ids and lengths, if the model takes lengths:
            those are the numbers of ids that are not `model.pad_id`. Padding may stand before the
            tokens, if the model does not read it there; the texts are compared without it.
        methods: Names in `captum_rnn.benchmark.methods.METHODS`.
        metrics: What to measure; names in `captum_rnn.benchmark.measures.METRICS`.
        background: Other texts, in the form of `batches`, for the methods that learn from texts.
        word_of: The word that a token id stands for.
        seed: Seed of all that is drawn.
        folder: Where finished batches are kept, so that an interrupted run resumes; None: nowhere.
        show_progress: Show progress bars on standard error.

    Returns:
        What was found. For one seed and machine all but the times and the date is the same in
        every run.

    Raises:
        ValueError: An unknown method or metric, fewer than two texts with a word, lengths that are
            not those of the texts, padding that the model reads before its tokens, or a model that
            answers in another form.
        TypeError: A batch of another form.
    """
    known, chosen = known_metrics(metrics), find_methods(methods, seed=seed)
    given, takes_lengths = _ids_of(batches, model.pad_id)
    others, _ = _ids_of(background, model.pad_id)
    with evaluation_mode(model.model), single_thread():
        model = replace(model, takes_lengths=model.takes_lengths or takes_lengths)
        together = join_batches(given, model.pad_id).to(model.device)
        if not model.reads_padding:
            every = join_batches([*given, *others], model.pad_id).to(model.device)
            check_padding_before_unread(model, every)
            model = replace(model, reads_padding=reads_padding(model, together))
        given, others = (
            [without_padding_in_front(model, ids) for ids in texts] for texts in (given, others)
        )
        if model.reads_padding:
            others = [
                texts for ids in others for _, texts in texts_of_equal_length(ids, model.pad_id)
            ]
        dataset = Dataset.of_batches(model, given, word_of=word_of)
        kind = None if model.layer is None else type(model.layer).__name__
        summary = ModelSummary(kind, list(dataset.classes), None, {})
        plan = Plan(readable_texts(dataset), chosen, known, Fits(model, others), seed)
        checkpoint = Checkpoint(folder, plan.fingerprint)
        findings = carry_out(plan, checkpoint, show_progress=show_progress)
        return comparison_of(plan, findings, summary, dataset)


def known_metrics(metrics: Sequence[str]) -> tuple[str, ...]:
    """Metrics in the order of `METRICS`.

    Raises:
        ValueError: There is none of that name, or no name at all.
    """
    unknown = [name for name in metrics if name not in METRICS]
    if unknown or not metrics:
        raise ValueError(
            f"{', '.join(map(repr, unknown)) or 'an empty list'} names no metric; choose from "
            f"{', '.join(METRICS)}"
        )
    return tuple(name for name in METRICS if name in metrics)


def readable_texts(dataset: Dataset) -> Dataset:
    """The texts with a word to read.

    Raises:
        ValueError: There are fewer than two.
    """
    rows = dataset.readable
    if len(rows) < 2:
        raise ValueError(
            f"only {len(rows)} of {len(dataset.texts)} texts "
            f"{'contains' if len(rows) == 1 else 'contain'} a known word; at least two are needed, "
            "in the language of the classifier's training corpus"
        )
    return dataset.select(rows)


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
