"""Attribution of whole corpora: files in, files of scores out, with nothing lost."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from captum_rnn.jobs.attribute import Engine, Summary, attribute_files
    from captum_rnn.jobs.inputs import Columns
    from captum_rnn.jobs.iterate import attribute_batches, attribute_corpus

_ROOMS = {
    "Columns": "inputs",
    "Engine": "attribute",
    "Summary": "attribute",
    "attribute_batches": "iterate",
    "attribute_corpus": "iterate",
    "attribute_files": "attribute",
}
__all__ = [
    "Columns",
    "Engine",
    "Summary",
    "attribute_batches",
    "attribute_corpus",
    "attribute_files",
]


def __getattr__(name: str) -> Any:
    """Imports torch with the first use, so that `captum-rnn --help` answers at once."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"captum_rnn.jobs.{_ROOMS[name]}"), name)
