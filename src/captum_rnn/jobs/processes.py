"""How worker processes are started; importing this needs no torch."""

import multiprocessing
import signal
from multiprocessing.context import BaseContext

_PRELOADED = [
    "captum_rnn.jobs.work",
    "captum_rnn.jobs.local_engine",
    "captum_rnn.jobs.segmenter_ahead",
]


def start_method() -> BaseContext:
    """The context that worker processes are started in.

    A process that imports the package once and forks the workers, before any of them has threads;
    where the system has no fork, each worker is a fresh process.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    multiprocessing.set_forkserver_preload(_PRELOADED)
    return multiprocessing.get_context("forkserver")


def import_ahead() -> None:
    """Lets the process that forks the workers import the package while this one does, too."""
    if start_method().get_start_method() == "forkserver":
        from multiprocessing import forkserver

        # Ctrl-C reaches all processes of the terminal; this one decides what happens, also while
        # the other still imports.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            forkserver.ensure_running()
        finally:
            signal.signal(signal.SIGINT, before)
