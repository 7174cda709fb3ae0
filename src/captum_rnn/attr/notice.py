"""Warnings that point at the line of the user's own code."""

import sys
import warnings

_OURS = ("captum_rnn.", "captum.", "torch.", "contextlib")


def warn(message: str) -> None:
    """Warns of what the caller of the package should know, once for each line and message."""
    depth, frame = 3, sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_back.f_globals.get("__name__", "")):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, UserWarning, stacklevel=depth)


def _is_ours(module: str) -> bool:
    return module.startswith(_OURS)
