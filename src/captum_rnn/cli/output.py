"""The one place where text leaves for the terminal."""

import argparse
import json
import sys
from typing import Any


def say(text: str) -> None:
    """Prints lines to standard output, whatever stands in them.

    Names in files (columns, tensors, classes, file names, errors of libraries that quote them) can
    hold what would move the cursor, set the title or paste a command: it is shown, not sent.
    """
    _write(text, sys.stdout)


def complain(text: str) -> None:
    """As `say`, to standard error."""
    _write(text, sys.stderr)


def say_json(content: dict[str, Any]) -> None:
    """Prints an object as one line of JSON, in which no character acts on a terminal."""
    encoded = json.dumps(content, ensure_ascii=False, allow_nan=False)
    print("".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in encoded))


class Parser(argparse.ArgumentParser):
    """A parser whose messages, which quote arguments such as file names, go out the same way."""

    def _print_message(self, message: str, file: Any = None) -> None:
        _write(message.removesuffix("\n"), file or sys.stderr)


def _write(text: str, stream: Any) -> None:
    from captum_rnn.visualization.tokens import visible

    print(
        "\n".join(visible(line) if line.strip() else "" for line in text.split("\n")), file=stream
    )
