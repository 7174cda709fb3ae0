"""What stands for the derivative of a nonlinearity and of a product in a reverse scan.

A rule is a declaration of a few lines; `README.md` beside this file says how a scan reads it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from captum_rnn.functional.cells.nonlinearities import Nonlinearity, Point, stabilise


class Rule(ABC):
    """How a reverse scan passes through the operations of a cell.

    Example:
        >>> class TangentAtTheBaseline(Rule):
        ...     def slope(self, function, at, base):
        ...         return function.derivative(base).expand_as(at.value)
        ...     def factor(self, at, base):
        ...         return base.expand_as(at)

    Attributes:
        gates_take: Whether a gate takes its part of a product. Otherwise gates are constant
            weights, and an LSTM's o ∘ tanh(c) is one function of c.
        needs_sums: Whether it looks at what the gates' nonlinearities were applied to.
    """

    gates_take: ClassVar[bool] = True
    needs_sums: ClassVar[bool] = False

    @abstractmethod
    def slope(self, function: Nonlinearity, at: Point, base: Point | None) -> Tensor:
        """What stands for φ' of y = φ(z).

        Args:
            function: φ.
            at: z and y of the text (time, batch, hidden).
            base: z and y of the baseline (time, 1 or batch, hidden); None without one.
        """

    def slope_times(
        self, factor: Tensor, function: Nonlinearity, at: Point, base: Point | None, out: Tensor
    ) -> Tensor:
        """`slope` times a factor, written to `out`."""
        return torch.mul(self.slope(function, at, base), factor, out=out)

    @abstractmethod
    def factor(self, at: Tensor, base: Tensor | None) -> Tensor:
        """What stands for b in the derivative of a product a ∘ b with respect to a.

        Args:
            at: b of the text (time, batch, hidden).
            base: b of the baseline; None without one.
        """

    def passed_on(self, total: Tensor) -> Tensor | None:
        """The share that a sum hands to its terms; None: all of it."""
        return None


class Tangent(Rule):
    """The derivative itself: the adjoint, Input × Gradient."""

    def slope(self, function: Nonlinearity, at: Point, base: Point | None) -> Tensor:
        """φ'(z)."""
        return function.derivative(at)

    def slope_times(
        self, factor: Tensor, function: Nonlinearity, at: Point, base: Point | None, out: Tensor
    ) -> Tensor:
        """At once."""
        return function.derivative_times(factor, at, out)

    def factor(self, at: Tensor, base: Tensor | None) -> Tensor:
        """B."""
        return at


class Secant(Rule):
    """Finite differences to a baseline, half of a product to each factor: DeepLIFT (Rescale).

    With it the products of multipliers and differences sum to f(x) − f(x').

    Source: Shrikumar et al. (2017), "Learning Important Features Through Propagating Activation
    Differences"; the half of a product to each factor is its Shapley value.
    """

    needs_sums: ClassVar[bool] = True

    def slope(self, function: Nonlinearity, at: Point, base: Point | None) -> Tensor:
        """(φ(z) − φ(z')) / (z − z')."""
        assert base is not None
        return function.secant(at, base)

    def factor(self, at: Tensor, base: Tensor | None) -> Tensor:
        """(b + b') / 2."""
        assert base is not None
        return torch.lerp(at, base.expand_as(at), 0.5)


class Chord(Rule):
    """The chord from zero with constant gates: layer-wise relevance propagation, the ε-rule.

    A sum hands z_i / (z + ε sign z) of its relevance to each term, with sign 0 = 1; the gates take
    nothing, and nonlinearities hand on all they get. Divided by the numbers that carry it,
    relevance is a multiplier like the others.

    Source: Arras et al. (2017), "Explaining Recurrent Neural Network Predictions in Sentiment
    Analysis"; Arras et al. (2019), "Explaining and Interpreting LSTMs".

    Args:
        epsilon: The ε of the rule, above 0: one number, or one for each row (batch, 1).
    """

    gates_take: ClassVar[bool] = False
    needs_sums: ClassVar[bool] = True

    def __init__(self, epsilon: float | Tensor) -> None:
        self.epsilon = epsilon

    def slope(self, function: Nonlinearity, at: Point, base: Point | None) -> Tensor:
        """φ(z) / (z + ε sign z)."""
        return at.value / stabilise(at.sum, self.epsilon)

    def factor(self, at: Tensor, base: Tensor | None) -> Tensor:
        """B."""
        return at

    def passed_on(self, total: Tensor) -> Tensor:
        """Z / (z + ε sign z)."""
        return total / stabilise(total, self.epsilon)


TANGENT, SECANT = Tangent(), Secant()

Steps = TypeVar("Steps")
Part = TypeVar("Part")


@dataclass(frozen=True)
class Applied(Generic[Steps]):
    """A rule applied to what happened inside some steps of the text and of the baseline.

    Attributes:
        rule: The rule.
        at: The steps of the text.
        base: Those of the baseline; None without one.
    """

    rule: Rule
    at: Steps
    base: Steps | None

    def to(self, of: Callable[[Steps], Part]) -> "Applied[Part]":
        """The rule applied to something that is made of the steps once."""
        return Applied(self.rule, of(self.at), None if self.base is None else of(self.base))

    def slope(self, function: Nonlinearity, of: Callable[[Steps], Point]) -> Tensor:
        """What stands for the derivative of a nonlinearity at a point of the steps."""
        base = None if self.base is None else of(self.base)
        return self.rule.slope(function, of(self.at), base)

    def slope_times(
        self, factor: Tensor, function: Nonlinearity, of: Callable[[Steps], Point], out: Tensor
    ) -> Tensor:
        """The same times a factor, written to `out`."""
        base = None if self.base is None else of(self.base)
        return self.rule.slope_times(factor, function, of(self.at), base, out)

    def factor(self, of: Callable[[Steps], Tensor]) -> Tensor:
        """What stands for a factor of a product."""
        base = None if self.base is None else of(self.base)
        return self.rule.factor(of(self.at), base)
