r"""Shapley values of removal, from values of sub-texts or from scores of all their tokens at once.

The value of a set S of a text's tokens is what the model says of the sub-text that they form,
f(S). The Shapley value of token i is its mean contribution over all orders of the n tokens,

.. math:: \phi_i = \frac1n \sum_{k=1}^{n} \mathbb{E}_{T \ni i, |T| = k}
          \left[ f(T) - f(T \setminus i) \right], \qquad
          \sum_i \phi_i = f(\text{all}) - f(\emptyset)

Source: Shapley (1953); sampling by permutations after Castro et al. (2009), in antithetic pairs
after Mitchell et al. (2022), "Sampling Permutations for Shapley Value Estimation".
"""

import torch
from torch import Tensor


def antithetic_permutations(tokens: int, pairs: int, generator: torch.Generator) -> Tensor:
    """Random orders of the tokens (2 · pairs, tokens), each followed by its reverse.

    A token that comes early in an order comes late in its reverse, so that the errors of the two
    tend to cancel.
    """
    drawn = torch.rand(pairs, tokens, generator=generator, dtype=torch.float64).argsort(1)
    return torch.stack([drawn, drawn.flip(1)], 1).flatten(0, 1)


def growing_sets(permutations: Tensor) -> Tensor:
    """The tokens before each place of each order (orders, tokens + 1, tokens): a mask.

    Example:
        >>> growing_sets(torch.tensor([[1, 0]])).int().tolist()
        [[[0, 0], [0, 1], [1, 1]]]
    """
    places = permutations.argsort(1).unsqueeze(1)
    return places < torch.arange(permutations.shape[1] + 1).view(1, -1, 1)


def contributions(permutations: Tensor, values: Tensor) -> Tensor:
    """What each token added to the value when it came, in the order of the text (orders, tokens).

    Args:
        permutations: Orders of the tokens (orders, tokens).
        values: Values of the growing sets (orders, tokens + 1).
    """
    return torch.zeros_like(values[:, 1:]).scatter(1, permutations, values.diff(dim=1))


def every_set(tokens: int) -> Tensor:
    """All sets of the tokens (2^tokens, tokens), the empty one first, all tokens last: a mask."""
    numbers = torch.arange(2**tokens).unsqueeze(1)
    return (numbers >> torch.arange(tokens)) % 2 == 1


def shapley_values(values: Tensor) -> Tensor:
    r"""The definition, of the values of all sets.

    .. math:: \phi_i = \sum_{T \ni i} \frac{(|T| - 1)! \, (n - |T|)!}{n!}
              \left[ f(T) - f(T \setminus i) \right]

    Args:
        values: Values of `every_set` (2^tokens,), in its order.

    Returns:
        Shapley values (tokens,).

    Example:
        >>> shapley_values(torch.tensor([0.0, 1.0, 0.0, 3.0]))
        tensor([2., 1.])
    """
    tokens = len(values).bit_length() - 1
    held = every_set(tokens).to(values.device)
    sizes = held.sum(1, keepdim=True).to(values.dtype)
    count = torch.tensor(float(tokens), dtype=values.dtype, device=values.device)
    # Of a set that holds a token, its own size counts; of one that lacks it, that with the token.
    with_it = torch.where(held, sizes, sizes + 1).clamp(max=tokens)
    logs = torch.lgamma(with_it) + torch.lgamma(count - with_it + 1) - torch.lgamma(count + 1)
    return torch.where(held, logs.exp(), -logs.exp()).mul(values.unsqueeze(1)).sum(0)


def complementary_sets(tokens: int, pairs: int, generator: torch.Generator) -> Tensor:
    """Random sets of tokens (2 · pairs, tokens), each followed by its complement: a mask.

    The sizes are spread evenly over 0 … tokens.
    """
    offsets = torch.rand(pairs, generator=generator, dtype=torch.float64)
    sizes = ((torch.arange(pairs) + offsets) / pairs * (tokens + 1)).long().clamp(max=tokens)
    order = torch.rand(pairs, tokens, generator=generator, dtype=torch.float64).argsort(1)
    drawn = order.argsort(1) < sizes.unsqueeze(1)
    return torch.stack([drawn, ~drawn], 1).flatten(0, 1)


def weighted_scores(kept: Tensor, scores: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    r"""Of each pair of complementary sets, the mean of every token's scores in the two.

    One of them holds the token, the other one may take it in. A set of k tokens is drawn as often
    for every k but holds a token with probability k / n, so its scores weigh 1 / k, and so do those
    in its complement: every size counts the same then, as in the Shapley value.

    Args:
        kept: Sets and their complements in turn (2 · pairs, tokens), as a mask.
        scores: Of each set T, estimates of f(T) − f(T \ i) of its tokens, and of f(T ∪ i) − f(T)
            of the others (2 · pairs, tokens).
        known: Which of the latter are known, as a mask.

    Returns:
        Scores and weights (pairs, tokens).
    """
    weights = kept / kept.sum(1, keepdim=True).clamp(min=1).to(scores.dtype)
    counted = (kept | known).to(scores.dtype)
    sums = torch.where(kept | known, scores, 0.0).view(-1, 2, kept.shape[1]).sum(1)
    held = sums / counted.view(-1, 2, kept.shape[1]).sum(1)
    return held, weights.view(-1, 2, kept.shape[1]).sum(1)


def mean_and_error(samples: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The mean of independent samples, and the standard error of the mean.

    Args:
        samples: Samples (samples, tokens).
        weights: Their weights, of the same shape; None: all the same.

    Returns:
        Mean and standard error (tokens,) each; the error of a single sample is not known, NaN.
    """
    weights = torch.ones_like(samples) if weights is None else weights
    share = weights / weights.sum(0)
    mean = (share * samples).sum(0)
    count = len(samples)
    if count < 2:
        return mean, torch.full_like(mean, torch.nan)
    squares = (share * (samples - mean)).square().sum(0)
    return mean, (squares * count / (count - 1)).sqrt()


def with_sum(scores: Tensor, total: Tensor) -> Tensor:
    """The scores (tokens,) moved by the same amount each, so that they sum to a total.

    Scores that are exactly 0 stay so, as of what the model does not read, unless all are.

    Example:
        >>> with_sum(torch.tensor([1.0, 0.0, 2.0]), torch.tensor(4.0))
        tensor([1.5000, 0.0000, 2.5000])
    """
    moved = scores != 0
    moved = moved if moved.any() else torch.ones_like(moved)
    return scores + moved * ((total - scores.sum()) / moved.sum())
