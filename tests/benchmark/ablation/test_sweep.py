from dataclasses import replace

import pytest
import torch

from captum_rnn.attr import HiddenStateDeltaAttribution
from captum_rnn.benchmark.ablation.embedding import with_equal_norms
from captum_rnn.benchmark.ablation.grid import Grid
from captum_rnn.benchmark.ablation.measures import MEASURES
from captum_rnn.benchmark.ablation.sweep import at_every_scale, sweep
from captum_rnn.benchmark.dataset import Dataset
from captum_rnn.evaluation import PerturbedPredictions, comprehensiveness, rank_correlations

TEXTS = ["很好的书，推荐", "酒店非常差", "不推荐热水器", "非常好", "书不好，酒店很差"]
GRID = Grid(
    distance=("l2", "projection"),
    state=("hidden", "cell"),
    normalize=(True, False),
    initial_state=("zeros", "neutral"),
    embedding=("trained", "l2"),
)


@pytest.fixture
def dataset(classifier):
    classifier.model.eval()
    return Dataset.of(classifier, TEXTS)


def test_every_text_has_its_own_numbers_in_the_cell_of_its_options(dataset, classifier):
    found = sweep(dataset, GRID, seed=0)
    cells = GRID.up_to_scale.cells
    assert found.values.shape == (len(MEASURES), len(cells), len(TEXTS))
    changed = with_equal_norms(dataset.model)
    for number, cell in enumerate(cells):
        if cell.initial_state == "zeros":
            model = dataset.model if cell.embedding == "trained" else changed
            scores = HiddenStateDeltaAttribution(
                model.model, model.layer, distance=cell.distance, state=cell.state
            ).attribute(dataset.ids)
            expected = comprehensiveness(
                PerturbedPredictions(model.probabilities, dataset.ids), scores, seed=0
            )
            torch.testing.assert_close(
                found.values[0, number], expected, rtol=0.0, atol=1e-6, equal_nan=True
            )


def test_normalisation_changes_no_measure(dataset):
    raw = replace(GRID, normalize=(False,))
    both, alone = (sweep(dataset, grid, seed=0) for grid in (GRID, raw))
    torch.testing.assert_close(both.values, alone.values, equal_nan=True)
    place = GRID.other_options.index(("normalize", False))
    assert both.agreements[place].nan_to_num(1.0).eq(1.0).all()


def test_agreement_is_between_the_scores_of_the_texts(dataset):
    found = sweep(dataset, GRID, seed=0)
    first, other = (
        HiddenStateDeltaAttribution(
            dataset.model.model, dataset.model.layer, state=state
        ).attribute(dataset.ids)
        for state in ("hidden", "cell")
    )
    expected = rank_correlations(dataset.ids, other, first)
    place = GRID.other_options.index(("state", "cell"))
    torch.testing.assert_close(found.agreements[place], expected, equal_nan=True)


def test_the_work_is_counted(dataset):
    work = sweep(dataset, GRID, seed=0).work
    treatments, distinct = 2, len(GRID.up_to_scale.cells) // 2
    assert treatments * len(TEXTS) <= work.rankings <= treatments * distinct * len(TEXTS)
    parts = (work.scores_seconds, work.forwards_seconds, work.measures_seconds)
    assert all(part > 0 for part in parts)
    assert sum(parts) <= work.seconds
    # At least every word of every text was left out once.
    assert work.perturbed_texts >= treatments * sum(len(set(row)) > 1 for row in dataset.tokens)


def test_what_all_normalisations_share_stands_at_each_of_their_cells():
    numbers = torch.arange(len(GRID.up_to_scale.cells))
    of_cell = dict(zip(GRID.up_to_scale.cells, numbers.tolist(), strict=True))
    expected = [of_cell[replace(cell, normalize=True)] for cell in GRID.cells]
    assert at_every_scale(numbers, GRID).tolist() == expected


def test_a_layer_without_a_state_of_the_grid_is_refused(dataset):
    with pytest.raises(ValueError, match="reads forward only"):
        sweep(dataset, Grid(direction=("backward",)), seed=0)
