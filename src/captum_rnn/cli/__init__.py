"""The command `captum-rnn`: its parser and its exit codes.

Each command has a file of its own. It imports what it needs when it runs, so that
`captum-rnn --help` answers at once.
"""

import argparse
import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from captum_rnn.cli import ablate, attribute, compare, explain, report, train
from captum_rnn.cli.output import Parser, complain

_COMMANDS = (explain, train, compare, ablate, attribute, report)
_FAILED = 2
_INTERRUPTED = 130
_PIPE_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        argv: The arguments after the command's name; None for those of the process.

    Returns:
        The exit status: 0; 2 after a failure, told in one sentence on standard error; 130 when
        interrupted; 141 when the reader of the output went away.

    Raises:
        SystemExit: The arguments are wrong (status 2), or ask for help or the version (status 0).
    """
    for stream in (sys.stdout, sys.stderr):
        # Chinese text must not fail, nor bytes of the command line that are no text.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    options = _parser().parse_args(argv)
    try:
        with _warnings_as_notes():
            options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        complain("; ".join(["captum-rnn: interrupted", *map(str, interrupt.args)]))
        return _INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more when it ends, into what is still open.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except (ImportError, OSError, TypeError, ValueError) as error:
        complain(f"captum-rnn: {_sentence(error)}")
        return _FAILED
    return 0


@contextlib.contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Warnings as sentences on standard error, one of each kind: no path, no line of code."""
    told: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        kind = re.sub(r"\d+", "", str(message))
        if kind not in told:
            told.add(kind)
            complain(f"note: {' '.join(str(message).split())}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="captum-rnn",
        description="Explains recurrent text classifiers: which words decided.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('captum-rnn')}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_parser(subparsers)
    return parser


def _sentence(error: Exception) -> str:
    """What went wrong, on one line, without the number of the system's error."""
    message = str(error)
    if isinstance(error, OSError) and error.strerror:
        message = ": ".join(
            str(part) for part in (error.filename2 or error.filename, error.strerror) if part
        )
    return " ".join(message.split())
