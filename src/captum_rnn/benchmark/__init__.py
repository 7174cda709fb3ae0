"""Attribution methods next to each other on one model: `compare` any, or one of our own.

`ablate` measures every choice that the hidden-state delta leaves open.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captum_rnn.benchmark.ablation import ablate
    from captum_rnn.benchmark.any_model import compare
    from captum_rnn.benchmark.comparison import Comparison
    from captum_rnn.benchmark.methods import ExplainedModel
    from captum_rnn.benchmark.reviews import compare_reviews

__all__ = ["Comparison", "ExplainedModel", "ablate", "compare", "compare_reviews"]

_ROOMS = {
    "Comparison": "comparison",
    "ExplainedModel": "methods",
    "ablate": "ablation",
    "compare": "any_model",
    "compare_reviews": "reviews",
}


def __getattr__(name: str) -> Any:
    """Imports the comparison with its first use, so that explaining one text does without."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"captum_rnn.benchmark.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
