"""Word vectors from a corpus, and the classifier that adds them up.

Three ways to make vectors of equal window and dimension: a singular value decomposition of the
co-occurrence matrix, word2vec, and training with the classifier. The classifier of their sum is
linear, so the true contribution of each word is known, and every attribution can be held against
it.
"""

from benchmarks.word_vectors.attribution import WordPoolingDeltaAttribution
from benchmarks.word_vectors.classifier import WordVectorClassifier
from benchmarks.word_vectors.cooccurrence import cooccurrence_counts, positive_pmi
from benchmarks.word_vectors.norms import (
    NormFrequency,
    UnitVectors,
    norm_frequency,
    scaled_vectors,
)
from benchmarks.word_vectors.pooling import Pooling, WordPooling
from benchmarks.word_vectors.svd import svd_vectors
from benchmarks.word_vectors.word2vec import cbow_vectors

__all__ = [
    "NormFrequency",
    "Pooling",
    "UnitVectors",
    "WordPooling",
    "WordPoolingDeltaAttribution",
    "WordVectorClassifier",
    "cbow_vectors",
    "cooccurrence_counts",
    "norm_frequency",
    "positive_pmi",
    "scaled_vectors",
    "svd_vectors",
]
