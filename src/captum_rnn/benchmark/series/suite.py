"""Networks by networks: the tasks with known cells and the recorded vowels, one result for each."""

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from captum_rnn.benchmark.records import from_json, to_json
from captum_rnn.benchmark.series.combination import CombinationTask
from captum_rnn.benchmark.series.comparison import compare_on_series
from captum_rnn.benchmark.series.explained import ExplainedSeries, of_predicted_class
from captum_rnn.benchmark.series.methods import SERIES_METHODS, SeriesMethod
from captum_rnn.benchmark.series.networks import SeriesKind, TrainedSeriesNetwork, series_network
from captum_rnn.benchmark.series.results import SeriesComparison, SeriesExample, SeriesResult
from captum_rnn.benchmark.series.spike import SpikeTask
from captum_rnn.benchmark.series.state import StateTask, SwitchFeatureTask
from captum_rnn.benchmark.series.task import SeriesTask
from captum_rnn.benchmark.series.vowels import japanese_vowels, vowel_net
from captum_rnn.files import write_text

SERIES_TASKS: tuple[SeriesTask, ...] = (
    SpikeTask(),
    StateTask(),
    SwitchFeatureTask(),
    CombinationTask(),
)
"""The tasks with known cells."""

VOWELS = "vowels"

EXAMPLE_METHODS = ("deep_lift", "integrated_gradients", "hidden_state_delta")
"""The methods under which a report shows a series."""


class Recorded(Protocol):
    """Recorded series: trains a network on them, or reads it, and draws some to explain."""

    def __call__(
        self, kind: SeriesKind, of_net: int, series: int, seed: int, *, show_progress: bool
    ) -> tuple[TrainedSeriesNetwork, ExplainedSeries]:
        """The network of a kind and seed, and series that it has not learnt from."""


def compare_networks(
    kinds: Sequence[SeriesKind] = ("gru",),
    seeds: Sequence[int] = (0,),
    *,
    tasks: Collection[str] | None = None,
    series: int = 100,
    methods: Sequence[SeriesMethod] = SERIES_METHODS,
    vowels: Path | None = None,
    recorded: Mapping[str, Recorded] | None = None,
    seed: int = 0,
    folder: Path | None = None,
    show_progress: bool = False,
) -> SeriesComparison:
    """Compares methods on one network for each task, kind of layer and seed.

    The baseline is zero: the mean of the standardised vowels and what is neutral in the tasks. A
    network that has not learnt its task judges no method and is named as missing.

    Args:
        kinds: The recurrent layers.
        seeds: Seeds of the networks.
        tasks: Names of the tasks and recordings; None: all.
        series: Number of explained series of each.
        methods: The methods.
        vowels: Folder of JapaneseVowels; None: in the package `aeon`, else they are left out.
        recorded: Further series, by name. How well a network does on them is told, and no bar is
            set: nobody knows what can be reached.
        seed: Seed of the explained series and of all else that is drawn.
        folder: Keeps each finished network's result, so that the same call resumes; None: nothing
            is kept.
        show_progress: Show what is trained and measured on standard error.
    """
    comparison = SeriesComparison.begin(seed)
    names = [*(task.name for task in SERIES_TASKS), VOWELS, *(recorded or {})]
    names = [name for name in names if tasks is None or name in tasks]
    for name, kind, of_net in ((n, k, s) for n in names for k in kinds for s in seeds):
        kept = None if folder is None else folder / f"{name}-{kind}-{of_net}-{series}-{seed}.json"
        if kept is not None and kept.exists():
            content = json.loads(kept.read_text(encoding="utf-8"))
            comparison.results.append(from_json(SeriesResult, content, kept.name))
            continue
        try:
            network = (recorded or {}).get(name) or partial(_network, name, vowels)
            trained, explained = network(kind, of_net, series, seed, show_progress=show_progress)
        except FileNotFoundError as error:
            comparison.missing.append(str(error))
            continue
        if not trained.solved and name not in (recorded or {}):
            comparison.missing.append(
                f"the {kind} of seed {of_net} has not learnt {name}: {trained.accuracy:.3f} of "
                f"{trained.ceiling:.3f}"
            )
            continue
        if show_progress:
            print(f"{name}, {kind}, seed {of_net}", file=sys.stderr)
        results, scores = compare_on_series(
            explained, methods, seed=seed, show_progress=show_progress
        )
        result = SeriesResult(
            task=name,
            kind=kind,
            seed=of_net,
            accuracy=trained.accuracy,
            ceiling=trained.ceiling,
            series=len(explained.values),
            methods=results,
            examples=[_example(explained, scores)] if of_net == seeds[0] else [],
        )
        comparison.results.append(result)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_text(json.dumps(to_json(result)), kept)
    comparison.missing = list(dict.fromkeys(comparison.missing))
    return comparison


def _example(explained: ExplainedSeries, scores: dict[str, Tensor]) -> SeriesExample:
    """The first series under the methods that a report shows, up to its length."""
    steps = len(explained.values[0]) if explained.lengths is None else int(explained.lengths[0])
    cells = None if explained.cells is None else explained.cells[0].nonzero().tolist()
    shown = {name: scores[name][0, :steps].tolist() for name in EXAMPLE_METHODS if name in scores}
    return SeriesExample(explained.values[0, :steps].tolist(), cells, shown)


def _network(
    name: str,
    vowels: Path | None,
    kind: SeriesKind,
    of_net: int,
    series: int,
    seed: int,
    *,
    show_progress: bool,
) -> tuple[TrainedSeriesNetwork, ExplainedSeries]:
    """A network with the series to explain."""
    if name == VOWELS:
        trained = vowel_net(kind, of_net, folder=vowels, show_progress=show_progress)
        return trained, _of_vowels(trained, series, seed, vowels)
    (task,) = (task for task in SERIES_TASKS if task.name == name)
    trained = series_network(task, kind, of_net, show_progress=show_progress)
    sample, model = task.sample(series, seed=seed), trained.model
    targets = None if task.every_step else of_predicted_class(model, sample.values)
    baseline = torch.zeros(task.features)
    return trained, ExplainedSeries(
        model, model.rnn, sample.values, targets, baseline, cells=sample.cells
    )


def _of_vowels(
    trained: TrainedSeriesNetwork, series: int, seed: int, vowels: Path | None
) -> ExplainedSeries:
    _, test = japanese_vowels(vowels)
    order = torch.randperm(len(test.values), generator=torch.Generator().manual_seed(seed))
    rows, model = order[:series], trained.model
    values, lengths = test.values[rows], test.lengths[rows]
    targets = of_predicted_class(model, values, lengths)
    return ExplainedSeries(model, model.rnn, values, targets, torch.zeros(values.shape[2]), lengths)
