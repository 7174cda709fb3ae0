"""All cells of the grid on all texts, and where the time went."""

import time
from dataclasses import dataclass

import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.benchmark.ablation.effects import agreements
from captum_rnn.benchmark.ablation.embedding import with_equal_norms
from captum_rnn.benchmark.ablation.grid import AXES, Embedding, Grid
from captum_rnn.benchmark.ablation.measures import MEASURES, measure_cells
from captum_rnn.benchmark.ablation.results import Work
from captum_rnn.benchmark.ablation.scores import RecordedBatch
from captum_rnn.benchmark.cost import timed
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.benchmark.methods import ExplainedModel
from captum_rnn.evaluation import PerturbedPredictions
from captum_rnn.states.layers import torch_layer


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        values: Numbers (measures, cells, texts) in the order of `MEASURES` and of the cells of
            `grid.up_to_scale`.
        agreements: See `captum_rnn.benchmark.ablation.effects.agreements` (options, texts).
        work: What was done for it.
    """

    values: Tensor
    agreements: Tensor
    work: Work


def sweep(dataset: Dataset, grid: Grid, *, seed: int, show_progress: bool = False) -> Sweep:
    """Scores and measures every cell of the grid on every text.

    Cells that differ in their normalisation only rank the words of a text alike, so they are
    measured once.

    Texts are perturbed and predicted without a neutral prefix, whatever the initial state of the
    scores; with other word vectors they are predicted by the classifier that has these.

    Args:
        dataset: The classifier and the texts, each with a word to read.
        grid: The grid.
        seed: Seed of the order among words of equal score.
        show_progress: Show a progress bar on standard error.

    Returns:
        What was found.

    Raises:
        ValueError: The layer lacks a state, stacked layer or direction of the grid.
    """
    start = time.perf_counter()
    work, texts = Work(), len(dataset.texts)
    ranked = grid.up_to_scale
    ranked.check_fits(torch_layer(dataset.model.layer))
    models = {treatment: _treated(dataset.model, treatment) for treatment in grid.embedding}
    values = torch.full((len(MEASURES), len(ranked.cells), texts), torch.nan, dtype=torch.float64)
    agreement = torch.full((len(grid.other_options), texts), torch.nan, dtype=torch.float64)
    batches = dataset.batches()
    with tqdm(total=len(batches) * len(models), unit="batch", disable=not show_progress) as bar:
        for rows in batches:
            ids, texts_of_batch = dataset.batch_ids(rows), rows.cpu()
            scores = torch.zeros(len(ranked.cells), *ids.shape, dtype=torch.float64)
            for treatment, model in models.items():
                cells = torch.tensor([cell.embedding == treatment for cell in ranked.cells])
                scores[cells] = _scored(model, ids, ranked, cells, work)
                found = _measured(model, ids, scores[cells], seed, work)
                values[:, cells.nonzero(), texts_of_batch] = found
                bar.update()
            agreement[:, texts_of_batch] = agreements(
                ids.cpu(), at_every_scale(scores, grid), grid, pad_id=dataset.model.pad_id
            )
    work.seconds = time.perf_counter() - start
    return Sweep(values, agreement, work)


def at_every_scale(of_cells: Tensor, grid: Grid) -> Tensor:
    """What the cells of `grid.up_to_scale` have (cells, ...), for all cells of the grid."""
    table = of_cells.reshape(*grid.up_to_scale.shape, *of_cells.shape[1:])
    axis = AXES.index("normalize")
    return table.repeat_interleave(len(grid.normalize), dim=axis).flatten(0, len(AXES) - 1)


def _treated(model: ExplainedModel, treatment: Embedding) -> ExplainedModel:
    return model if treatment == "trained" else with_equal_norms(model)


def _scored(model: ExplainedModel, ids: Tensor, grid: Grid, chosen: Tensor, work: Work) -> Tensor:
    """Scores (chosen cells, batch, time) of the cells of one embedding treatment (cells,)."""
    start = time.perf_counter()
    cells = [grid.cells[place] for place in chosen.nonzero().flatten().tolist()]
    scores = torch.zeros(len(cells), *ids.shape, dtype=torch.float64)
    for initial in grid.initial_state:
        places = [place for place, cell in enumerate(cells) if cell.initial_state == initial]
        recorded = RecordedBatch.of(model, ids, initial)
        scores[places] = recorded.score([cells[place] for place in places]).cpu().double()
    work.scores_seconds += time.perf_counter() - start
    return scores


def _measured(model: ExplainedModel, ids: Tensor, scores: Tensor, seed: int, work: Work) -> Tensor:
    """Measures (measures, cells, batch) of scores (cells, batch, time)."""
    start, before = time.perf_counter(), work.forwards_seconds

    def predict(texts: Tensor) -> Tensor:
        answer, seconds = timed(lambda: model.probabilities(texts))
        work.forwards_seconds += seconds
        return answer

    perturbed = PerturbedPredictions(
        predict, ids, probabilities=model.probabilities(ids), pad_id=model.pad_id
    )
    measured = measure_cells(perturbed, scores, seed=seed)
    work.rankings += measured.rankings
    work.perturbed_texts += perturbed.texts_predicted
    in_forwards = work.forwards_seconds - before
    work.measures_seconds += time.perf_counter() - start - in_forwards
    return measured.values
