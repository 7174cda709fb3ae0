"""The ablation bench: every choice of the hidden-state delta on one classifier and its texts."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timezone
from typing import Any

import torch
from torch import Tensor

from captum_rnn.benchmark.ablation.effects import marginal_effects
from captum_rnn.benchmark.ablation.embedding import with_equal_norms
from captum_rnn.benchmark.ablation.grid import AXES, Grid
from captum_rnn.benchmark.ablation.measures import MEASURES
from captum_rnn.benchmark.ablation.scores import NEUTRAL_WORDS
from captum_rnn.benchmark.ablation.sweep import Sweep, at_every_scale, sweep
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.records import to_json
from captum_rnn.evaluation import MeanInterval, mean_interval, paired_difference
from captum_rnn.evaluation.bootstrap import mean_intervals
from captum_rnn.evaluation.prediction import predict_texts
from captum_rnn.states.layers import torch_layer
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.accuracy import Accuracy
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier

SCHEMA = 1


def ablate(
    classifier: TextClassifier,
    reviews: Sequence[Review],
    *,
    texts: int = 100,
    grid: Grid | None = None,
    seed: int = 0,
    show_progress: bool = False,
) -> dict[str, Any]:
    """Measures every combination of the choices that the hidden-state delta leaves open.

    The axes are those of `captum_rnn.benchmark.ablation.Cell`. All combinations are measured on the
    same texts, from one recorded forward pass for each batch, initial state and embedding
    treatment; each distinct perturbed text is predicted once.

    The initial state is a choice of the scores only: the texts are perturbed and predicted without
    the neutral words. The embedding treatment is a choice of the classifier, which is not trained
    again: scores, predictions and perturbations are then those of the changed classifier.

    Args:
        classifier: A trained classifier.
        reviews: Reviews that it has not seen, with their classes. The first `texts` with a known
            word are explained; all tell its accuracy with each embedding treatment.
        texts: Number of reviews to explain, at least 2.
        grid: The options of each axis; None: all that exist for the classifier's layer, the
            classifier's own readout first.
        seed: Seed of the order among words of equal score and of the bootstrap.
        show_progress: Show a progress bar on standard error.

    Returns:
        For JSON: `axes` (options by axis), `cells` (the options of each and its measures with 95 %
        intervals over the texts), `effects` (of each option against the first of its axis), the
        `accuracy` with each embedding treatment, and in `work` where the time went. What is not
        defined is None.

    Raises:
        ValueError: Fewer than two reviews with a known word, or the layer lacks a
            state, stacked layer or direction of the grid.
    """
    with evaluation_mode(classifier.model), single_thread():
        whole = Dataset.of(classifier, [review.text for review in reviews]) if reviews else None
        rows = whole.readable[:texts] if whole else []
        if whole is None or len(rows) < 2:
            raise ValueError(
                f"{len(rows)} of {len(reviews)} reviews can be explained with texts={texts}; give "
                "at least two reviews with a word that the classifier knows"
            )
        grid = grid or Grid.of(classifier.model.rnn, classifier.model.readout)
        grid.check_fits(torch_layer(whole.model.layer))
        dataset = whole.select(rows)
        found = sweep(dataset, grid, seed=seed, show_progress=show_progress)
        start = time.perf_counter()
        cells, effects = _cells(found, grid, seed), _effects(found, grid, seed)
        summary_seconds = time.perf_counter() - start
        labels = torch.tensor([review.label for review in reviews])
        return {
            "schema": SCHEMA,
            "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "versions": versions(),
            "machine": machine(dataset.ids.device),
            "seed": seed,
            "classifier": classifier.model.architecture,
            "trained_on": classifier.trained_on,
            "texts": len(rows),
            "mean_known_words": float(dataset.read.sum(dim=1).double().mean()),
            "neutral_words": {"number": NEUTRAL_WORDS, "id": dataset.model.neutral_id},
            "axes": {axis: list(grid.options(axis)) for axis in AXES},
            "cells": cells,
            "effects": effects,
            "accuracy": _accuracy(whole, labels, seed) if "l2" in grid.embedding else None,
            "work": _work(found, len(cells) * len(rows), summary_seconds),
        }


def _cells(found: Sweep, grid: Grid, seed: int) -> list[dict[str, Any]]:
    """Options and measures of each cell."""
    measured = grid.up_to_scale.cells
    intervals = mean_intervals(found.values.flatten(0, 1).T, seed=seed)
    entries = {
        cell: {
            measure: _entry(intervals[row * len(measured) + place])
            for row, measure in enumerate(MEASURES)
        }
        for place, cell in enumerate(measured)
    }
    first = grid.normalize[0]
    return [asdict(cell) | entries[replace(cell, normalize=first)] for cell in grid.cells]


def _effects(found: Sweep, grid: Grid, seed: int) -> list[dict[str, Any]]:
    """Effects of each option on the measures, and how far it ranks the words alike."""
    if not grid.other_options:
        return []
    values = torch.stack([at_every_scale(of_measure, grid) for of_measure in found.values])
    effects = marginal_effects(values, grid, seed=seed)
    alike = mean_intervals(found.agreements.T, seed=seed)
    return [
        {
            "axis": effect.axis,
            "option": effect.option,
            "reference": effect.reference,
            "pairs": effect.pairs,
            **dict(zip(MEASURES, map(_entry, effect.differences), strict=True)),
            "agreement": _entry(agreement),
        }
        for effect, agreement in zip(effects, alike, strict=True)
    ]


def _accuracy(whole: Dataset, labels: Tensor, seed: int) -> dict[str, Any]:
    """Accuracy of the classifier and of its copy with word vectors of equal length."""
    changed = with_equal_norms(whole.model)
    predicted = predict_texts(changed.probabilities, whole.ids, pad_id=changed.pad_id).argmax(dim=1)
    before, after = whole.predicted.cpu() == labels, predicted == labels
    differs = (whole.predicted.cpu() != predicted).double()
    return {
        "trained": Accuracy(int(before.sum()), len(labels)).to_dict(),
        "l2": Accuracy(int(after.sum()), len(labels)).to_dict(),
        "difference": _entry(paired_difference(after.double(), before.double(), seed=seed)),
        "predictions_changed": _entry(mean_interval(differs, seed=seed)),
    }


def _work(found: Sweep, rankings: int, summary_seconds: float) -> dict[str, Any]:
    """What was done, and the share of the time that the perturbed forward passes took."""
    work = found.work
    total = work.seconds + summary_seconds
    return {
        "rankings_of_texts": rankings,
        **asdict(work),
        "summary_seconds": summary_seconds,
        "share_of_perturbed_forwards": work.forwards_seconds / total,
    }


def _entry(interval: MeanInterval) -> dict[str, float | int | None]:
    """A mean for JSON, which cannot say NaN."""
    parts: dict[str, float | int | None] = to_json(interval)
    del parts["left_out"]
    return parts
