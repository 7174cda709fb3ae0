"""CSV and TSV files, record by record, so that no line of a damaged file is lost."""

import contextlib
import csv
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from captum_rnn.jobs.lines import LineFile
from captum_rnn.jobs.rows import INVALID_UTF8, MALFORMED, Row, check_columns, row_of

# Python's own limit for one field, 131,072 characters, is lower than a long document.
_LONGEST_FIELD = 10_000_000


class Record(NamedTuple):
    """One record of a table.

    Attributes:
        offset: The byte of the file at which it begins.
        fields: Its fields; None if the line is no record.
    """

    offset: int
    fields: list[str] | None


class TableFile:
    """A table in UTF-8 with a header.

    Args:
        path: The file.
        text_column: Name of the column of texts.
        id_column: Name of the column of ids; None: rows have none.
        split: The records of a file from an offset on.

    Raises:
        OSError: The file cannot be read.
        ValueError: Its header is no UTF-8, or lacks one of the columns or has it twice.
    """

    def __init__(
        self,
        path: Path,
        text_column: str,
        id_column: str | None,
        split: Callable[[LineFile, int], Iterator[Record]],
    ) -> None:
        self._file, self._split = LineFile(path), split
        columns = next(split(self._file, 0), Record(0, [])).fields or []
        if any(row_of(0, None, column).problem == INVALID_UTF8 for column in columns):
            raise ValueError(
                f"{path} is not UTF-8 in its first row; save it as UTF-8, e.g. with "
                "iconv -f GB18030 -t UTF-8"
            )
        check_columns(path, columns, text_column, id_column)
        self._width = len(columns)
        self._text = columns.index(text_column)
        self._id = None if id_column is None else columns.index(id_column)

    def rows(self, first: int = 0, offset: int | None = None) -> Iterator[Row]:
        """The rows from number `first` on, which begins at `offset`; None: all rows."""
        records = self._split(self._file, offset or 0)
        if offset is None:
            next(records, None)
        for number, record in enumerate(records, first):
            if record.fields is None or len(record.fields) != self._width:
                identity = self._identity(record.fields)
                yield Row(number, identity, None, MALFORMED, offset=record.offset)
            else:
                identity = None if self._id is None else record.fields[self._id]
                yield row_of(number, identity, record.fields[self._text], record.offset)

    def _identity(self, fields: list[str] | None) -> str | None:
        """The id of a record of the wrong width, if the column stands before what is wrong."""
        if self._id != 0 or not fields:
            return None
        return row_of(0, fields[0], None).id


class _Lines:
    """The lines of a file from an offset on, decoded; some can be given back."""

    def __init__(self, file: LineFile, offset: int) -> None:
        self._lines = file.lines(offset)
        self._given_back: list[tuple[int, str]] = []
        self.taken: list[tuple[int, str]] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if not self._given_back:
            offset, line = next(self._lines)
            self.taken.append((offset, line.decode("utf-8", "surrogateescape")))
        elif not self.taken:
            self.taken.append(self._given_back.pop())
        else:
            # Inside quotes, this line once led to where a record could not be read. It would again,
            # so it is not tried: otherwise the time would grow with the square of the lines.
            raise csv.Error("the quote is not closed")
        return self.taken[-1][1]

    def keep_first(self) -> None:
        """Gives back all lines of a record but the first."""
        self._given_back += reversed(self.taken[1:])


def _quoted_records(file: LineFile, offset: int, delimiter: str) -> Iterator[Record]:
    """The records from an offset on, whose fields may stand in quotes.

    A record that cannot be read, such as one whose quote is never closed, costs one line: reading
    continues with the line after it.
    """
    lines = _Lines(file, offset)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    with _long_fields():
        while True:
            lines.taken.clear()
            try:
                fields: list[str] | None = next(reader)
            except StopIteration:
                return
            except csv.Error:
                lines.keep_first()
                fields = None
            if fields != []:
                yield Record(lines.taken[0][0], fields)


def _plain_records(file: LineFile, offset: int) -> Iterator[Record]:
    """The records from an offset on: a line each, whose fields tabs part; quotes are characters."""
    for start, line in file.lines(offset):
        text = line.decode("utf-8", "surrogateescape").removesuffix("\n").removesuffix("\r")
        if text:
            yield Record(start, text.split("\t"))


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


CsvFile = functools.partial(TableFile, split=functools.partial(_quoted_records, delimiter=","))
TsvFile = functools.partial(TableFile, split=_plain_records)
QuotedTsvFile = functools.partial(
    TableFile, split=functools.partial(_quoted_records, delimiter="\t")
)
