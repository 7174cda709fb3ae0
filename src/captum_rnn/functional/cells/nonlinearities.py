"""The nonlinearities of recurrent cells: their derivative at a point, their secant between two."""

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor

aten = torch.ops.aten  # the derivatives of σ and tanh as autograd computes them, in one pass each

_LEAST = 1e-30  # stands for a difference of 0, where the quotient below is 1


class Point(NamedTuple):
    """A sum and what a nonlinearity makes of it, of the same shape."""

    sum: Tensor
    value: Tensor

    def during(self, part: slice) -> "Point":
        """The same of some steps."""
        return Point(self.sum[part], self.value[part])


class Nonlinearity(ABC):
    """A function of one number."""

    @abstractmethod
    def derivative(self, at: Point) -> Tensor:
        """The slope of the tangent; the value alone tells it."""

    def derivative_times(self, factor: Tensor, at: Point, out: Tensor) -> Tensor:
        """The derivative times a factor, written to `out`."""
        return torch.mul(self.derivative(at), factor, out=out)

    @abstractmethod
    def secant(self, at: Point, base: Point) -> Tensor:
        """(φ(z) − φ(z')) / (z − z'), and the derivative where z and z' meet.

        Its product with z − z' is φ(z) − φ(z') to rounding, however near they are.
        """


class _Tanh(Nonlinearity):
    def derivative(self, at: Point) -> Tensor:
        found: Tensor = aten.tanh_backward(at.value.new_ones(()), at.value)
        return found

    def derivative_times(self, factor: Tensor, at: Point, out: Tensor) -> Tensor:
        found: Tensor = aten.tanh_backward.grad_input(factor, at.value, grad_input=out)
        return found

    def secant(self, at: Point, base: Point) -> Tensor:
        """By tanh a − tanh b = tanh(a − b) (1 − tanh a tanh b), in which nothing cancels."""
        difference = stabilise(at.sum - base.sum, _LEAST)
        slope = difference.tanh().div_(difference)
        return slope.mul_(torch.addcmul(slope.new_ones(()), at.value, base.value, value=-1))


class _Sigmoid(Nonlinearity):
    def derivative(self, at: Point) -> Tensor:
        found: Tensor = aten.sigmoid_backward(at.value.new_ones(()), at.value)
        return found

    def derivative_times(self, factor: Tensor, at: Point, out: Tensor) -> Tensor:
        found: Tensor = aten.sigmoid_backward.grad_input(factor, at.value, grad_input=out)
        return found

    def secant(self, at: Point, base: Point) -> Tensor:
        """By the same of tanh, as σ(z) = (1 + tanh(z/2)) / 2."""
        half = stabilise((at.sum - base.sum).mul_(0.5), _LEAST)
        slope = half.tanh().div_(half)
        # (a (1 − b) + b (1 − a)) / 2
        return slope.mul_(torch.addcmul(0.5 * base.value, at.value, 0.5 - base.value))


class _Relu(Nonlinearity):
    def derivative(self, at: Point) -> Tensor:
        return (at.value > 0).to(at.value.dtype)

    def secant(self, at: Point, base: Point) -> Tensor:
        difference = at.sum - base.sum
        quotient = (at.value - base.value) / difference
        return torch.where(difference == 0, self.derivative(at), quotient)


class _Gated(Nonlinearity):
    """tanh behind a constant gate, of which only the two ends are known."""

    def derivative(self, at: Point) -> Tensor:
        raise NotImplementedError(
            "o ∘ tanh(c) behind a constant gate o has no derivative here; a rule with "
            "gates_take = False tells the slope from the ends, at.value and at.sum"
        )

    def secant(self, at: Point, base: Point) -> Tensor:
        difference = at.sum - base.sum
        quotient = (at.value - base.value) / difference
        return torch.where(difference == 0, 0.0, quotient)


def stabilise(sums: Tensor, epsilon: float | Tensor) -> Tensor:
    """Moves each sum away from zero by ε, which may be one for each row (batch, 1).

    Example:
        >>> stabilise(torch.tensor([2.0, -2.0, 0.0]), 0.5)
        tensor([ 2.5000, -2.5000,  0.5000])
    """
    if isinstance(epsilon, Tensor):
        return torch.copysign(epsilon.to(sums), sums).add_(sums)
    return torch.copysign(sums.new_full((), epsilon), sums).add_(sums)


TANH, SIGMOID, RELU, GATED = _Tanh(), _Sigmoid(), _Relu(), _Gated()
