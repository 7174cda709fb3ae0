"""Recurrent networks over series: the module, and those that have learnt a task."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from tqdm import tqdm

from captum_rnn.benchmark.cache import cached_folder
from captum_rnn.benchmark.series.task import SeriesSample, SeriesTask
from captum_rnn.files import write_bytes, write_text

SeriesKind = Literal["gru", "lstm", "rnn", "bilstm"]
SERIES_KINDS: tuple[SeriesKind, ...] = get_args(SeriesKind)

SOLVED = 0.95
"""The share of the reachable accuracy from which on a network counts as having learnt a task."""

_RECIPE_VERSION = 1
_GROUP = "series"
_WEIGHTS, _RECORD = "model.safetensors", "record.json"
_HIDDEN, _BATCH, _LARGEST_GRADIENT = 64, 128, 1.0
_RATE, _PLAIN_RATE = 5e-3, 1e-3  # gated layers; a tanh RNN forgets all it has learnt at the first
_MOST_STEPS, _STEPS_BETWEEN_CHECKS, _STOP = 1500, 100, 0.98
_CHECKED, _FINALLY_CHECKED = 1000, 5000
# No series that a study draws from a small seed is one that was trained on.
_TRAINING_SEED, _CHECK_SEED, _FINAL_SEED = 2**40, 2**41, 2**42


class SeriesClassifier(nn.Module):
    """Recurrent layer → last state of each direction, or every state → linear head.

    Args:
        features: Number of features of a step.
        outputs: Number of classes; 1 with `every_step`.
        kind: ``"gru"``, ``"lstm"``, ``"rnn"`` (tanh) or ``"bilstm"``.
        hidden: Features of the state of one direction.
        every_step: Answer with one logit at every step, rather than once for each series.

    Example:
        >>> model = SeriesClassifier(3, 2)
        >>> model(torch.randn(4, 50, 3)).shape
        torch.Size([4, 2])
    """

    def __init__(
        self,
        features: int,
        outputs: int,
        kind: SeriesKind = "gru",
        hidden: int = _HIDDEN,
        *,
        every_step: bool = False,
    ) -> None:
        super().__init__()
        layer = {"gru": nn.GRU, "rnn": nn.RNN}.get(kind, nn.LSTM)
        directions = 2 if kind == "bilstm" else 1
        self.rnn: nn.RNNBase = layer(
            features, hidden, batch_first=True, bidirectional=directions == 2
        )
        self.head = nn.Linear(directions * hidden, outputs)
        self.every_step = every_step

    def forward(self, values: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits (series, classes), or (series, time) at every step.

        Args:
            values: Series (series, time, features).
            lengths: Number of steps of each (series,); None: all are full.
        """
        fed: Tensor | PackedSequence = values
        if lengths is not None:
            fed = pack_padded_sequence(
                values, lengths.cpu(), batch_first=True, enforce_sorted=False
            )
        outputs, final = self.rnn(fed)
        if self.every_step:
            logits: Tensor = self.head(outputs).squeeze(2)
            return logits
        states = final[0] if isinstance(final, tuple) else final
        logits = self.head(states.transpose(0, 1).flatten(1))
        return logits


@dataclass(frozen=True)
class TrainedSeriesNetwork:
    """A network with what its training reached.

    Attributes:
        model: The network, in evaluation mode.
        accuracy: Its accuracy on fresh series, or on the held-out ones.
        ceiling: The accuracy of whoever knows the rule.
        steps: Training steps.
    """

    model: SeriesClassifier
    accuracy: float
    ceiling: float
    steps: int

    @property
    def solved(self) -> bool:
        """Whether the network reaches 95 % of what the rule allows."""
        return self.accuracy >= SOLVED * self.ceiling


