"""Where the time of a job goes."""

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping


class Clock:
    """CPU seconds of this process, by what they were spent on.

    Attributes:
        seconds: The seconds so far, by purpose.

    Example:
        >>> clock = Clock()
        >>> with clock.measure("waiting"):
        ...     pass
        >>> list(clock.seconds)
        ['waiting']
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def measure(self, purpose: str) -> Iterator[None]:
        """Adds what a `with` block takes to a purpose."""
        start = time.process_time()
        try:
            yield
        finally:
            self.seconds[purpose] += time.process_time() - start

    def add(self, seconds: Mapping[str, float]) -> None:
        """Adds what another clock has measured."""
        for purpose, amount in seconds.items():
            self.seconds[purpose] += amount
