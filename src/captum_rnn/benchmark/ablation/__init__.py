"""Every choice that the hidden-state delta leaves open, measured on the same texts: `ablate`.

`grid` says what there is to choose, `scores` scores a batch under all choices from one recorded
trajectory, `measures` says how good the scores are, `run` does all of it for a classifier;
`effects` summarises, `results` and `ablation` hold what was found, `table` and `figure` show it.
"""

from captum_rnn.benchmark.ablation.ablation import Ablation
from captum_rnn.benchmark.ablation.grid import Cell, Grid
from captum_rnn.benchmark.ablation.run import ablate

__all__ = ["Ablation", "Cell", "Grid", "ablate"]
