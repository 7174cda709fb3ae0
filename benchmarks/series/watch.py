"""Shoulder exercises by a smartwatch: six sensors, recordings of ten people, from `seglearn`."""

import importlib.util
import io
import pickle
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from captum_rnn.benchmark.series import ExplainedSeries
from captum_rnn.benchmark.series.explained import of_predicted_class
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

NAME = "watch"
SENSORS = ("ax", "ay", "az", "wx", "wy", "wz")
_FILE = "watch_dataset.npy"
_HELD_OUT = (8, 9, 10)  # people that no network learns from
_TAKEN_TOGETHER, _STEPS, _STRIDE, _OF_EACH = 4, 60, 15, 4
_HIDDEN, _STEPS_OF_TRAINING, _BATCH, _RATE, _RECIPE_VERSION = 64, 800, 64, 3e-3, 1
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
}
_NUMPY_S_CORE = re.compile(r"^numpy\._?core\b")
_CORE = "numpy._core" if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else "numpy.core"


class Windows(NamedTuple):
    """Pieces of recordings, 60 steps of 80 ms.

    Attributes:
        train: Those of seven people, overlapping.
        test: Four of each recording of three others.
    """

    train: SeriesSample
    test: SeriesSample


class _ArraysOnly(pickle.Unpickler):
    """Reads arrays, and lists and dictionaries of them, and runs nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{_FILE} holds {module}.{name}, which is no array")
        return super().find_class(_NUMPY_S_CORE.sub(_CORE, module), name)


def read_recordings(path: Path) -> dict[str, Any]:
    """Reads the file of `seglearn`, a pickle, admitting arrays alone.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds something else.
    """
    with path.open("rb") as stream:
        try:
            np.lib.format.read_magic(stream)
            np.lib.format.read_array_header_1_0(stream)
            content = _ArraysOnly(io.BytesIO(stream.read()), encoding="latin1").load()
            recordings = content.item()
            return {name: recordings[name] for name in ("X", "y", "subject")}
        except (AttributeError, KeyError, ValueError, pickle.UnpicklingError) as error:
            raise ValueError(f"{path.name} is not the file of seglearn: {error}") from error


def watch_windows(folder: Path | None = None) -> Windows:
    """Windows of the recordings, split by person and standardised by those to learn from.

    Args:
        folder: Where `watch_dataset.npy` lies; None: in the package `seglearn`, which is not
            imported.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds something else.

    Source: Burns et al. (2018), "Shoulder physiotherapy exercise recognition: machine learning the
    inertial signals from a smartwatch", Physiological Measurement.
    """
    recordings = read_recordings((_of_package() if folder is None else folder) / _FILE)
    parts: dict[bool, tuple[list[Tensor], list[int]]] = {True: ([], []), False: ([], [])}
    for values, label, person in zip(
        recordings["X"], recordings["y"], recordings["subject"], strict=True
    ):
        steps = torch.as_tensor(np.asarray(values, np.float32))
        whole = len(steps) // _TAKEN_TOGETHER * _TAKEN_TOGETHER
        steps = steps[:whole].view(-1, _TAKEN_TOGETHER, steps.shape[1]).mean(1)
        held_out = int(person) in _HELD_OUT
        last = len(steps) - _STEPS
        starts = torch.linspace(0, last, _OF_EACH).long() if held_out else range(0, last, _STRIDE)
        windows, labels = parts[held_out]
        windows.extend(steps[int(start) : int(start) + _STEPS] for start in starts)
        labels.extend([int(label)] * len(starts))
    train, test = (torch.stack(parts[held_out][0]) for held_out in (False, True))
    mean, deviation = train.mean((0, 1)), train.std((0, 1))
    return Windows(
        _sample((train - mean) / deviation, parts[False][1]),
        _sample((test - mean) / deviation, parts[True][1]),
    )


def watch_network(
    kind: SeriesKind,
    of_net: int,
    series: int,
    seed: int,
    *,
    folder: Path | None = None,
    show_progress: bool = False,
) -> tuple[TrainedSeriesNetwork, ExplainedSeries]:
    """A classifier of the seven exercises, from the cache or trained now, and windows to explain.

    Args:
        kind: The recurrent layer, of 64 units.
        of_net: Decides the first weights and the order of the windows.
        series: Number of windows to explain, of people that it has not seen.
        seed: Decides which.
        folder: See `watch_windows`.
        show_progress: Show the progress of a training on standard error.

    Raises:
        FileNotFoundError: The data are not there.
        OSError: The cache cannot be written.
        ValueError: What stands in the cache, or in the file, is damaged.
    """
    train, test = watch_windows(folder)
    recipe: dict[str, object] = {
        "version": _RECIPE_VERSION,
        "windows": len(train.values),
        "kind": kind,
        "seed": of_net,
    }
    classes = int(train.labels.max()) + 1
    trained = kept_net(
        f"{NAME}-{kind}-{of_net}",
        recipe,
        first_weights(of_net, len(SENSORS), classes, kind=kind, hidden=_HIDDEN),
        lambda untrained: _learn(untrained, train, test, of_net, show_progress),
    )
    order = torch.randperm(len(test.values), generator=torch.Generator().manual_seed(seed))
    values, model = test.values[order[:series]], trained.model
    targets = of_predicted_class(model, values)
    return trained, ExplainedSeries(model, model.rnn, values, targets, torch.zeros(len(SENSORS)))


def _learn(
    model: SeriesClassifier,
    train: SeriesSample,
    test: SeriesSample,
    seed: int,
    show_progress: bool,
) -> TrainedSeriesNetwork:
    optimiser = torch.optim.Adam(model.parameters(), lr=_RATE)
    slowing_down = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, _STEPS_OF_TRAINING)
    generator = torch.Generator().manual_seed(seed)
    for _ in tqdm(
        range(_STEPS_OF_TRAINING),
        desc=f"training on {NAME}",
        disable=not show_progress,
        file=sys.stderr,
    ):
        rows = torch.randint(len(train.values), (_BATCH,), generator=generator)
        train_step(model, optimiser, _rows(train, rows))
        slowing_down.step()
    accuracy = accuracy_of(model.eval(), test)
    return TrainedSeriesNetwork(model, accuracy, 1.0, _STEPS_OF_TRAINING)


def _rows(sample: SeriesSample, rows: Tensor) -> SeriesSample:
    return SeriesSample(sample.values[rows], sample.labels[rows], sample.cells[rows])


def _sample(values: Tensor, labels: list[int]) -> SeriesSample:
    cells = torch.zeros_like(values, dtype=torch.bool)
    return SeriesSample(values, torch.tensor(labels), cells)


def _of_package() -> Path:
    found = importlib.util.find_spec("seglearn")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(
            "the recordings of the watch lie in the package seglearn, which is only read and so "
            "needs none of its dependencies: pip install --no-deps seglearn"
        )
    return Path(found.submodule_search_locations[0], "data")
