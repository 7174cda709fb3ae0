"""How often words stand near each other, and how much more often than by chance."""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from scipy import sparse

from captum_rnn.text.vocabulary import UNKNOWN_ID


def cooccurrence_counts(
    texts: Sequence[Sequence[int]], vocabulary_size: int, *, window: int
) -> sparse.csr_array:
    """Counts for each pair of words how often they stand within a window of each other.

    Unknown words are left out before the window is laid, as word2vec does, so that the words on
    both sides of one are neighbours. Every pair counts once in each direction, whatever its
    distance.

    Args:
        texts: The word ids of each text; id 0 is an unknown word.
        vocabulary_size: Number of words; their ids run from 1 to this number.
        window: Largest distance of two words that are counted, 1 or more.

    Returns:
        The symmetric counts (vocabulary_size + 1, vocabulary_size + 1), with an empty row and
        column for id 0, so that rows are numbered as in an embedding.

    Raises:
        ValueError: A window below 1, or an id outside the vocabulary.

    Example:
        >>> cooccurrence_counts([[1, 2, 1]], 2, window=1).toarray()
        array([[0., 0., 0.],
               [0., 0., 2.],
               [0., 2., 0.]])
    """
    if window < 1:
        raise ValueError(f"window is {window}; expected 1 or more words to each side")
    words = np.fromiter(chain.from_iterable(texts), dtype=np.int64)
    text_of = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
    outside = words[(words < 0) | (words > vocabulary_size)]
    if len(outside):
        raise ValueError(
            f"the texts hold the id {outside[0]}; expected ids from 0 to {vocabulary_size}, the "
            "size of the vocabulary"
        )
    known = words != UNKNOWN_ID
    words, text_of = words[known], text_of[known]
    counts = sparse.csr_array((vocabulary_size + 1, vocabulary_size + 1))
    for distance in range(1, min(window, len(words) - 1) + 1):
        together = text_of[distance:] == text_of[:-distance]
        pairs = words[:-distance][together], words[distance:][together]
        counts += sparse.coo_array((np.ones(len(pairs[0])), pairs), counts.shape).tocsr()
    return (counts + counts.T).tocsr()


def positive_pmi(counts: sparse.csr_array) -> sparse.csr_array:
    r"""Weights co-occurrence counts by positive pointwise mutual information.

    .. math::
        \max\Bigl(0, \log \frac{P(v, w)}{P(v) P(w)}\Bigr)
        = \max\Bigl(0, \log \frac{n_{vw} \sum n}{\sum_w n_{vw} \sum_v n_{vw}}\Bigr)

    Args:
        counts: Co-occurrence counts (words, words).

    Returns:
        The weights (words, words), 0 and not stored for pairs that never stand together or do so
        no more often than by chance.

    Source: Levy and Goldberg (2014), "Neural Word Embedding as Implicit Matrix Factorization".

    Example:
        >>> counts = sparse.csr_array([[0.0, 3.0, 1.0], [3.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
        >>> positive_pmi(counts).toarray().round(3)
        array([[0.   , 0.693, 0.693],
               [0.693, 0.   , 0.   ],
               [0.693, 0.   , 0.   ]])
    """
    weights = counts.tocoo(copy=True).astype(np.float64)
    of_rows, of_columns = counts.sum(axis=1), counts.sum(axis=0)
    row, column = weights.coords
    expected = of_rows[row] * of_columns[column] / counts.sum()
    weights.data = np.log(np.maximum(weights.data / expected, 1.0))
    weights.eliminate_zeros()
    return weights.tocsr()
