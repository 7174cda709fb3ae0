import pytest

from captum_rnn.benchmark.ablation.grid import AXES, Cell, Grid
from captum_rnn.benchmark.ablation.labels import (
    AXIS_NAMES,
    BETTER,
    MEASURE_NAMES,
    cell_name,
    option_name,
)
from captum_rnn.benchmark.ablation.measures import MEASURES


def test_every_axis_and_measure_has_a_name():
    assert tuple(AXIS_NAMES) == AXES
    assert tuple(MEASURE_NAMES) == tuple(BETTER) == MEASURES


@pytest.mark.parametrize(
    ("axis", "option", "name"),
    [
        ("normalize", True, "normalised"),
        ("normalize", False, "raw"),
        ("embedding", "l2", "equal length"),
        ("distance", "l2", "l2"),
        ("layer_index", -2, "1 below the top"),
    ],
)
def test_an_option_is_named_within_its_axis(axis, option, name):
    assert option_name(axis, option) == name


def test_a_cell_is_named_by_what_differs_from_the_first_options():
    assert cell_name(Cell(), Grid()) == "the first options"
    other = Cell(normalize=False, readout="max")
    assert cell_name(other, Grid()) == "readout max, normalisation raw"
