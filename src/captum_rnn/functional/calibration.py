"""Calibrated delta: one fixed vector for each class, and how it is learnt from many tokens."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

_BIN_STARTS = (1, 2, 4, 8, 16, 32)
DISTANCE_BINS = len(_BIN_STARTS) + 1
"""Number of bins of `distance_bins`."""
TOKENS_OF_PLAIN = 10.0
"""How many tokens the mean over all bins counts for in the mean of each."""


def calibrated_total(
    paths: Sequence[Tensor], vectors: Tensor, lengths: Tensor | None = None
) -> Tensor:
    r"""What the calibrated deltas of each row must sum to, computed from the end points alone.

    .. math:: \sum_\text{directions} \langle h_n - h_0, r_c \rangle

    Args:
        paths: States at the boundaries (batch, time + 1, state) of the forward direction and, for
            a bidirectional layer, of the backward one.
        vectors: The vector r_c of each row's class (batch, direction, state).
        lengths: Number of tokens in each row (batch,); `None`: all rows are full.

    Returns:
        The sums (batch,).

    Example:
        >>> states = torch.tensor([[[1.0, 0.0], [9.0, 9.0], [1.0, 2.0]]])
        >>> calibrated_total([states], torch.tensor([[[5.0, -1.0]]]))
        tensor([-2.])
    """
    total = vectors.new_zeros(len(vectors))
    for direction, path in enumerate(paths):
        last = path[:, -1]
        if lengths is not None:
            last = path.take_along_dim(lengths.reshape(-1, 1, 1), 1).squeeze(1)
        covered = path[:, 0] - last if direction == 1 else last - path[:, 0]
        total = total + (covered * vectors[:, direction]).sum(-1)
    return total


def distance_bins(distances: Tensor) -> Tensor:
    """Numbers the bins of distances from the end: 0, 1, 2–3, 4–7, 8–15, 16–31, and 32 or more.

    The effect of a state fades with the steps that follow, so the bins widen as powers of two.

    Example:
        >>> distance_bins(torch.tensor([0, 1, 3, 4, 31, 900])).tolist()
        [0, 1, 2, 3, 5, 6]
    """
    edges = torch.tensor(_BIN_STARTS, device=distances.device)
    return torch.bucketize(distances, edges, right=True)


def mean_over_tokens(batches: Iterable[tuple[Tensor, Tensor]], bins: int = 1) -> Tensor:
    r"""The mean over the tokens of each bin, drawn to the mean over all where they are few.

    .. math:: \text{mean}_\text{bin} =
        \frac{\sum_{t \in \text{bin}} v_t + k \, \bar v}{n_\text{bin} + k}

    k is `TOKENS_OF_PLAIN`, and v̄ the mean over all tokens, which a bin without a token gets.

    Args:
        batches: Pairs of values (tokens, class, direction, state), of any number of tokens each,
            and the bin of each token in each direction (tokens, direction).
        bins: Number of bins; 1: the plain mean.

    Returns:
        The means (class, bin, direction, state), summed and given in float64.

    Raises:
        ValueError: There is no token.

    Example:
        >>> values = torch.tensor([1.0, 2.0, 6.0]).reshape(3, 1, 1, 1)
        >>> in_bin = torch.tensor([[0], [0], [1]])
        >>> near, far, none = mean_over_tokens([(values, in_bin)], bins=3).flatten().tolist()
        >>> 1.5 < near < 3.0 < far < 6.0, none
        (True, 3.0)
    """
    total: Tensor | None = None
    tokens = torch.zeros(())
    for values, in_bin in batches:
        is_in_bin = one_hot(in_bin, bins).double()  # (tokens, direction, bin)
        of_batch = torch.einsum("tdg,tcds->cgds", is_in_bin, values.double())
        total = of_batch if total is None else total + of_batch
        tokens = tokens.to(is_in_bin) + is_in_bin.sum(0).t().unsqueeze(2)  # (bin, direction, 1)
    if total is None or not tokens.any():
        raise _no_token()
    plain = total.sum(1, keepdim=True) / tokens.sum(0)
    return (total + TOKENS_OF_PLAIN * plain) / (tokens + TOKENS_OF_PLAIN)


def in_bins(steps: Tensor, in_bin: Tensor, bins: int) -> Tensor:
    """Features of a regression with other coefficients in each bin.

    Args:
        steps: (tokens, direction, state).
        in_bin: The bin of each token in each direction (tokens, direction).
        bins: Number of bins.

    Returns:
        Features (tokens, bin · direction · state), 0 outside the token's bin.

    Example:
        >>> steps = torch.tensor([[[1.0, 2.0]], [[3.0, 4.0]]])
        >>> in_bins(steps, torch.tensor([[0], [1]]), 2)
        tensor([[1., 2., 0., 0.],
                [0., 0., 3., 4.]])
    """
    is_in_bin = one_hot(in_bin, bins).to(steps.dtype)
    return torch.einsum("tdg,tds->tgds", is_in_bin, steps).flatten(1)


def ridge_regression(
    batches: Iterable[tuple[Tensor, Tensor]], penalty: float, bins: int = 1
) -> Tensor:
    r"""Ridge regression without intercept, from batches that are seen once.

    .. math:: R = (X^\top X + \text{penalty} \cdot I)^{-1} X^\top Y

    Of several bins the penalty is on how far the coefficients of each are from the plain ones,
    those of all bins together. So a bin with few tokens stays near them, and one with none has
    them.

    .. math:: R_\text{bin} = \arg\min \lVert Y - X R \rVert^2 +
        \text{penalty} \sum_\text{bin} \lVert R_\text{bin} - R_\text{plain} \rVert^2

    Only the two products are kept, in float64.

    Args:
        batches: Pairs of rows of X (tokens, features) and of Y (tokens, outputs).
        penalty: Above 0, in the squared unit of the features.
        bins: Number of bins, as the features are those of `in_bins`.

    Returns:
        The coefficients R (features, outputs) in float64.

    Raises:
        ValueError: There is no token, or the penalty is not above 0.

    Example:
        >>> features, scores = torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [6.0]])
        >>> ridge_regression([(features, scores)], penalty=1.0).tolist()
        [[2.5]]
        >>> in_two_bins = torch.tensor([[1.0, 0.0], [2.0, 0.0]])
        >>> ridge_regression([(in_two_bins, scores)], penalty=1.0, bins=2)[1].tolist()
        [2.5]
    """
    if not penalty > 0:
        raise ValueError(f"penalty is {penalty!r}; expected a number above 0, such as 10.0")
    squares: Tensor | None = None
    products: Tensor | None = None
    tokens = 0
    for features, outputs in batches:
        features, outputs = features.double(), outputs.double()
        of_squares, of_products = features.t() @ features, features.t() @ outputs
        squares = of_squares if squares is None else squares + of_squares
        products = of_products if products is None else products + of_products
        tokens += len(features)
    if squares is None or products is None or tokens == 0:
        raise _no_token()
    size = len(squares) // bins
    plain = _ridge(
        squares.reshape(bins, size, bins, size).sum((0, 2)),
        products.reshape(bins, size, -1).sum(0),
        penalty,
    )
    if bins == 1:
        return plain
    everywhere = plain.repeat(bins, 1)
    return everywhere + _ridge(squares, products - squares @ everywhere, penalty)


def _ridge(squares: Tensor, products: Tensor, penalty: float) -> Tensor:
    eye = torch.eye(len(squares), dtype=squares.dtype, device=squares.device)
    solved: Tensor = torch.linalg.solve(squares + penalty * eye, products)
    return solved


def _no_token() -> ValueError:
    return ValueError(
        "there is no token to learn from; pass at least one batch with a token that the recurrent "
        "layer reads"
    )
