"""CSV and TSV files, record by record, so that no line of a damaged file is lost."""

import contextlib
import csv
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from captum_rnn.jobs.rows import INVALID_UTF8, MALFORMED, Row, row_of

# Python's own limit for one field, 131,072 characters, is lower than a long document.
_LONGEST_FIELD = 10_000_000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Record(NamedTuple):
    """One record of a table.

    Attributes:
        offset: The byte of the file at which it begins.
        fields: Its fields; None if the line is no record.
    """

    offset: int
    fields: list[str] | None


class TableFile:
    """A CSV or TSV file in UTF-8 with a header.

    Args:
        path: The file.
        text_column: Name of the column of texts.
        id_column: Name of the column of ids; None: rows have none.
        delimiter: What stands between two fields.

    Raises:
        OSError: The file cannot be read.
        ValueError: Its header lacks one of the columns.
    """

    def __init__(self, path: Path, text_column: str, id_column: str | None, delimiter: str) -> None:
        self._path = path
        self._delimiter = delimiter
        with path.open("rb") as file:
            header = next(_records(file, 0, delimiter), Record(0, []))
        columns = header.fields or []
        if any(row_of(0, None, column).problem == INVALID_UTF8 for column in columns):
            raise ValueError(
                f"{path} is not UTF-8 in its first row; save it as UTF-8, e.g. with "
                "iconv -f GB18030 -t UTF-8"
            )
        for column in filter(None, (text_column, id_column)):
            if column not in columns:
                raise ValueError(
                    f"{path} has the columns {', '.join(columns) or '(none)'}; expected a header "
                    f"in UTF-8 with {column}: name the column with --text-column or --id-column"
                )
        self._width = len(columns)
        self._text = columns.index(text_column)
        self._id = None if id_column is None else columns.index(id_column)

    def offsets(self) -> Iterator[int]:
        """Where each row begins, in bytes from the start of the file."""
        with self._path.open("rb") as file:
            records = _records(file, 0, self._delimiter)
            next(records, None)
            for record in records:
                yield record.offset

    def rows(self, first: int, offset: int) -> Iterator[Row]:
        """The rows from number `first` on, which begins at `offset`."""
        with self._path.open("rb") as file:
            for number, record in enumerate(_records(file, offset, self._delimiter), first):
                if record.fields is None or len(record.fields) != self._width:
                    yield Row(number, self._identity(record.fields), None, MALFORMED)
                else:
                    identity = None if self._id is None else record.fields[self._id]
                    yield row_of(number, identity, record.fields[self._text])

    def _identity(self, fields: list[str] | None) -> str | None:
        """The id of a record of the wrong width, if the column stands before what is wrong."""
        if self._id != 0 or not fields:
            return None
        return row_of(0, fields[0], None).id


class _Lines:
    """The lines of a file from an offset on, decoded; some can be given back."""

    def __init__(self, file: BinaryIO, offset: int) -> None:
        file.seek(offset)
        self._lines: Iterator[bytes] = file
        self._given_back: list[bytes] = []
        self._offset = offset
        self.taken: list[bytes] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._given_back.pop() if self._given_back else next(self._lines)
        self.taken.append(line)
        text = line.removeprefix(_BYTE_ORDER_MARK) if self._is_start else line
        return text.decode("utf-8", "surrogateescape")

    def begin(self) -> int:
        """The offset at which the next record begins."""
        self._offset += sum(map(len, self.taken))
        self.taken.clear()
        return self._offset

    def keep_first(self) -> None:
        """Gives back all lines taken since `begin` but the first."""
        self._given_back += reversed(self.taken[1:])
        del self.taken[1:]

    @property
    def _is_start(self) -> bool:
        return self._offset == 0 and len(self.taken) == 1


def _records(file: BinaryIO, offset: int, delimiter: str) -> Iterator[Record]:
    """The records from an offset on.

    A record that cannot be read, such as one whose quote is never closed, costs one line: reading
    goes on with the line after it.
    """
    lines = _Lines(file, offset)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    with _long_fields():
        while True:
            start = lines.begin()
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error:
                lines.keep_first()
                yield Record(start, None)
                continue
            if fields:
                yield Record(start, fields)


@contextlib.contextmanager
def _long_fields() -> Iterator[None]:
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


CsvFile = functools.partial(TableFile, delimiter=",")
TsvFile = functools.partial(TableFile, delimiter="\t")
