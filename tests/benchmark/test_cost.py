import pytest
import torch
from torch import Tensor

from captum_rnn.benchmark import cost as cost_module
from captum_rnn.benchmark.cost import measure_cost, single_thread


class Clock:
    """A clock that the measured functions move on themselves."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    def takes(self, *seconds: float) -> "Work":
        return Work(self, list(seconds))


class Work:
    """Takes the given times, the last one again and again, and answers with its calls."""

    def __init__(self, clock: Clock, seconds: list[float]) -> None:
        self.clock, self.seconds, self.calls = clock, seconds, 0

    def __call__(self) -> Tensor:
        self.clock.now += self.seconds[min(self.calls, len(self.seconds) - 1)]
        self.calls += 1
        return torch.tensor(self.calls)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cost_module, "time", clock)
    return clock


def test_the_cost_is_a_multiple_of_the_forward_pass(clock: Clock) -> None:
    method, forward = clock.takes(0.015), clock.takes(0.005)
    scores, cost = measure_cost(method, forward)

    assert cost.seconds == pytest.approx(0.015)
    assert cost.forwards == pytest.approx(3)
    assert scores.item() == 1  # those of the first run
    assert method.calls == cost_module.MOST_REPEATS
    assert forward.calls == cost_module.MOST_REPEATS * cost_module.FORWARDS


def test_one_disturbed_repeat_does_not_count(clock: Clock) -> None:
    _, cost = measure_cost(clock.takes(0.01, 0.06, 0.01), clock.takes(0.005))
    assert cost.seconds == pytest.approx(0.01)
    assert cost.forwards == pytest.approx(2)


def test_one_disturbed_forward_pass_does_not_count(clock: Clock) -> None:
    _, cost = measure_cost(clock.takes(cost_module.ENOUGH_SECONDS), clock.takes(0.9, 0.01))
    assert cost.forwards == pytest.approx(cost_module.ENOUGH_SECONDS / 0.01)


def test_a_slow_method_is_measured_once(clock: Clock) -> None:
    method = clock.takes(1.01 * cost_module.ENOUGH_SECONDS)
    measure_cost(method, clock.takes(0.01))
    assert method.calls == 1


def test_threads_are_put_back_also_after_an_error() -> None:
    threads = torch.get_num_threads()

    def fail() -> None:
        with single_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert torch.get_num_threads() == threads
