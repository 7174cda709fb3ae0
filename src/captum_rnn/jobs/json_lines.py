"""JSON Lines files: one object a line."""

import json
from collections.abc import Iterator
from pathlib import Path

from captum_rnn.jobs.rows import MALFORMED, Row, row_of

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class JsonLinesFile:
    """A file of one JSON object a line, in UTF-8; blank lines are no rows.

    Args:
        path: The file.
        text_column: Key of the text.
        id_column: Key of the id; None: rows have none.

    Raises:
        OSError: The file cannot be read.
    """

    def __init__(self, path: Path, text_column: str, id_column: str | None) -> None:
        self._path = path
        self._text = text_column
        self._id = id_column
        path.open("rb").close()

    def offsets(self) -> Iterator[int]:
        """Where each row begins, in bytes from the start of the file."""
        for offset, _ in self._lines(0):
            yield offset

    def rows(self, first: int, offset: int) -> Iterator[Row]:
        """The rows from number `first` on, which begins at `offset`."""
        for number, (_, line) in enumerate(self._lines(offset), first):
            try:
                content = json.loads(line.decode("utf-8", "surrogateescape"))
            except (ValueError, RecursionError):
                yield Row(number, None, None, MALFORMED)
                continue
            if not isinstance(content, dict):
                yield Row(number, None, None, MALFORMED)
                continue
            identity = None if self._id is None else content.get(self._id)
            yield row_of(number, identity, content.get(self._text))

    def _lines(self, offset: int) -> Iterator[tuple[int, bytes]]:
        with self._path.open("rb") as file:
            file.seek(offset)
            for line in file:
                text = line.removeprefix(_BYTE_ORDER_MARK) if offset == 0 else line
                if not text.isspace() and text:
                    yield offset, text
                offset += len(line)
