"""Attribution methods beside each other on one classifier: `compare` any, or one of our own."""

from captum_rnn.benchmark.comparison import compare, compare_reviews

__all__ = ["compare", "compare_reviews"]
