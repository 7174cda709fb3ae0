"""A second process that works off the same stages from the other end."""

import contextlib
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from captum_rnn import processes

PRELOADED = ("captum_rnn.benchmark.reviews",)
"""What the process that forks the second one imports before; see `start_method`."""

_SECONDS_TO_END = 5


@dataclass(frozen=True)
class Stage:
    """Units of work that do not wait for each other.

    Attributes:
        title: What is done, for the progress bar.
        units: The units; what they find lies in the checkpoint.
    """

    title: str
    units: Sequence[Callable[[], object]]


_Stages = Callable[[], contextlib.AbstractContextManager[Sequence[Stage]]]


class SecondProcess:
    """A process that asks for units of the open stage, one at a time, and does them.

    What it finds it keeps in the folder of the run, where the first process reads it. It may die at
    any time: what it was at is named by `close`.

    Args:
        stages: Makes the stages of the run in the other process; it has to be picklable.
    """

    def __init__(self, stages: _Stages) -> None:
        context: Any = processes.start_method(PRELOADED)
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_help, args=(theirs, stages), daemon=True)
        self._process.start()
        # Only the other process may hold its end, so that its death is seen at ours.
        theirs.close()
        self._changed = threading.Condition()
        self._stage = -1
        self._waiting: deque[int] | None = None
        self._at_work: int | None = None
        self._alive = True
        self._told: dict[tuple[type[Warning], str], None] = {}
        self._free = self._ending = False
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def open(self, stage: int, waiting: deque[int]) -> None:
        """Lets the other process take units from the far end of a stage.

        Args:
            stage: The number of the stage.
            waiting: The units that nobody has taken.
        """
        with self._changed:
            self._stage, self._waiting = stage, waiting
            self._changed.notify_all()

    def close(self) -> list[int]:
        """Waits until the other process has finished what it is at, and warns of what it was told.

        Returns:
            The unit that it has left unfinished, if it has died.
        """
        with self._changed:
            self._waiting = None
            self._changed.wait_for(lambda: self._at_work is None or not self._alive)
            lost, self._at_work = self._at_work, None
            told, self._told = self._told, {}
        for category, message in told:
            warnings.warn(message, category, stacklevel=2)
        return [] if lost is None else [lost]

    def dismiss(self) -> None:
        """Ends the other process: by itself where it waits for a unit, else by force."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
            if not self._free:
                self._process.terminate()
        self._thread.join()
        self._connection.close()
        self._process.join(_SECONDS_TO_END)
        self._process.terminate()
        self._process.join()

    def _answer(self) -> None:
        """Gives the other process a unit whenever it asks for one, until it is gone."""
        with contextlib.suppress(EOFError, OSError):
            while not self._ending:
                told = self._connection.recv()
                with self._changed:
                    self._told |= dict.fromkeys(told)
                    self._at_work, self._free = None, True
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._ending or self._take())
                    self._free = self._ending
                    work = self._stage, self._at_work
                if not self._ending:
                    self._connection.send(work)
        with self._changed:
            self._alive = False
            self._changed.notify_all()

    def _take(self) -> bool:
        """Whether there is a unit for the other process, which is then its own."""
        if self._waiting is None:
            return False
        with contextlib.suppress(IndexError):
            self._at_work = self._waiting.pop()
        return self._at_work is not None


def _help(connection: Connection, make_stages: _Stages) -> None:
    """The life of the second process: asks for a unit and does it, until the other end is gone."""
    # Ctrl-C reaches all processes of the terminal; the first one decides what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What goes wrong here goes wrong there again, where it is told.
    with (
        contextlib.suppress(Exception),
        make_stages() as stages,
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        while True:
            connection.send([(warning.category, str(warning.message)) for warning in told])
            told.clear()
            stage, unit = connection.recv()
            stages[stage].units[unit]()
