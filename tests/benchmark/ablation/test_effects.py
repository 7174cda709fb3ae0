import math

import pytest
import torch

from captum_rnn.benchmark.ablation.effects import agreements, marginal_effects
from captum_rnn.benchmark.ablation.grid import Grid
from captum_rnn.benchmark.ablation.measures import MEASURES
from captum_rnn.evaluation import mean_interval, rank_correlations

GRID = Grid(distance=("l2", "l1", "cosine"), state=("hidden", "cell"), normalize=(True, False))


def effects_on(values, grid=GRID):
    """The effects on one measure (cells, texts)."""
    alike = torch.ones(len(grid.other_options), values.shape[-1])
    return marginal_effects(values.expand(len(MEASURES), -1, -1), alike, grid, seed=0)


def difference(found):
    return found.measures["sufficiency"]


def effect(effects, axis, option):
    (found,) = [e for e in effects if (e.axis, e.option) == (axis, option)]
    return found


def test_an_effect_that_was_put_in_is_found_whatever_the_others():
    texts = torch.rand(20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    by_option = {"l2": 0.0, "l1": 0.25, "cosine": -0.5, "hidden": 0.0, "cell": 2.0}
    values = torch.stack([texts + by_option[c.distance] + by_option[c.state] for c in GRID.cells])
    effects = effects_on(values)
    assert [(e.axis, e.option) for e in effects] == GRID.other_options
    for axis, option in (("distance", "l1"), ("distance", "cosine"), ("state", "cell")):
        found = difference(effect(effects, axis, option))
        assert found.mean == pytest.approx(by_option[option])
        assert found.low == pytest.approx(by_option[option])
    assert difference(effect(effects, "normalize", False)).mean == 0
    assert effect(effects, "distance", "l1").pairs == 4
    assert effect(effects, "state", "cell").pairs == 6
    assert effect(effects, "state", "cell").reference == "hidden"


def test_an_effect_is_the_mean_over_the_pairs_of_cells_that_differ_in_it_only():
    values = torch.rand(12, 15, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    place = {cell: number for number, cell in enumerate(GRID.cells)}
    differences = []
    for cell in GRID.cells:
        if cell.distance == "cosine":
            (partner,) = [
                other
                for other in GRID.cells
                if other.distance == "l2"
                and (other.state, other.normalize) == (cell.state, cell.normalize)
            ]
            differences.append(values[place[cell]] - values[place[partner]])
    expected = mean_interval(torch.stack(differences).mean(0), seed=0)
    found = difference(effect(effects_on(values), "distance", "cosine"))
    assert found.mean == pytest.approx(expected.mean)
    assert found.low == pytest.approx(expected.low, abs=0.02)


def test_a_text_without_a_number_is_left_out():
    grid = Grid(state=("hidden", "cell"))
    values = torch.tensor([[1.0, 2.0, math.nan], [2.0, 4.0, 5.0]])
    (found,) = effects_on(values, grid)
    assert (difference(found).mean, difference(found).left_out) == (1.5, 1)


def test_one_cell_has_no_effects():
    assert effects_on(torch.rand(1, 4), Grid()) == []
    assert agreements(torch.tensor([[1, 2]]), torch.rand(1, 1, 2), Grid(), pad_id=0).shape == (0, 1)


def test_agreement_is_with_the_first_cell():
    ids = torch.tensor([[4, 5, 6, 7], [4, 5, 6, 0]])
    scores = torch.rand(12, 2, 4, generator=torch.Generator().manual_seed(2))
    found = agreements(ids, scores, GRID, pad_id=0)
    places = {(c.distance, c.state, c.normalize): n for n, c in enumerate(GRID.cells)}
    others = [("l1", "hidden", True), ("cosine", "hidden", True), ("l2", "cell", True)]
    expected = [rank_correlations(ids, scores[places[other]], scores[0]) for other in others]
    torch.testing.assert_close(found[:3], torch.stack(expected))
    assert found.shape == (4, 2)
