"""What the options of the grid are called in tables and figures."""

from typing import Any

from captum_rnn.benchmark.ablation.grid import AXES, Cell, Grid

AXIS_NAMES = {
    "distance": "distance",
    "readout": "readout",
    "state": "state",
    "layer_index": "layer",
    "direction": "direction",
    "normalize": "normalisation",
    "initial_state": "initial state",
    "embedding": "word vectors",
}
MEASURE_NAMES = {
    "comprehensiveness": "comprehensiveness",
    "sufficiency": "sufficiency",
    "spearman_leave_one_out": "Spearman with leave-one-out",
}
BETTER = {
    "comprehensiveness": "higher",
    "sufficiency": "lower",
    "spearman_leave_one_out": "higher",
}


def option_name(axis: str, option: Any) -> str:
    """An option in words, within its axis.

    Example:
        >>> option_name("layer_index", -1), option_name("layer_index", -3)
        ('top', '2 below the top')
    """
    if axis == "layer_index":
        return "top" if option == -1 else f"{-1 - option} below the top"
    if axis == "normalize":
        return "normalised" if option else "raw"
    if (axis, option) == ("embedding", "l2"):
        return "equal length"
    return str(option)


def cell_name(cell: Cell, grid: Grid) -> str:
    """What distinguishes a cell from the first options.

    Example:
        >>> grid = Grid(distance=("l2", "l1"), state=("hidden", "cell"))
        >>> cell_name(Cell(distance="l1", state="cell"), grid)
        'distance l1, state cell'
        >>> cell_name(Cell(), grid)
        'the first options'
    """
    changed = [
        f"{AXIS_NAMES[axis]} {option_name(axis, getattr(cell, axis))}"
        for axis in AXES
        if getattr(cell, axis) != grid.options(axis)[0]
    ]
    return ", ".join(changed) or "the first options"
