"""Two texts, one encoder: how similar they are, and which words of both say so."""

from benchmarks.similarity.attribution import SimilarityDeltaAttribution
from benchmarks.similarity.encoder import Head, SentenceSimilarity
from benchmarks.similarity.joined import join_pairs, joined_similarity, split_pairs
from benchmarks.similarity.pairs import Halves, other_partners, review_halves
from benchmarks.similarity.training import train_similarity

__all__ = [
    "Halves",
    "Head",
    "SentenceSimilarity",
    "SimilarityDeltaAttribution",
    "join_pairs",
    "joined_similarity",
    "other_partners",
    "review_halves",
    "split_pairs",
    "train_similarity",
]
