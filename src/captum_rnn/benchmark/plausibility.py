"""Agreement with people: with the words that they marked, and with the words of a lexicon."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from captum_rnn.benchmark.marked_texts import MarkedText
from captum_rnn.benchmark.methods import find_methods
from captum_rnn.benchmark.other_texts import Judge, judge_methods
from captum_rnn.benchmark.subject import Subject
from captum_rnn.evaluation import (
    average_precision,
    lexicon_polarity,
    pointing_accuracy,
    sign_accuracy,
    spans_to_tokens,
    token_f1,
)
from captum_rnn.text.classifier import evaluation_mode
from captum_rnn.text.pipeline import TextClassifier


def agreement_with_marks(
    classifier: TextClassifier,
    texts: Sequence[MarkedText],
    methods: Iterable[str],
    *,
    background: Sequence[Tensor] = (),
    seed: int = 0,
    folder: str | Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Holds the scores of every method against the words that people marked.

    A word is gold if it was marked and its polarity is that of the predicted class, which the
    scores explain. The classes have to be negative (0) and positive (1).

    Args:
        classifier: A trained classifier of two classes.
        texts: The texts with their marks.
        methods: Names in `captum_rnn.benchmark.methods.METHODS`.
        background: Batches of ids of other texts, to fit methods on.
        seed: Seed of the order of equal scores and of all that is drawn.
        folder: Where what is finished is kept, so that an interrupted run goes on; None: nowhere.
        progress: Show progress on standard error.

    Returns:
        `texts`, and `methods` as `judge_methods` returns them, with the measures `token_f1`,
        `average_precision`, `pointing` and `sign` (for methods whose sign means the class).
    """
    subject = Subject.of(classifier, [marked.text for marked in texts])
    polarity = torch.zeros(subject.ids.shape, dtype=torch.long)
    for row, marked in enumerate(texts):
        # English words are looked up in lower case, which keeps the places of all characters.
        text = marked.text.lower() if classifier.language == "english" else marked.text
        for sign in (1, -1):
            spans = [(start, end) for start, end, of in marked.spans if of == sign]
            tokens = spans_to_tokens(text, subject.tokens[row], spans)
            polarity[row, : len(tokens)][tokens] = sign
    return _agreement(
        "marks", subject, polarity, methods, background, seed=seed, folder=folder, progress=progress
    )


def agreement_with_lexicon(
    classifier: TextClassifier,
    texts: Sequence[str],
    lexicon: Mapping[str, int],
    methods: Iterable[str],
    *,
    background: Sequence[Tensor] = (),
    seed: int = 0,
    folder: str | Path | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Holds the scores of every method against the words of a lexicon.

    Args:
        classifier: See `agreement_with_marks`.
        texts: The texts.
        lexicon: 1 or −1 for each word of known polarity.
        methods: See `agreement_with_marks`.
        background: See `agreement_with_marks`.
        seed: See `agreement_with_marks`.
        folder: See `agreement_with_marks`.
        progress: See `agreement_with_marks`.

    Returns:
        See `agreement_with_marks`.
    """
    subject = Subject.of(classifier, texts)
    polarity = lexicon_polarity(subject.tokens, lexicon, width=subject.ids.shape[1])
    return _agreement(
        "lexicon",
        subject,
        polarity,
        methods,
        background,
        seed=seed,
        folder=folder,
        progress=progress,
    )


def _agreement(
    name: str,
    subject: Subject,
    polarity: Tensor,
    methods: Iterable[str],
    background: Sequence[Tensor],
    *,
    seed: int,
    folder: str | Path | None,
    progress: bool,
) -> dict[str, Any]:
    chosen = find_methods(methods, seed=seed)
    with evaluation_mode(subject.model.model):
        judged = judge_methods(
            chosen,
            subject,
            background,
            _judge(subject, polarity, seed),
            seed=seed,
            folder=folder,
            name=name,
            progress=progress,
        )
    for method in chosen:
        if not method.class_aware:
            # The sign of these scores means something else, or they have none.
            judged[method.name]["measures"].pop("sign", None)
    return {"texts": len(subject.texts), "methods": judged}


def _judge(subject: Subject, polarity: Tensor, seed: int) -> Judge:
    ids, pad_id = subject.ids.cpu(), subject.model.pad_id
    positive = subject.predicted.cpu() == 1
    gold = polarity == torch.where(positive, 1, -1).unsqueeze(1)

    def judge(scores: Tensor) -> dict[str, Tensor]:
        return {
            "token_f1": token_f1(ids, scores, gold, pad_id=pad_id, seed=seed),
            "average_precision": average_precision(ids, scores, gold, pad_id=pad_id),
            "pointing": pointing_accuracy(ids, scores, gold, pad_id=pad_id, seed=seed),
            "sign": sign_accuracy(ids, scores, polarity, positive, pad_id=pad_id),
        }

    return judge
