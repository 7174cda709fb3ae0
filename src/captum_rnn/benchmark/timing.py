"""What a method costs, as a multiple of one bare forward pass measured beside it."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FORWARDS = 3
"""Bare forward passes timed before each run of a method; the median of them counts."""
MOST_REPEATS = 5
ENOUGH_SECONDS = 2.0
"""No further repeat once the measurement took this long: slow methods need no repeats."""


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Lets torch compute on one thread inside a `with` block.

    Recurrent nets of this size gain little from more. On a machine with other work, threads that
    wait for each other take several times as long, and the sums of floats depend on their number.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class Cost:
    """The cost of a method on some texts.

    Attributes:
        milliseconds_per_text: Time of the method, per text; the median of the repeats.
        forwards: Time of the method over the time of one forward pass of the same batch, measured
            just before it; the median of these ratios over batches and repeats.
        repeats: How often the whole set of texts was measured.
    """

    milliseconds_per_text: float
    forwards: float
    repeats: int


def measure_cost(
    method: Callable[[Tensor, Tensor], Tensor],
    forward: Callable[[Tensor], Tensor],
    batches: Sequence[tuple[Tensor, Tensor]],
    after_batch: Callable[[int], object] = lambda texts: None,
) -> tuple[list[Tensor], Cost]:
    """Runs a method on every batch, each time after bare forward passes.

    Args:
        method: Scores (batch, time) of ids (batch, time) and classes (batch,).
        forward: The model's bare forward pass on ids (batch, time).
        batches: The ids and classes of each batch.
        after_batch: Called with the number of texts of each batch once its scores are known.

    Returns:
        The scores of each batch, and the cost.
    """
    smallest = min(batches, key=lambda batch: batch[0].numel())
    forward(smallest[0])
    method(*smallest)

    texts = sum(len(ids) for ids, _ in batches)
    scores: list[Tensor] = []
    passes: list[float] = []
    ratios: list[float] = []
    while not passes or (len(passes) < MOST_REPEATS and sum(passes) < ENOUGH_SECONDS):
        seconds = 0.0
        for ids, target in batches:
            of_forward = statistics.median(_timed(forward, ids)[1] for _ in range(FORWARDS))
            batch_scores, of_method = _timed(method, ids, target)
            ratios.append(of_method / of_forward)
            seconds += of_method
            if not passes:
                scores.append(batch_scores)
                after_batch(len(ids))
        passes.append(seconds)
    cost = Cost(1000 * statistics.median(passes) / texts, statistics.median(ratios), len(passes))
    return scores, cost


def _timed(function: Callable[..., Tensor], *arguments: Tensor) -> tuple[Tensor, float]:
    """Answer of a function and the seconds it took, the work of a GPU included."""
    _synchronise(arguments[0].device)
    start = time.perf_counter()
    answer = function(*arguments)
    _synchronise(arguments[0].device)
    return answer, time.perf_counter() - start


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
