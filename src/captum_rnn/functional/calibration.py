"""Calibrated delta: one fixed vector for each class, and how it is learnt from many tokens."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

_BIN_STARTS = (1, 2, 4, 8, 16, 32)
DISTANCE_BINS = len(_BIN_STARTS) + 1
"""Number of bins of `distance_bins`."""


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
    """The mean over all tokens of all batches, in each bin and direction, summed in float64.

    Args:
        batches: Pairs of values (tokens, class, direction, state), of any number of tokens each,
            and the bin of each token in each direction (tokens, direction).
        bins: Number of bins.

    Returns:
        The means (class, bin, direction, state) in float64; in a bin without a token those of
        another one, see `fill_empty_bins`.

    Raises:
        ValueError: There is no token.

    Example:
        >>> values = torch.tensor([1.0, 2.0, 6.0]).reshape(3, 1, 1, 1)
        >>> mean_over_tokens([(values, torch.tensor([[0], [0], [1]]))], bins=2).flatten().tolist()
        [1.5, 6.0]
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
    return fill_empty_bins(total / tokens.clamp(min=1), tokens.squeeze(2) > 0)


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


def fill_empty_bins(vectors: Tensor, learnt: Tensor) -> Tensor:
    """Gives distances that no token of the fit had the vectors of the nearest ones that some had.

    A vector that was learnt to be zero, as nothing is read of states so far from the end, stays so.

    Args:
        vectors: (class, bin, direction, state).
        learnt: Which of them were learnt from a token (bin, direction).

    Returns:
        The vectors; those of a bin and direction that nothing was learnt for are those of the
        nearest bin, of two equally near ones that closer to the end.

    Example:
        >>> vectors = torch.tensor([1.0, 0.0, 2.0, 9.0]).reshape(1, 4, 1, 1)
        >>> learnt = torch.tensor([[True], [True], [True], [False]])
        >>> fill_empty_bins(vectors, learnt).flatten().tolist()
        [1.0, 0.0, 2.0, 2.0]
    """
    filled = vectors.clone()
    for direction, of_direction in enumerate(learnt.t()):
        full = of_direction.nonzero().flatten()
        for number in (~of_direction).nonzero().flatten() if len(full) else ():
            nearest = full[(full - number).abs().argmin()]
            filled[:, number, direction] = vectors[:, nearest, direction]
    return filled


def ridge_regression(batches: Iterable[tuple[Tensor, Tensor]], penalty: float) -> Tensor:
    r"""Ridge regression without intercept, from batches that are seen once.

    .. math:: R = (X^\top X + \text{penalty} \cdot I)^{-1} X^\top Y

    Only the two products are kept, in float64.

    Args:
        batches: Pairs of rows of X (tokens, features) and of Y (tokens, outputs).
        penalty: Above 0, in the squared unit of the features.

    Returns:
        The coefficients R (features, outputs) in float64.

    Raises:
        ValueError: There is no token, or the penalty is not above 0.

    Example:
        >>> features, scores = torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [6.0]])
        >>> ridge_regression([(features, scores)], penalty=1.0).tolist()
        [[2.5]]
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
    squares.diagonal().add_(penalty)
    coefficients: Tensor = torch.linalg.solve(squares, products)
    return coefficients


def _no_token() -> ValueError:
    return ValueError(
        "there is no token to learn from; pass at least one batch with a token that the recurrent "
        "layer reads"
    )
