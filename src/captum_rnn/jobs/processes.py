"""How the worker processes of a job are started; importing this needs no torch."""

from multiprocessing.context import BaseContext

from captum_rnn import processes

_PRELOADED = (
    "captum_rnn.jobs.work",
    "captum_rnn.jobs.local_engine",
    "captum_rnn.jobs.segmenter_ahead",
)


def start_method() -> BaseContext:
    """See `captum_rnn.processes.start_method`."""
    return processes.start_method(_PRELOADED)


def import_ahead() -> None:
    """See `captum_rnn.processes.import_ahead`."""
    processes.import_ahead(_PRELOADED)
