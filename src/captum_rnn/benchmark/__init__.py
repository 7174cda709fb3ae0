"""Attribution methods beside each other on one classifier: `compare` any, or one of our own.

`ablate` measures every choice that the hidden-state delta leaves open.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captum_rnn.benchmark.ablation import ablate
    from captum_rnn.benchmark.comparison import compare, compare_reviews

_ROOMS = {"ablate": "ablation", "compare": "comparison", "compare_reviews": "comparison"}
__all__ = ["ablate", "compare", "compare_reviews"]


def __getattr__(name: str) -> Any:
    """Imports torch with the first use, so that `captum-rnn --help` answers at once."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"captum_rnn.benchmark.{_ROOMS[name]}"), name)
