"""What a method costs, as a multiple of one bare forward pass measured next to it."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

FORWARDS = 3
"""Bare forward passes timed before each run of a method; the median of them counts."""
MOST_REPEATS = 5
ENOUGH_SECONDS = 0.1
"""No further repeat once the measurement took this long: slow methods need no repeats."""


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Lets torch compute on one thread inside a `with` block.

    Recurrent networks of this size gain little from more. On a machine with other work, threads
    that wait for each other take several times as long, and the sums of floats depend on their
    number.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class Cost:
    """The cost of a method on one batch.

    Attributes:
        seconds: Time of the method; the median of the repeats.
        forwards: Time of the method over that of one forward pass of the same batch, measured just
            before it; the median of the repeats.
    """

    seconds: float
    forwards: float


def measure_cost(
    method: Callable[[], Tensor], forward: Callable[[], Tensor]
) -> tuple[Tensor, Cost]:
    """Runs a method on a batch, each time after bare forward passes of the same batch.

    Args:
        method: Scores the batch.
        forward: The model's bare forward pass on it.

    Returns:
        The scores of the first run, and the cost.
    """
    answers: list[Tensor] = []
    passes: list[float] = []
    ratios: list[float] = []
    while not passes or (len(passes) < MOST_REPEATS and sum(passes) < ENOUGH_SECONDS):
        of_forward = statistics.median(timed(forward)[1] for _ in range(FORWARDS))
        scores, seconds = timed(method)
        answers = answers or [scores]
        passes.append(seconds)
        ratios.append(seconds / of_forward)
    return answers[0], Cost(statistics.median(passes), statistics.median(ratios))


def timed(function: Callable[[], Tensor]) -> tuple[Tensor, float]:
    """Answer of a function and the seconds it took, the work of a GPU included."""
    _synchronise()
    start = time.perf_counter()
    answer = function()
    _synchronise()
    return answer, time.perf_counter() - start


def _synchronise() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.synchronize()
