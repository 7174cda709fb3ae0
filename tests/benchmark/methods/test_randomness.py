import numpy as np
import pytest
import torch

from captum_rnn.benchmark.methods.randomness import global_seed


def draws() -> tuple[float, float]:
    return float(torch.rand(1)), float(np.random.rand())


def test_draws_inside_depend_on_the_seed_and_draws_outside_go_on() -> None:
    torch.manual_seed(0)
    np.random.seed(0)
    expected = [draws(), draws()]
    torch.manual_seed(0)
    np.random.seed(0)
    outside = [draws()]
    with global_seed(7):
        first = draws()
    with global_seed(7):
        again = draws()
    with global_seed(8):
        other = draws()
    outside.append(draws())

    assert outside == expected
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]


def test_the_generators_are_put_back_after_an_error() -> None:
    states = torch.get_rng_state(), np.random.get_state()[1].copy()

    def fail() -> None:
        with global_seed(1):
            draws()
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])
