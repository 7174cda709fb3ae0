"""How worker processes are started; importing this needs no torch."""

import multiprocessing
import signal
from collections.abc import Sequence
from multiprocessing.context import BaseContext


def start_method(preloaded: Sequence[str]) -> BaseContext:
    """The context that worker processes are started in.

    A process that imports the package once and forks the workers, before any of them has threads;
    where the system has no fork, each worker is a fresh process.

    Args:
        preloaded: Names of the modules that the forking process imports.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    multiprocessing.set_forkserver_preload(list(preloaded))
    return multiprocessing.get_context("forkserver")


def import_ahead(preloaded: Sequence[str]) -> None:
    """Lets the process that forks the workers import the package while this one does, too.

    Args:
        preloaded: See `start_method`.
    """
    if start_method(preloaded).get_start_method() == "forkserver":
        from multiprocessing import forkserver

        # Ctrl-C reaches all processes of the terminal; this one decides what happens, also while
        # the other still imports.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            forkserver.ensure_running()
        finally:
            signal.signal(signal.SIGINT, before)
