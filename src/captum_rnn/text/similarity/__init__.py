"""Two texts, one encoder: how similar they are, and which words of both say so."""

from captum_rnn.text.similarity.attribution import SimilarityDeltaAttribution
from captum_rnn.text.similarity.encoder import Head, SentenceSimilarity
from captum_rnn.text.similarity.joined import join_pairs, joined_similarity, split_pairs
from captum_rnn.text.similarity.pairs import Halves, other_partners, review_halves
from captum_rnn.text.similarity.training import train_similarity

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
