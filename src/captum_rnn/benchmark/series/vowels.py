"""JapaneseVowels: nine speakers say two vowels, twelve features a step, 7 to 29 steps."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from captum_rnn.benchmark.series.networks import (
    SeriesClassifier,
    SeriesKind,
    TrainedSeriesNetwork,
    accuracy_of,
    first_weights,
    kept_net,
    train_step,
)
from captum_rnn.benchmark.series.task import SeriesSample

_FILES = {"train": "JapaneseVowels_TRAIN.ts", "test": "JapaneseVowels_TEST.ts"}
_RECIPE_VERSION = 1
_HIDDEN, _EPOCHS, _BATCH, _RATE = 100, 60, 32, 2e-3


@dataclass(frozen=True)
class Utterances:
    """Recorded series of different length.

    Attributes:
        values: (series, time, 12), 0 after the end of each.
        lengths: Number of steps of each (series,).
        labels: The speaker, from 0 (series,).
    """

    values: Tensor
    lengths: Tensor
    labels: Tensor

    @property
    def present(self) -> Tensor:
        """True for the steps of each series (series, time)."""
        return torch.arange(self.values.shape[1]) < self.lengths.unsqueeze(1)

    def standardised(self, mean: Tensor, deviation: Tensor) -> "Utterances":
        """The same, each feature less a mean and over a deviation (12,)."""
        values = ((self.values - mean) / deviation) * self.present.unsqueeze(2)
        return Utterances(values, self.lengths, self.labels)


def japanese_vowels(folder: Path | None = None) -> tuple[Utterances, Utterances]:
    """The 270 series to learn from and the 370 others, standardised by the former.

    Args:
        folder: Where the two `.ts` files lie; None: in the installed package `aeon`, which is not
            imported.

    Raises:
        FileNotFoundError: There are no such files.
        ValueError: A file holds something else.

    Source: Kudo, Toyama & Shimbo (1999), "Multidimensional Curve Classification Using
    Passing-Through Regions"; UCI Machine Learning Repository.
    """
    folder = _of_package() if folder is None else folder
    train, test = (read_ts(folder / name) for name in _FILES.values())
    steps = train.values[train.present]
    return tuple(  # type: ignore[return-value]
        part.standardised(steps.mean(0), steps.std(0)) for part in (train, test)
    )


def read_ts(path: Path) -> Utterances:
    """Reads a file of the archive's format: features by ``:``, steps by ``,``, the class last.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line holds something else.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    data = [line for line in lines[lines.index("@data") + 1 :] if line.strip()]
    series, labels = [], []
    for number, line in enumerate(data, 1):
        *features, label = line.split(":")
        try:
            columns = [[float(value) for value in feature.split(",")] for feature in features]
            series.append(torch.tensor(columns).t())
            labels.append(int(label) - 1)
        except ValueError as error:
            raise ValueError(f"series {number} of {path.name}: {error}") from error
    lengths = torch.tensor([len(values) for values in series])
    return Utterances(pad_sequence(series, batch_first=True), lengths, torch.tensor(labels))


def vowel_net(
    kind: SeriesKind = "gru",
    seed: int = 0,
    *,
    folder: Path | None = None,
    show_progress: bool = False,
) -> TrainedSeriesNetwork:
    """A classifier of the speakers, from the cache or trained now, within a minute.

    Args:
        kind: The recurrent layer, of 100 units.
        seed: Decides the first weights and the order of the series.
        folder: See `japanese_vowels`.
        show_progress: Show the progress of a training on standard error.

    Raises:
        FileNotFoundError: The data are not there.
        OSError: The cache cannot be written.
        ValueError: What stands in the cache is damaged.
    """
    train, test = japanese_vowels(folder)
    speakers = int(train.labels.max()) + 1
    model = first_weights(seed, train.values.shape[2], speakers, kind=kind, hidden=_HIDDEN)
    recipe: dict[str, object] = {
        "version": _RECIPE_VERSION,
        "series": len(train.values),
        "kind": kind,
        "seed": seed,
    }

    return kept_net(
        f"vowels-{kind}-{seed}",
        recipe,
        model,
        lambda untrained: _learn(untrained, train, test, seed, show_progress),
    )


def _learn(
    model: SeriesClassifier, train: Utterances, test: Utterances, seed: int, show_progress: bool
) -> TrainedSeriesNetwork:
    optimiser = torch.optim.Adam(model.parameters(), lr=_RATE)
    generator = torch.Generator().manual_seed(seed)
    step = 0
    for _ in tqdm(
        range(_EPOCHS), desc="training on vowels", disable=not show_progress, file=sys.stderr
    ):
        order = torch.randperm(len(train.values), generator=generator)
        for rows in torch.split(order, _BATCH):
            train_step(model, optimiser, _sample(train, rows), train.lengths[rows])
            step += 1
    rows = torch.arange(len(test.values))
    accuracy = accuracy_of(model.eval(), _sample(test, rows), test.lengths)
    return TrainedSeriesNetwork(model, accuracy, 1.0, step)


def _sample(series: Utterances, rows: Tensor) -> SeriesSample:
    values = series.values[rows]
    return SeriesSample(values, series.labels[rows], torch.zeros_like(values, dtype=torch.bool))


def _of_package() -> Path:
    found = importlib.util.find_spec("aeon")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(
            "the data of JapaneseVowels lie in the package aeon, which is only read and so needs "
            "none of its dependencies: pip install --no-deps aeon"
        )
    return Path(found.submodule_search_locations[0], "datasets", "data", "JapaneseVowels")
