"""Tables with a right answer: tasks whose true contributions are known, and hybrid documents.

Deleting words of reviews cannot separate the good methods, since a lexicon without any context does
nearly as well as they do. Where the truth is known, they separate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from captum_rnn.benchmark.ground_truth.hybrid import hybrid_documents
from captum_rnn.benchmark.ground_truth.judging import Judge, OtherTexts, judge_methods
from captum_rnn.benchmark.ground_truth.tasks import TASKS, KnownAnswers, KnownAnswerTask, TaskNet
from captum_rnn.benchmark.ground_truth.tasks.task import Measure
from captum_rnn.benchmark.methods import find_methods
from captum_rnn.benchmark.methods.method import Fits
from captum_rnn.benchmark.subject import TEXTS_PER_BATCH, Subject, explained_model
from captum_rnn.evaluation import average_precision, pearson_correlations, segment_pointing
from captum_rnn.text.classifier import RecurrentKind
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

SEQUENCES = 200
_LEARNT_FROM = 640


def known_answers(
    methods: Iterable[str],
    *,
    kinds: Sequence[RecurrentKind] = ("lstm",),
    tasks: Sequence[str] = tuple(TASKS),
    nets: Sequence[int] = (0,),
    seed: int = 0,
    folder: str | Path | None = None,
    progress: bool = True,
) -> list[dict[str, Any]]:
    """Scores every method by the true contributions, on nets that solve the tasks.

    The nets are trained on demand and kept in the cache (see `captum_rnn.benchmark.cache`), but for
    the bag of vectors, which is trained in some two seconds each time.

    Args:
        methods: Names in `captum_rnn.benchmark.methods.METHODS`.
        kinds: Recurrent layers of the nets that learn a rule; a bag of vectors has its own.
        tasks: Names in `captum_rnn.benchmark.ground_truth.tasks.TASKS`.
        nets: Seeds of the nets.
        seed: Seed of the sequences and of all that is drawn.
        folder: Where what is finished is kept, so that an interrupted run goes on; None: nowhere.
        progress: Show progress on standard error.

    Returns:
        One entry for each task, kind (a bag of vectors has one) and net: `task`, `kind`, `net`,
        `solved`, `accuracy` on fresh sequences, `measure`, and `methods` as `judge_methods` returns
        them; a net that does not solve its task has no `methods`.
    """
    chosen = find_methods(methods, seed=seed)
    entries: list[dict[str, Any]] = []
    for name in tasks:
        task = TASKS[name]
        for net in task.nets(kinds, nets, progress=progress):
            entry: dict[str, Any] = {
                "task": name,
                "kind": net.kind,
                "net": net.seed,
                "solved": net.solved,
                "accuracy": net.accuracy,
                "measure": task.measure,
                "methods": {},
            }
            if net.solved:
                texts, fits = _task_texts(task, net, seed), _task_fits(net, seed)
                entry["methods"] = judge_methods(
                    chosen, texts, fits, seed=seed, folder=folder, progress=progress
                )
            entries.append(entry)
    return entries


def hybrid_texts(
    classifier: TextClassifier, reviews: Sequence[Review], *, documents: int, seed: int = 0
) -> OtherTexts:
    """Documents made of reviews of both classes, which ask for the place of the extreme words.

    Args:
        classifier: A trained classifier of two classes.
        reviews: Reviews that it has not seen.
        documents: Number of documents.
        seed: Seed of the documents and of the order of equal scores.

    Returns:
        The documents, with the measures `top` (1 if the highest-scoring word stands in a review of
        the predicted class) and `bottom` (the lowest-scoring word, in a review of the other class).
    """
    made = hybrid_documents(classifier, reviews, documents=documents, seed=seed)
    subject = Subject.of_batches(
        explained_model(classifier.model), [made.ids], classes=classifier.classes
    )

    def judge(scores: Tensor) -> dict[str, Tensor]:
        pointing = segment_pointing(
            made.ids, scores, made.token_labels, subject.predicted.cpu(), seed=seed
        )
        return {"top": pointing.top, "bottom": pointing.bottom}

    return OtherTexts("hybrid", subject, made.token_labels, judge)


def _task_texts(task: KnownAnswerTask, net: TaskNet, seed: int) -> OtherTexts:
    """Sequences to explain, and how scores are judged."""
    answers = net.sample(SEQUENCES, seed=seed)
    subject = Subject.of_batches(net.model, [answers.ids], classes=task.classes)
    explained = replace(
        subject, probabilities=torch.nn.functional.one_hot(answers.targets, len(task.classes))
    )
    name = f"{task.name}-{net.kind}-{net.seed}"
    return OtherTexts(name, explained, answers.contributions, _judge(task.measure, answers))


def _task_fits(net: TaskNet, seed: int) -> Fits:
    """What methods learn from other sequences of the same task."""
    others = net.sample(_LEARNT_FROM, seed=seed + 1).ids
    return Fits(net.model, torch.split(others, TEXTS_PER_BATCH))


def _judge(measure: Measure, answers: KnownAnswers) -> Judge:
    def judge(scores: Tensor) -> dict[str, Tensor]:
        if measure == "average-precision":
            found = average_precision(answers.ids, scores, answers.contributions > 0)
        else:
            # Scores in single precision: what lies behind the sixth digit would tell equals apart.
            found = pearson_correlations(answers.ids, scores, answers.contributions).round(
                decimals=6
            )
        return {measure: found}

    return judge
