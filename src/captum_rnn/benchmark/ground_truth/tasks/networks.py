"""Recurrent classifiers that have learnt a task with known answers, trained on first use."""

import functools
from dataclasses import asdict, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from captum_rnn.benchmark.cache import cached_folder, load_or_train
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.ground_truth.tasks.kinds import Kind, network_settings
from captum_rnn.benchmark.ground_truth.tasks.task import Task
from captum_rnn.states.modes import evaluation_mode
from captum_rnn.text.accuracy import Accuracy
from captum_rnn.text.classifier import RecurrentClassifier
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.training import TrainingSettings
from captum_rnn.text.vocabulary import Vocabulary

SOLVED = 0.99
"""The accuracy on fresh sequences from which on a network counts as having learnt the task."""

# Counted up when the training or a task changes in a way that neither shows.
_RECIPE_VERSION = 1
_GROUP = "tasks"
_BATCH = 128
_LEARNING_RATE = 3e-3
_LAST_RATE = 0.02  # as a share of the first one
_MOST_STEPS = 8_000
_STEPS_BETWEEN_CHECKS = 200
# Training stops above the bar, so that the final check on other sequences passes it too.
_STOP = 0.996
_CHECKED, _FINALLY_CHECKED = 2_000, 10_000
_LARGEST_GRADIENT = 1.0
_SIZES = TrainingSettings(embedding_dim=32, hidden_size=64, dropout=0.0)
# No sequence that a study draws from a small seed is one that was trained on.
TRAINING_SEED, _CHECK_SEED, _FINAL_SEED = 2**40, 2**41, 2**42


def task_network(
    task: Task, kind: Kind = "lstm", seed: int = 0, *, show_progress: bool = False
) -> TextClassifier:
    """A network that was trained on a task, from the cache or trained now, within two minutes.

    Every training step reads fresh sequences, until 99.6 % of others are classified right, or for
    8,000 steps. The answer's `trained_on["solved"]` says whether the network then has 99 % of
    10,000 further sequences right; a network that has not is returned all the same.

    Args:
        task: The task.
        kind: The recurrent layer; see `captum_rnn.benchmark.ground_truth.tasks.kinds.KINDS`.
        seed: Decides the first weights and the sequences.
        show_progress: Show the progress of a training on standard error.

    Returns:
        The network with the task's words and classes.

    Raises:
        OSError: The cache cannot be written; see `captum_rnn.benchmark.cache`.
    """
    settings = replace(network_settings(kind, _SIZES), seed=seed)
    recipe = {
        "version": _RECIPE_VERSION,
        "task": {"name": task.name, **asdict(task)},
        "settings": asdict(settings),
        "steps": _MOST_STEPS,
    }
    name = f"{task.name}-{kind}-{seed}"
    return load_or_train(
        cached_folder(_GROUP, name, recipe),
        functools.partial(train_network, task, settings, show_progress=show_progress),
        f"training {name}, at most two minutes on one core" if show_progress else None,
    )


def train_network(
    task: Task,
    settings: TrainingSettings,
    *,
    most_steps: int = _MOST_STEPS,
    show_progress: bool = False,
) -> TextClassifier:
    """Trains a network on fresh sequences of a task until it has learnt it; see `task_network`.

    Args:
        task: The task.
        settings: The network and the seed; nothing else is read.
        most_steps: Training steps after which it is given up.
        show_progress: Show a progress bar on standard error.

    Returns:
        The network; `trained_on` records the steps, the accuracy, and whether the task is solved.
    """
    model = settings.untrained(len(task.words), len(task.classes))
    steps = _learn(model, task, settings.seed, most_steps, show_progress)
    accuracy = final_accuracy(model, task, settings.seed)
    record: dict[str, Any] = {
        "task": {"name": task.name, **asdict(task)},
        "settings": asdict(settings),
        "steps": steps,
        "fresh": accuracy.to_dict(),
        "solved": accuracy.value >= SOLVED,
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
    }
    return TextClassifier(model.eval(), Vocabulary(task.words), task.classes, task.longest, record)


def final_accuracy(model: nn.Module, task: Task, seed: int) -> Accuracy:
    """The accuracy of a trained network on 10,000 sequences that no training reads.

    Args:
        model: Ids (sequences, time) to logits (sequences, classes).
        task: Draws the sequences and says which class is right.
        seed: The network's own.
    """
    return _accuracy(model, task, _FINALLY_CHECKED, _FINAL_SEED + seed)


def _learn(
    model: RecurrentClassifier, task: Task, seed: int, most_steps: int, show_progress: bool
) -> int:
    """Trains in place; returns the number of steps."""
    optimiser = torch.optim.Adam(model.parameters(), lr=_LEARNING_RATE)
    slowing_down = torch.optim.lr_scheduler.LinearLR(
        optimiser, start_factor=1.0, end_factor=_LAST_RATE, total_iters=most_steps
    )
    generator = torch.Generator().manual_seed(TRAINING_SEED + seed)
    bar = tqdm(total=most_steps, desc=task.name, unit="step", disable=not show_progress)
    with bar:
        for step in range(1, most_steps + 1):
            model.train()
            ids = task.draw(_BATCH, generator)
            _step(model, optimiser, ids, task.evidence(ids).argmax(dim=1))
            slowing_down.step()
            bar.update()
            if step % _STEPS_BETWEEN_CHECKS == 0:
                accuracy = _accuracy(model, task, _CHECKED, _CHECK_SEED + step)
                bar.set_postfix(accuracy=f"{accuracy.value:.3f}")
                if accuracy.value >= _STOP:
                    return step
    return most_steps


def _step(model: nn.Module, optimiser: torch.optim.Optimizer, ids: Tensor, labels: Tensor) -> None:
    optimiser.zero_grad()
    F.cross_entropy(model(ids), labels).backward()  # type: ignore[no-untyped-call]
    # Without a limit a tanh RNN forgets all it has learnt in a single step.
    nn.utils.clip_grad_norm_(model.parameters(), _LARGEST_GRADIENT)
    optimiser.step()


@torch.no_grad()
def _accuracy(model: nn.Module, task: Task, count: int, seed: int) -> Accuracy:
    ids = task.draw(count, torch.Generator().manual_seed(seed))
    with evaluation_mode(model):
        right = model(ids).argmax(dim=1) == task.evidence(ids).argmax(dim=1)
    return Accuracy(int(right.sum()), count)
