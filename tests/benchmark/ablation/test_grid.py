import itertools

import pytest
from torch import nn

from captum_rnn.benchmark.ablation.grid import AXES, Cell, Grid


@pytest.mark.parametrize(
    ("layer", "cells"),
    [
        (nn.LSTM(2, 2), 5 * 3 * 2 * 2 * 2 * 2),
        (nn.GRU(2, 2), 5 * 3 * 2 * 2 * 2),
        (nn.LSTM(2, 2, bidirectional=True), 5 * 3 * 2 * 3 * 2 * 2 * 2),
        (nn.RNN(2, 2, num_layers=3), 5 * 3 * 3 * 2 * 2 * 2),
    ],
)
def test_a_layer_has_the_options_that_exist_for_it(layer, cells):
    grid = Grid.of(layer)
    assert len(grid.cells) == len(set(grid.cells)) == cells
    grid.check_fits(layer)


def test_the_first_cell_is_the_methods_default_with_the_classifiers_readout():
    grid = Grid.of(nn.LSTM(2, 2, num_layers=2, bidirectional=True), "mean")
    assert grid.cells[0] == Cell(readout="mean")
    assert sorted(grid.readout) == ["final", "max", "mean"]


def test_cells_stand_in_the_order_of_a_table_with_the_axes_of_the_grid():
    grid = Grid(distance=("l1", "l2"), layer_index=(-1, -2, -3), embedding=("l2", "trained"))
    assert grid.shape == (2, 1, 1, 3, 1, 1, 1, 2)
    expected = itertools.product(("l1", "l2"), (-1, -2, -3), ("l2", "trained"))
    assert [(c.distance, c.layer_index, c.embedding) for c in grid.cells] == list(expected)


def test_other_options_leave_out_the_first_of_each_axis():
    grid = Grid(readout=("max", "mean", "final"), normalize=(False, True))
    assert grid.other_options == [("readout", "mean"), ("readout", "final"), ("normalize", True)]


@pytest.mark.parametrize("axis", AXES)
def test_an_axis_needs_options_each_once(axis):
    with pytest.raises(ValueError, match=f"{axis} has the options"):
        Grid(**{axis: ()})
    first = Grid().options(axis)[0]
    with pytest.raises(ValueError, match="one or more different ones"):
        Grid(**{axis: (first, first)})


@pytest.mark.parametrize("axis", [axis for axis in AXES if axis != "layer_index"])
def test_an_unknown_option_is_refused_with_the_known_ones(axis):
    with pytest.raises(ValueError, match=f"{axis} holds 'other'; expected options from "):
        Grid(**{axis: ("other",)})


@pytest.mark.parametrize(
    ("grid", "reason"),
    [
        (Grid(state=("hidden", "cell")), "no cell state"),
        (Grid(layer_index=(-1, -3)), "layer_index is -3"),
        (Grid(direction=("both", "backward")), "reads forward only"),
    ],
)
def test_a_grid_that_the_layer_does_not_have_is_refused(grid, reason):
    with pytest.raises(ValueError, match=reason):
        grid.check_fits(nn.GRU(2, 2, num_layers=2))
