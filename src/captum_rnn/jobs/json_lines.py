"""JSON Lines files: one object a line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from captum_rnn.jobs.lines import LineFile
from captum_rnn.jobs.rows import MALFORMED, Row, row_of


class JsonLinesFile:
    """A file of one JSON object a line, in UTF-8; blank lines are no rows.

    Args:
        path: The file.
        text_column: Key of the text.
        id_column: Key of the id; None: rows have none.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is UTF-16.
    """

    def __init__(self, path: Path, text_column: str, id_column: str | None) -> None:
        self._file = LineFile(path)
        self._text = text_column
        self._id = id_column

    def rows(self, first: int = 0, offset: int | None = None) -> Iterator[Row]:
        """The rows from number `first` on, which begins at `offset`; None: all rows."""
        number = first
        for start, line in self._file.lines(offset or 0):
            if line.isspace() or not line:
                continue
            try:
                content = json.loads(
                    line.decode("utf-8", "surrogateescape"), object_pairs_hook=_object
                )
            except (ValueError, RecursionError):
                content = None
            if isinstance(content, dict):
                identity = None if self._id is None else content.get(self._id)
                yield row_of(number, identity, content.get(self._text), start)
            else:
                yield Row(number, None, None, MALFORMED, offset=start)
            number += 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of some pairs, none of which may hide another."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key comes twice")
    return content
