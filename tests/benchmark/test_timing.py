import pytest
import torch
from torch import Tensor

from captum_rnn.benchmark import timing
from captum_rnn.benchmark.timing import measure_cost, single_thread

BATCHES = [
    (torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 1])),
    (torch.tensor([[5, 6, 7]]), torch.tensor([1])),
]


class Clock:
    """A clock that the measured functions move on themselves."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    return clock


def test_costs_by_hand(clock: Clock) -> None:
    """A forward pass takes 10 ms per word of the batch, the method 30 ms and 2 ms per word."""

    def forward(ids: Tensor) -> Tensor:
        clock.now += 0.010 * ids.numel()
        return ids

    def method(ids: Tensor, target: Tensor) -> Tensor:
        clock.now += 0.030 + 0.002 * ids.numel()
        return ids * target.unsqueeze(1)

    scores, cost = measure_cost(method, forward, BATCHES)

    assert [batch.tolist() for batch in scores] == [[[0, 0], [3, 4]], [[5, 6, 7]]]
    # Ratios 38 / 40 for the batch of four words and 36 / 30 for that of three.
    assert cost.forwards == pytest.approx((38 / 40 + 36 / 30) / 2)
    assert cost.milliseconds_per_text == pytest.approx((38 + 36) / 3)
    assert cost.repeats == timing.MOST_REPEATS


def test_one_disturbed_repeat_does_not_count(clock: Clock) -> None:
    calls: list[int] = []

    def method(ids: Tensor, target: Tensor) -> Tensor:
        calls.append(len(ids))
        clock.now += 0.5 if len(calls) == 3 else 0.02
        return ids

    def forward(ids: Tensor) -> Tensor:
        clock.now += 0.01
        return ids

    _, cost = measure_cost(method, forward, BATCHES)
    assert cost.forwards == pytest.approx(2)
    assert cost.milliseconds_per_text == pytest.approx(40 / 3)


def test_a_slow_method_is_measured_once_and_reports_each_batch(clock: Clock) -> None:
    reported: list[int] = []
    calls: list[tuple[int, ...]] = []

    def method(ids: Tensor, target: Tensor) -> Tensor:
        calls.append(tuple(ids.shape))
        clock.now += timing.ENOUGH_SECONDS
        return ids

    def forward(ids: Tensor) -> Tensor:
        clock.now += 1.0
        return ids

    _, cost = measure_cost(method, forward, BATCHES, reported.append)

    assert cost.repeats == 1
    assert reported == [2, 1]
    # The first call, on the smallest batch, warms up.
    assert calls == [(1, 3), (2, 2), (1, 3)]


def test_the_number_of_threads_comes_back_also_after_an_error() -> None:
    threads = torch.get_num_threads()

    def fail() -> None:
        with single_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError("inside")

    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="inside"):
            fail()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
