"""Parquet files, read in a stream."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from captum_rnn.extras import import_extra
from captum_rnn.files import open_regular
from captum_rnn.jobs.rows import Row, check_columns, row_of

_ROWS_AT_ONCE = 2_000


def import_pyarrow() -> Any:
    """Pyarrow with its Parquet module.

    Raises:
        ImportError: It is not installed.
    """
    import_extra("pyarrow.parquet", "parquet", "Parquet (--format jsonl does without)")
    return import_extra("pyarrow", "parquet", "Parquet (--format jsonl does without)")


class ParquetFile:
    """A Parquet file, of which two columns are read.

    Row groups are read from their start, so ranges are cheap in ascending order: the reader
    continues where it stopped.

    Args:
        path: The file.
        text_column: Name of the column of texts; of strings or of bytes in UTF-8.
        id_column: Name of the column of ids; None: rows have none.

    Raises:
        ImportError: pyarrow is not installed.
        OSError: The file cannot be read.
        ValueError: It is no Parquet file, or lacks one of the columns or has it twice.
    """

    def __init__(self, path: Path, text_column: str, id_column: str | None) -> None:
        self._pyarrow = import_pyarrow()
        open_regular(path).close()
        self._path = path
        try:
            self._file = self._pyarrow.parquet.ParquetFile(path, memory_map=False)
            names = self._file.schema_arrow.names
        except (self._pyarrow.ArrowException, OSError, ValueError) as error:
            raise ValueError(
                f"{path} is no Parquet file or is cut off ({error}); copy it again"
            ) from error
        check_columns(path, names, text_column, id_column)
        self._text, self._id = text_column, id_column
        self._next = -1
        self._rest: Iterator[Row] = iter(())

    def rows(self, first: int = 0, offset: int | None = None) -> Iterator[Row]:
        """The rows from number `first` on; `offset` is not used: Parquet has its own index."""
        if first != self._next:
            self._seek(first)
        for row in self._rest:
            if row.number >= first:
                self._next = row.number + 1
                yield row

    def _seek(self, first: int) -> None:
        """Goes to a row: ahead in the row groups at hand, or from its group's start."""
        start = 0
        for group in range(self._file.num_row_groups):
            end = start + self._file.metadata.row_group(group).num_rows
            if first < end:
                if not start <= self._next <= first:
                    self._rest = self._rows(group, start)
                return
            start = end

    def _rows(self, group: int, start: int) -> Iterator[Row]:
        columns = list(dict.fromkeys(filter(None, (self._text, self._id))))
        batches = self._file.iter_batches(
            batch_size=_ROWS_AT_ONCE,
            row_groups=range(group, self._file.num_row_groups),
            columns=columns,
            use_threads=False,
        )
        for batch in self._readable(batches):
            texts = self._strings(batch.column(self._text))
            ids = [None] * len(texts) if self._id is None else self._ids(batch.column(self._id))
            for identity, text in zip(ids, texts, strict=True):
                yield row_of(start, identity, text, start)
                start += 1

    def _readable(self, batches: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from batches
        except (self._pyarrow.ArrowException, OSError, ValueError) as error:
            raise ValueError(f"{self._path} is damaged ({error}); copy it again") from error

    def _ids(self, column: Any) -> list[Any]:
        values = self._strings(column)
        return column.to_pylist() if values.count(None) > column.null_count else values

    def _strings(self, column: Any) -> list[str | None]:
        """The values as strings; bytes that are no UTF-8 as surrogates, other types as None."""
        types = self._pyarrow.types
        kind = column.type
        if types.is_dictionary(kind):
            column, kind = column.dictionary_decode(), kind.value_type
        if not any(
            check(kind)
            for check in (
                types.is_string,
                types.is_large_string,
                types.is_string_view,
                types.is_binary,
                types.is_large_binary,
            )
        ):
            return [None] * len(column)
        values = column.cast(self._pyarrow.large_binary()).to_pylist()
        return [
            None if value is None else value.decode("utf-8", "surrogateescape") for value in values
        ]
