"""A failure of one method is a row of the tables, not the end of a run."""

from collections.abc import Callable
from typing import Any


def attempt(work: Callable[[], Any]) -> tuple[Any, str | None]:
    """The answer, or in one sentence why there is none."""
    try:
        return work(), None
    except Exception as error:  # Methods fail in any way; the run goes on and says so.
        return None, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
