"""Derivatives against autograd, secants against their definition in higher precision."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from captum_rnn.functional.cells.nonlinearities import GATED, RELU, SIGMOID, TANH, Point, stabilise

FUNCTIONS = {
    "tanh": (TANH, torch.tanh),
    "sigmoid": (SIGMOID, torch.sigmoid),
    "relu": (RELU, torch.relu),
}
numbers = st.floats(-30, 30, width=32)


def point(function, *sums, dtype=torch.float64):
    sums = torch.tensor(sums, dtype=dtype)
    return Point(sums, function(sums))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_are_autograds(name):
    declared, function = FUNCTIONS[name]
    sums = torch.tensor([-3.0, -0.5, 0.0, 0.25, 40.0], dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(function(sums).sum(), sums)
    found = declared.derivative(Point(sums.detach(), function(sums.detach())))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(numbers, numbers)
def test_a_secant_times_the_difference_is_the_change(name, first, second):
    declared, function = FUNCTIONS[name]
    for dtype, tolerance in ((torch.float64, 1e-14), (torch.float32, 4e-7)):
        at, base = point(function, first, dtype=dtype), point(function, second, dtype=dtype)
        change = declared.secant(at, base) * (at.sum - base.sum)
        exact = function(at.sum.double()) - function(base.sum.double())
        assert abs(change.double() - exact) <= tolerance * max(1, abs(first), abs(second))


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("apart", [0.0, 1e-12, 1e-7, 1e-4])
def test_a_secant_of_neighbours_is_the_derivative(name, apart):
    declared, function = FUNCTIONS[name]
    at, base = point(function, 0.7, -2.0), point(function, 0.7 + apart, -2.0 + apart)
    torch.testing.assert_close(
        declared.secant(at, base), declared.derivative(at), rtol=0, atol=2e-16 + apart
    )


def test_a_secant_compares_each_row_with_one_baseline():
    at = Point(torch.randn(3, 4, 2), torch.empty(0))
    at = Point(at.sum, at.sum.tanh())
    base = Point(at.sum[:, :1] + 1, (at.sum[:, :1] + 1).tanh())
    expected = (at.value - base.value) / (at.sum - base.sum)
    torch.testing.assert_close(TANH.secant(at, base), expected, rtol=1e-4, atol=1e-6)


def test_behind_a_constant_gate_only_the_ends_are_known():
    at, base = point(lambda c: 0.5 * c.tanh(), 1.0, 2.0), point(lambda c: 0.5 * c.tanh(), 0.0, 2.0)
    assert GATED.secant(at, base).tolist() == pytest.approx(
        [0.5 * torch.tensor(1.0).tanh().item(), 0]
    )
    with pytest.raises(NotImplementedError, match="gates_take = False"):
        GATED.derivative(at)


def test_sums_move_away_from_zero_by_epsilon():
    sums = torch.tensor([0.25, -0.25, 0.0])
    assert stabilise(sums, 0.5).tolist() == [0.75, -0.75, 0.5]
    assert sums.tolist() == [0.25, -0.25, 0.0]
