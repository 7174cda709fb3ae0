"""Where the right answer is known: tasks with true contributions, and hybrid documents.

Deleting words of reviews cannot separate the good methods, since per-word scores without any
context do nearly as well as they do. Where the truth is known, they separate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from captum_rnn.benchmark.dataset import TEXTS_PER_BATCH, Dataset, explained_model
from captum_rnn.benchmark.ground_truth.hybrid import hybrid_documents
from captum_rnn.benchmark.ground_truth.judging import Judge, JudgedTexts, judge_methods
from captum_rnn.benchmark.ground_truth.tasks import TASKS
from captum_rnn.benchmark.ground_truth.tasks.known_answer_task import KnownAnswerTask, TaskNetwork
from captum_rnn.benchmark.ground_truth.tasks.task import KnownAnswers
from captum_rnn.benchmark.methods import find_methods
from captum_rnn.benchmark.methods.method import Fits
from captum_rnn.benchmark.results import KnownAnswersResult, MethodScores
from captum_rnn.evaluation import average_precision, pearson_correlations, segment_pointing
from captum_rnn.evaluation.measure import Measure
from captum_rnn.evaluation.plausibility.marks import AVERAGE_PRECISION
from captum_rnn.evaluation.plausibility.segments import BOTTOM, TOP
from captum_rnn.text.classifier import RecurrentKind
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

SEQUENCES = 200
_LEARNT_FROM = 640


def ask_tasks(
    methods: Iterable[str],
    *,
    kinds: Sequence[RecurrentKind] = ("lstm",),
    tasks: Sequence[str] = tuple(TASKS),
    seeds: Sequence[int] = (0,),
    seed: int = 0,
    folder: str | Path | None = None,
    show_progress: bool = False,
) -> list[KnownAnswersResult]:
    """Compares every method with the true contributions, on models that solve the tasks.

    The models are trained on first use and kept in the cache (see `captum_rnn.benchmark.cache`),
    but for the bag of vectors, which is trained in some two seconds each time.

    Args:
        methods: Names in `captum_rnn.benchmark.methods.METHODS`.
        kinds: Recurrent layers of the models that learn a rule; a bag of vectors has its own.
        tasks: Names in `captum_rnn.benchmark.ground_truth.tasks.TASKS`.
        seeds: Seeds of the models.
        seed: Seed of the sequences and of all that is drawn.
        folder: Where what is finished is kept, so that an interrupted run resumes; None: nowhere.
        show_progress: Show progress on standard error.

    Returns:
        One result for each task, kind (a bag of vectors has one) and model; a model that has not
        learnt its task judges no method.
    """
    chosen = find_methods(methods, seed=seed)
    results = []
    for name in tasks:
        task = TASKS[name]
        for network in task.networks(kinds, seeds, show_progress=show_progress):
            judged: dict[str, MethodScores] = {}
            if network.solved:
                judged = judge_methods(
                    chosen,
                    _task_texts(task, network, seed),
                    _task_fits(network, seed),
                    seed=seed,
                    folder=folder,
                    show_progress=show_progress,
                )
            results.append(
                KnownAnswersResult(
                    task=name,
                    kind=network.kind,
                    seed=network.seed,
                    solved=network.solved,
                    accuracy=dict(network.accuracy),
                    measure=task.measure.key,
                    methods=judged,
                )
            )
    return results


def hybrid_texts(
    classifier: TextClassifier, reviews: Sequence[Review], *, documents: int, seed: int = 0
) -> JudgedTexts:
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
    model = explained_model(classifier.model, classifier.classes)
    dataset = Dataset.of_batches(model, [made.ids])

    def judge(scores: Tensor) -> dict[str, Tensor]:
        pointing = segment_pointing(
            made.ids, scores, made.token_labels, dataset.predicted.cpu(), seed=seed
        )
        return {TOP.key: pointing.top, BOTTOM.key: pointing.bottom}

    return JudgedTexts("hybrid", dataset, made.token_labels, (TOP, BOTTOM), judge)


def _task_texts(task: KnownAnswerTask, network: TaskNetwork, seed: int) -> JudgedTexts:
    """Sequences to explain, and how scores are judged."""
    answers = network.sample(SEQUENCES, seed=seed)
    dataset = Dataset.of_batches(replace(network.model, classes=task.classes), [answers.ids])
    explained = replace(
        dataset, probabilities=torch.nn.functional.one_hot(answers.targets, len(task.classes))
    )
    name = f"{task.name}-{network.kind}-{network.seed}"
    return JudgedTexts(
        name, explained, answers.contributions, (task.measure,), _judge(task.measure, answers)
    )


def _task_fits(network: TaskNetwork, seed: int) -> Fits:
    """What methods learn from other sequences of the same task."""
    others = network.sample(_LEARNT_FROM, seed=seed + 1).ids
    return Fits(network.model, torch.split(others, TEXTS_PER_BATCH))


def _judge(measure: Measure, answers: KnownAnswers) -> Judge:
    def judge(scores: Tensor) -> dict[str, Tensor]:
        if measure == AVERAGE_PRECISION:
            found = average_precision(answers.ids, scores, answers.contributions > 0)
        else:
            # Scores in single precision: what lies behind the sixth digit would tell equals apart.
            found = pearson_correlations(answers.ids, scores, answers.contributions).round(
                decimals=6
            )
        return {measure.key: found}

    return judge
