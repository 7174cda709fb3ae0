"""Stages for two processes, which a second process can import."""

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from captum_rnn.benchmark.second_process import Stage

STAGES = ("one", "two")
UNITS = 12


@dataclass(frozen=True)
class Writing:
    """Stages of units that write into a folder which process has done them.

    Attributes:
        folder: Where to.
        first: The process that makes the stages first.
        deadly: Names of units in which every other process ends.
    """

    folder: Path
    first: int
    deadly: tuple[str, ...] = ()

    @contextlib.contextmanager
    def stages(self) -> Iterator[Sequence[Stage]]:
        yield [Stage(name, self._units(name)) for name in STAGES]

    def _units(self, stage: str) -> list[Callable[[], None]]:
        return [partial(self._write, f"{stage}-{number}") for number in range(UNITS)]

    def _write(self, name: str) -> None:
        if os.getpid() != self.first:
            if name in self.deadly:
                os._exit(1)
            warnings.warn("told by the second process", UserWarning, stacklevel=2)
        elif name == "one-0":
            self._wait_for_the_other()
        time.sleep(0.05)
        with (self.folder / name).open("a") as file:
            file.write(f"{os.getpid()}\n")

    def _wait_for_the_other(self) -> None:
        """Until the other process, which imports torch first, has done a unit."""
        end = time.monotonic() + 120
        while not list(self.folder.iterdir()) and time.monotonic() < end:
            time.sleep(0.05)
