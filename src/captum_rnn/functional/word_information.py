r"""Word information: how much noise each word bears before a state is moved by a given share.

Each word vector x_i is perturbed, x̃_i = x_i + ε_i with ε_i ~ N(0, σ_i² I), and the σ of a text are
those that minimise

.. math::
    L(\sigma) = \frac{\mathbb{E}_\varepsilon \lVert \Phi(\tilde x) - s \rVert^2}{\sigma_S^2}
                - \frac{\text{rate}}{n} \sum_{i=1}^{n} \log \sigma_i

with s = Φ(x) a state of the model, σ_S² the variance of that state over inputs, and n the number of
words. The noise of a word has the entropy H_i = K/2 · log(2πe) + K log σ_i: little entropy means
that the state still carries the word. With λ = rate / (nK) this is the objective of Guan et al.,
"Towards a Deep and Unified Understanding of Deep Neural Models in NLP", ICML 2019.

At the optimum of a linear Φ every word contributes rate / (2n) to the first term, so that the state
of every text, layer and model has been moved by the same share, rate / 2, of its variance. That is
what makes the entropies of layers and models comparable.
"""

import math
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

Quantity: TypeAlias = Literal["entropy", "sigma", "information", "share"]


def check_quantity(quantity: str) -> Quantity:
    """Returns `quantity` if it is known; raises ValueError otherwise."""
    if quantity not in get_args(Quantity):
        known = ", ".join(map(repr, get_args(Quantity)))
        raise ValueError(f"quantity is {quantity!r}; expected one of {known}")
    return quantity  # type: ignore[return-value]


def noise_entropy(log_sigma: Tensor, dimensions: int) -> Tensor:
    r"""Entropy of the noise that a word bears, :math:`\frac K2 \log(2 \pi e) + K \log \sigma_i`.

    Args:
        log_sigma: Natural logarithm of σ, any shape.
        dimensions: Features K of a word vector.

    Returns:
        Differential entropy in nats, of the same shape; of any sign.

    Example:
        >>> noise_entropy(torch.tensor([0.0, 1.0]), dimensions=2)
        tensor([2.8379, 4.8379])
    """
    return dimensions * (0.5 * math.log(2 * math.pi * math.e) + log_sigma)


def kept_information(log_sigma: Tensor, log_scale: float, dimensions: int) -> Tensor:
    r"""How far the entropy of a word's noise stays below the most it could have.

    .. math:: I_i = K \log \frac{\text{scale}}{\sigma_i}

    Args:
        log_sigma: Natural logarithm of σ, any shape, at most `log_scale`.
        log_scale: Logarithm of the largest σ, from which on a word counts as forgotten.
        dimensions: Features K of a word vector.

    Returns:
        Nats, 0 or more, of the same shape.

    Example:
        >>> kept_information(torch.tensor([0.0, -1.0]), log_scale=0.0, dimensions=3)
        tensor([0., 3.])
    """
    return dimensions * (log_scale - log_sigma).clamp(min=0)


def shares(values: Tensor) -> Tensor:
    """Each value over the sum of its row; 0 where a row has nothing to share.

    Args:
        values: Values of 0 or more (batch, time).

    Example:
        >>> shares(torch.tensor([[1.0, 3.0], [0.0, 0.0]]))
        tensor([[0.2500, 0.7500],
                [0.0000, 0.0000]])
    """
    total = values.sum(1, keepdim=True)
    return torch.where(total > 0, values / total, 0.0)


def state_vectors(states: Tensor, seen: Tensor, variance: Tensor | float) -> Tensor:
    r"""States as vectors whose squared distance is the first term of the loss.

    .. math:: \lVert v(\tilde s) - v(s) \rVert^2 = \frac{\lVert \tilde s - s \rVert^2}{\sigma_S^2}

    with the mean over the states that are looked at, where there are several.

    Args:
        states: States (batch, states, features).
        seen: Which states of a row are looked at (batch, states).
        variance: σ_S², one number or one for each row (batch,).

    Returns:
        Vectors (batch, states · features).

    Example:
        >>> states, seen = torch.ones(1, 2, 3), torch.tensor([[True, False]])
        >>> state_vectors(states, seen, variance=4.0)
        tensor([[0.5000, 0.5000, 0.5000, 0.0000, 0.0000, 0.0000]])
    """
    counts = seen.sum(1).clamp(min=1)
    weights = seen / torch.sqrt(counts * variance).unsqueeze(1)
    # A state that is not looked at may hold anything, NaN included.
    return (states.masked_fill(~seen.unsqueeze(2), 0.0) * weights.unsqueeze(2)).flatten(1)


def mean_square(states: Tensor, seen: Tensor) -> Tensor:
    """‖s‖² of each row, the mean over its states; the authors' fallback for σ_S².

    Args:
        states: States (batch, states, features).
        seen: Which states of a row are looked at (batch, states).

    Example:
        >>> mean_square(torch.ones(1, 2, 3), torch.tensor([[True, False]]))
        tensor([3.])
    """
    squares = states.masked_fill(~seen.unsqueeze(2), 0.0).square().sum((1, 2))
    return squares / seen.sum(1).clamp(min=1)


def linear_optimum(
    squared_gains: Tensor, tokens: Tensor, *, rate: float, log_scale: float
) -> Tensor:
    r"""The σ that minimise the loss where Φ is linear, in closed form.

    For Φ(x) = Σ A_i x_i the first term of the loss is Σ σ_i² a_i with a_i = ‖A_i‖_F² / σ_S², so

    .. math:: \sigma_i^2 = \frac{\text{rate}}{2 n a_i}

    For any other Φ, with its Jacobian as A_i, this is the optimum to first order.

    Args:
        squared_gains: a_i of each word (batch, time), 0 or more.
        tokens: Which places hold words (batch, time).
        rate: Weight of the entropies, above 0.
        log_scale: Logarithm of the largest σ.

    Returns:
        log σ (batch, time), at most `log_scale`, and equal to it where the gain is 0.

    Example:
        >>> gains = torch.tensor([[0.05, 0.0125]])
        >>> words = torch.tensor([[True, True]])
        >>> linear_optimum(gains, words, rate=0.1, log_scale=3.0).exp()
        tensor([[0.7071, 1.4142]])
    """
    words = tokens.sum(1, keepdim=True).clamp(min=1)
    return (0.5 * torch.log(rate / (2 * words * squared_gains))).clamp(max=log_scale)


class StateVariance:
    """Total variance of states over inputs, E‖s − E s‖², from batches that are seen once.

    Sums are kept in float64 and merged as by Chan, Golub and LeVeque (1983), "Algorithms for
    Computing the Sample Variance".

    Example:
        >>> variance = StateVariance()
        >>> variance.add(torch.tensor([[0.0, 1.0]]))
        >>> variance.add(torch.tensor([[2.0, 1.0]]))
        >>> variance.value
        1.0
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean: Tensor | None = None
        self._squares = 0.0

    def add(self, states: Tensor) -> None:
        """Adds states (states, features)."""
        if len(states) == 0:
            return
        states = states.detach().double()
        mean = states.mean(0)
        self._squares += float((states - mean).square().sum())
        if self._mean is None:
            self._mean, self.count = mean, len(states)
            return
        count = self.count + len(states)
        apart = mean - self._mean
        self._squares += float(apart.square().sum()) * self.count * len(states) / count
        self._mean = self._mean + apart * len(states) / count
        self.count = count

    @property
    def value(self) -> float:
        """The variance; NaN without any state."""
        return self._squares / self.count if self.count else math.nan