def series_network(
    task: SeriesTask, kind: SeriesKind = "gru", seed: int = 0, *, show_progress: bool = False
) -> TrainedSeriesNetwork:
    """A network that was trained on a task, from the cache or trained now, within a minute.

    Every training step reads fresh series, until 98 % of the reachable accuracy, or for 1,500
    steps; a network that does not reach 95 % is returned all the same, and says so.

    Args:
        task: The task.
        kind: The recurrent layer.
        seed: Decides the first weights and the series.
        show_progress: Show the progress of a training on standard error.

    Raises:
        OSError: The cache cannot be written.
        ValueError: What stands in the cache is damaged.
    """
    recipe = {"version": _RECIPE_VERSION, "task": {"name": task.name, **asdict(task)}}
    return kept_net(
        f"{task.name}-{kind}-{seed}",
        recipe | {"kind": kind, "seed": seed},
        first_weights(seed, task.features, task.classes, kind=kind, every_step=task.every_step),
        lambda model: _learn(model, task, seed, show_progress),
    )


def kept_net(
    name: str,
    recipe: dict[str, object],
    model: SeriesClassifier,
    train: Callable[[SeriesClassifier], TrainedSeriesNetwork],
) -> TrainedSeriesNetwork:
    """Reads a network from the cache, or trains it and keeps it there.

    Args:
        name: What to call it there.
        recipe: All that decides what the training gives.
        model: The untrained network.
        train: Trains it in place and says what it reached.

    Raises:
        OSError: The cache cannot be written.
        ValueError: What stands in the cache is damaged.
    """
    folder = cached_folder(_GROUP, name, recipe)
    if (folder / _WEIGHTS).exists():  # written last
        try:
            model.load_state_dict(load_file(folder / _WEIGHTS))
            record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
            return TrainedSeriesNetwork(model.eval(), **record)
        except (OSError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
            raise ValueError(
                f"the stored network cannot be read ({error}); delete {folder}, and it is trained "
                "again"
            ) from error
    folder.mkdir(parents=True, exist_ok=True)
    trained = train(model)
    record = {name: getattr(trained, name) for name in ("accuracy", "ceiling", "steps")}
    write_text(json.dumps(record), folder / _RECORD)
    write_bytes(save(dict(model.state_dict())), folder / _WEIGHTS)
    return trained


def first_weights(seed: int, features: int, outputs: int, **options: Any) -> SeriesClassifier:
    """An untrained network; the caller's random state is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SeriesClassifier(features, outputs, **options)


def train_step(
    model: SeriesClassifier,
    optimiser: torch.optim.Optimizer,
    batch: SeriesSample,
    lengths: Tensor | None = None,
) -> None:
    """One step of Adam on a batch, with a limit on the gradient."""
    optimiser.zero_grad()
    logits = model(batch.values, lengths)
    if model.every_step:
        loss = F.binary_cross_entropy_with_logits(logits, batch.labels.to(logits.dtype))
    else:
        loss = F.cross_entropy(logits, batch.labels)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_GRADIENT)
    optimiser.step()


@torch.no_grad()
def accuracy_of(
    model: SeriesClassifier, sample: SeriesSample, lengths: Tensor | None = None
) -> float:
    """The share of right answers, over all steps where each has its own."""
    logits = model(sample.values, lengths)
    answers = (logits > 0).long() if model.every_step else logits.argmax(1)
    return float((answers == sample.labels).double().mean())


def _learn(
    model: SeriesClassifier, task: SeriesTask, seed: int, show_progress: bool
) -> TrainedSeriesNetwork:
    rate = _PLAIN_RATE if isinstance(model.rnn, nn.RNN) else _RATE
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    slowing_down = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.05, _MOST_STEPS)
    generator = torch.Generator().manual_seed(_TRAINING_SEED + seed)
    check = task.draw(_CHECKED, torch.Generator().manual_seed(_CHECK_SEED + seed))
    step = 0
    bar = tqdm(
        total=_MOST_STEPS,
        desc=f"training on {task.name}",
        disable=not show_progress,
        file=sys.stderr,
    )
    with bar:
        for step in range(1, _MOST_STEPS + 1):
            train_step(model, optimiser, task.draw(_BATCH, generator))
            slowing_down.step()
            bar.update()
            if step % _STEPS_BETWEEN_CHECKS == 0:
                reached = accuracy_of(model, check) / check.ceiling
                bar.set_postfix(of_reachable=f"{reached:.3f}")
                if reached >= _STOP:
                    break
    final = task.draw(_FINALLY_CHECKED, torch.Generator().manual_seed(_FINAL_SEED + seed))
    return TrainedSeriesNetwork(model.eval(), accuracy_of(model, final), final.ceiling, step)
