"""The ablation bench: every choice of the hidden-state delta on one classifier and its texts."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

import torch
from torch import Tensor

from captum_rnn.benchmark.ablation.ablation import Ablation
from captum_rnn.benchmark.ablation.effects import marginal_effects
from captum_rnn.benchmark.ablation.embedding import with_equal_norms
from captum_rnn.benchmark.ablation.grid import Grid
from captum_rnn.benchmark.ablation.measures import MEASURES
from captum_rnn.benchmark.ablation.results import Effect, EqualLengths, MeasuredCell
from captum_rnn.benchmark.ablation.scores import NEUTRAL_WORDS
from captum_rnn.benchmark.ablation.sweep import Sweep, at_every_scale, sweep
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.evaluation import mean_interval, paired_difference
from captum_rnn.evaluation.bootstrap import mean_intervals
from captum_rnn.evaluation.prediction import predict_texts
from captum_rnn.states.layers import torch_layer
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.accuracy import Accuracy
from captum_rnn.text.corpus import Review
from captum_rnn.text.pipeline import TextClassifier


def ablate(
    classifier: TextClassifier,
    reviews: Sequence[Review],
    *,
    texts: int = 100,
    grid: Grid | None = None,
    seed: int = 0,
    show_progress: bool = False,
) -> Ablation:
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
        The measures of every cell with 95 % intervals over the texts, the effect of each option
        against the first of its axis, the accuracy with each embedding treatment, and where the
        time went. What is not defined is NaN.

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
        found.work.summary_seconds = time.perf_counter() - start
        found.work.rankings_of_texts = len(cells) * len(rows)
        labels = torch.tensor([review.label for review in reviews])
        return Ablation(
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            versions=versions(),
            machine=machine(dataset.ids.device),
            seed=seed,
            classifier=classifier.model.architecture,
            trained_on=dict(classifier.trained_on),
            texts=len(rows),
            mean_known_words=float(dataset.read.sum(dim=1).double().mean()),
            neutral_words=NEUTRAL_WORDS,
            neutral_id=dataset.model.neutral_id,
            grid=grid,
            cells=cells,
            effects=effects,
            accuracy=_accuracy(whole, labels, seed) if "l2" in grid.embedding else None,
            work=found.work,
        )


def _cells(found: Sweep, grid: Grid, seed: int) -> list[MeasuredCell]:
    """The measures of each cell."""
    measured = grid.up_to_scale.cells
    intervals = mean_intervals(found.values.flatten(0, 1).T, seed=seed)
    of_cell = {
        cell: dict(zip(MEASURES, intervals[place :: len(measured)], strict=True))
        for place, cell in enumerate(measured)
    }
    first = grid.normalize[0]
    return [MeasuredCell(cell, of_cell[replace(cell, normalize=first)]) for cell in grid.cells]


def _effects(found: Sweep, grid: Grid, seed: int) -> list[Effect]:
    """Effects of each option on the measures, and how far it ranks the words alike."""
    values = torch.stack([at_every_scale(of_measure, grid) for of_measure in found.values])
    return marginal_effects(values, found.agreements, grid, seed=seed)


def _accuracy(whole: Dataset, labels: Tensor, seed: int) -> EqualLengths:
    """Accuracy of the classifier and of its copy with word vectors of equal length."""
    changed = with_equal_norms(whole.model)
    predicted = predict_texts(changed.probabilities, whole.ids, pad_id=changed.pad_id).argmax(dim=1)
    before, after = whole.predicted.cpu() == labels, predicted == labels
    return EqualLengths(
        trained=Accuracy(int(before.sum()), len(labels)),
        l2=Accuracy(int(after.sum()), len(labels)),
        difference=paired_difference(after.double(), before.double(), seed=seed),
        predictions_changed=mean_interval((whole.predicted.cpu() != predicted).double(), seed=seed),
    )
