"""Every choice that the hidden-state delta leaves open, measured on the same texts: `ablate`.

`grid` says what there is to choose, `scores` scores a batch under all choices from one recorded
trajectory, `measures` says how good the scores are, `run` does all of it for a classifier;
`effects` and `intervals` summarise, `table` and `figure` show.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captum_rnn.benchmark.ablation.grid import Cell, Grid
    from captum_rnn.benchmark.ablation.run import ablate

_ROOMS = {"Cell": "grid", "Grid": "grid", "ablate": "run"}
__all__ = ["Cell", "Grid", "ablate"]


def __getattr__(name: str) -> Any:
    """Imports torch with the first use, so that `captum-rnn --help` answers at once."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
