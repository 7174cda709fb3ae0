"""Every choice that the hidden-state delta leaves open, measured on the same texts: `ablate`.

`grid` says what there is to choose, `scores` scores a batch under all choices from one recorded
trajectory, `measures` says how good the scores are, `run` does all of it for a classifier;
`effects` and `intervals` summarise, `table` and `figure` show.
"""

from captum_rnn.benchmark.ablation.grid import Cell, Grid
from captum_rnn.benchmark.ablation.run import ablate

__all__ = ["Cell", "Grid", "ablate"]
