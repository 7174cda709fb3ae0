"""Word vectors from a truncated singular value decomposition."""

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import svds
from torch import Tensor


def svd_vectors(matrix: sparse.csr_array, dim: int, *, seed: int) -> Tensor:
    r"""The rows of a sparse matrix, reduced to its largest singular values.

    .. math:: M \approx U_d S_d V_d^\top, \qquad E = U_d S_d^{1/2}

    For a symmetric positive definite M, :math:`E E^\top` is its best approximation of rank d. The
    square root treats words and contexts alike, which Levy et al. (2015), "Improving Distributional
    Similarity with Lessons Learned from Word Embeddings", found better than :math:`U_d S_d`.

    Args:
        matrix: Co-occurrence counts or their weights (words, contexts).
        dim: Features d of a vector, at least 1 and below both sizes of the matrix.
        seed: Decides where ARPACK starts, and with it the last digits.

    Returns:
        Vectors (words, dim) in float32, the feature of the largest singular value first, each
        feature's entry of largest magnitude positive. A word with an empty row gets zeros.

    Raises:
        ValueError: `dim` is out of range.

    Example:
        >>> matrix = sparse.csr_array(np.diag([0.0, 9.0, 4.0, 1.0]))
        >>> svd_vectors(matrix, 2, seed=0).abs().round(decimals=6)
        tensor([[0., 0.],
                [3., 0.],
                [0., 2.],
                [0., 0.]])
    """
    if not 1 <= dim < min(matrix.shape):
        raise ValueError(
            f"dim is {dim} for a matrix of shape {matrix.shape}; expected 1 to "
            f"{min(matrix.shape) - 1} features"
        )
    start = np.random.default_rng(seed).uniform(-1, 1, min(matrix.shape))
    left, singular, _ = svds(matrix.astype(np.float64), k=dim, v0=start)
    order = np.argsort(-singular)
    vectors = left[:, order] * np.sqrt(np.maximum(singular[order], 0.0))
    largest = np.abs(vectors).argmax(axis=0)
    vectors *= np.where(vectors[largest, np.arange(dim)] < 0, -1.0, 1.0)
    vectors[np.diff(matrix.indptr) == 0] = 0.0
    return torch.from_numpy(vectors).float()
