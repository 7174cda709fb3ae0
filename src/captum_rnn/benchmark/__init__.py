"""Attribution methods next to each other on one model: `compare` any, or one of our own.

`ablate` measures every choice that the hidden-state delta leaves open.
"""

from captum_rnn.benchmark.ablation import ablate
from captum_rnn.benchmark.any_model import compare
from captum_rnn.benchmark.comparison import Comparison
from captum_rnn.benchmark.methods import ExplainedModel
from captum_rnn.benchmark.reviews import compare_reviews

__all__ = ["Comparison", "ExplainedModel", "ablate", "compare", "compare_reviews"]
