import numpy as np
import pytest
import torch
from scipy import sparse

from benchmarks.word_vectors import svd_vectors


def symmetric(rows=12, seed=0):
    factors = np.random.default_rng(seed).normal(size=(rows, rows))
    return factors @ factors.T


def test_inner_products_are_the_best_approximation_of_their_rank():
    matrix = symmetric()
    values, directions = np.linalg.eigh(matrix)
    best = directions[:, -4:] * values[-4:] @ directions[:, -4:].T
    vectors = svd_vectors(sparse.csr_array(matrix), 4, seed=0).double().numpy()
    assert np.allclose(vectors @ vectors.T, best, atol=1e-4)


def test_features_stand_in_the_order_of_their_singular_values():
    matrix = np.random.default_rng(1).normal(size=(9, 7))
    vectors = svd_vectors(sparse.csr_array(matrix), 5, seed=0)
    squares = vectors.double().square().sum(0).numpy()
    assert squares == pytest.approx(np.linalg.svd(matrix)[1][:5], rel=1e-5)


def test_neither_the_start_nor_the_sign_of_a_singular_vector_shows():
    matrix = sparse.csr_array(symmetric())
    first, second = (svd_vectors(matrix, 5, seed=seed) for seed in (0, 1))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-4)
    columns = torch.arange(5)
    assert (first[first.abs().argmax(0), columns] > 0).all()


def test_an_empty_row_gets_exact_zeros():
    matrix = symmetric()
    matrix[0], matrix[:, 0] = 0, 0
    vectors = svd_vectors(sparse.csr_array(matrix), 3, seed=0)
    assert vectors[0].tolist() == [0, 0, 0]
    assert (vectors[1:].norm(dim=1) > 0).all()


@pytest.mark.parametrize("dim", [0, 7, -1])
def test_more_features_than_the_matrix_has(dim):
    with pytest.raises(ValueError, match=rf"dim is {dim} .* expected 1 to 6 features"):
        svd_vectors(sparse.csr_array(np.ones((9, 7))), dim, seed=0)
