"""Captum attribution for recurrent classifiers.

The attribution classes score the tokens of any model around an `nn.RNN`, `nn.LSTM` or `nn.GRU`;
`baselines` makes what series are compared with; `pack_tokens` packs a batch so that left-out
tokens score 0; `functional` holds the mathematics;
`attribute_corpus` scores many texts.
What needs more than torch and captum is imported on demand: `captum_rnn.text`,
`captum_rnn.evaluation`, `captum_rnn.visualization`, `captum_rnn.benchmark`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captum_rnn import baselines, functional
    from captum_rnn.attr import (
        AdjointDeltaAttribution,
        CalibratedDeltaAttribution,
        HiddenStateDeltaAttribution,
        LeaveOneOutAttribution,
        LocalDeltaAttribution,
        LogitDeltaAttribution,
        RecurrentDeepLiftAttribution,
        RecurrentLRPAttribution,
        RecurrentShapleyAttribution,
        WordInformationAttribution,
    )
    from captum_rnn.jobs import attribute_corpus
    from captum_rnn.states import from_cell, pack_tokens

__version__ = "0.2.0"

__all__ = [
    "AdjointDeltaAttribution",
    "CalibratedDeltaAttribution",
    "HiddenStateDeltaAttribution",
    "LeaveOneOutAttribution",
    "LocalDeltaAttribution",
    "LogitDeltaAttribution",
    "RecurrentDeepLiftAttribution",
    "RecurrentLRPAttribution",
    "RecurrentShapleyAttribution",
    "WordInformationAttribution",
    "__version__",
    "attribute_corpus",
    "baselines",
    "from_cell",
    "functional",
    "pack_tokens",
]

_ROOMS = {
    "attribute_corpus": "captum_rnn.jobs",
    "from_cell": "captum_rnn.states",
    "pack_tokens": "captum_rnn.states",
}


def __getattr__(name: str) -> Any:
    """Imports torch and captum with the first use, so that `captum-rnn --help` answers at once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("baselines", "functional"):
        return import_module(f"captum_rnn.{name}")
    room = _ROOMS.get(name, "captum_rnn.attr")
    return getattr(import_module(room), name)


def __dir__() -> list[str]:
    return sorted(__all__)
