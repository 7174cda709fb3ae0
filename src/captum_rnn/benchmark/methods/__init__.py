"""The methods of the comparison, and the classifier as they call it."""

from captum_rnn.benchmark.methods.explained_model import ExplainedModel
from captum_rnn.benchmark.methods.method import Method
from captum_rnn.benchmark.methods.registry import (
    ALL_METHODS,
    EXPENSIVE,
    METHODS,
    QUICK_METHODS,
    find_methods,
)

__all__ = [
    "ALL_METHODS",
    "EXPENSIVE",
    "METHODS",
    "QUICK_METHODS",
    "ExplainedModel",
    "Method",
    "find_methods",
]
