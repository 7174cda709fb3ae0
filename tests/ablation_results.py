"""An ablation with made-up numbers."""

from captum_rnn.benchmark.ablation import Ablation, Grid
from captum_rnn.benchmark.ablation.measures import MEASURES
from captum_rnn.benchmark.ablation.results import Effect, EqualLengths, MeasuredCell, Work
from captum_rnn.evaluation import MeanInterval
from captum_rnn.text.accuracy import Accuracy


def made_up_ablation() -> Ablation:
    """Forty-two cells on two distances and twenty-one layers, the last two like those before."""
    grid = Grid(distance=("l2", "l1"), layer_index=tuple(range(-1, -22, -1)))
    cells = sorted(grid.cells, key=lambda cell: -cell.layer_index)
    return Ablation(
        created="2026-11-29T00:00:00+00:00",
        versions={"captum-rnn": "0.2.0"},
        machine={"cores": 2},
        seed=0,
        classifier={"kind": "lstm"},
        trained_on={},
        texts=100,
        mean_known_words=35.0,
        neutral_words=5,
        neutral_id=1,
        grid=grid,
        cells=[
            MeasuredCell(cell, _measures(0.9 - 0.02 * (number - 2 if number >= 40 else number)))
            for number, cell in enumerate(cells)
        ],
        effects=[effect("distance", "l1", "l2", entry(0.25, 0.125))],
        accuracy=EqualLengths(
            Accuracy(160, 200), Accuracy(155, 200), entry(-0.025, 0.025), entry(0.05, 0.02)
        ),
        work=Work(
            rankings=100,
            perturbed_texts=1234,
            forwards_seconds=8.0,
            seconds=9.0,
            rankings_of_texts=4200,
            summary_seconds=1.0,
        ),
    )


def effect(axis: str, option: str, reference: str, first: MeanInterval) -> Effect:
    """An effect on the first measure, and little on the others."""
    measures = dict(zip(MEASURES, (first, entry(-0.125, 0.125), entry(-0.0001, 0.0)), strict=True))
    return Effect(axis, option, reference, 21, measures, entry(0.5, 0.25))


def entry(mean: float, half: float) -> MeanInterval:
    """A mean in the middle of its interval."""
    return MeanInterval(mean, mean - half, mean + half, 100, 0)


def _measures(value: float) -> dict[str, MeanInterval]:
    entries = (entry(value, 0.1), entry(1 - value, 0.1), entry(value, 0.05))
    return dict(zip(MEASURES, entries, strict=True))
