"""The input files of a job: what they are, and how they are cut into parts."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from captum_rnn.jobs.json_lines import JsonLinesFile
from captum_rnn.jobs.parquet_files import ParquetFile
from captum_rnn.jobs.rows import Row
from captum_rnn.jobs.tables import CsvFile, TsvFile

_READERS: dict[str, Callable[[Path, str, str | None], "RowFile"]] = {
    ".csv": CsvFile,
    ".tsv": TsvFile,
    ".jsonl": JsonLinesFile,
    ".ndjson": JsonLinesFile,
    ".parquet": ParquetFile,
}
_BYTES_AT_ONCE = 1 << 20


class RowFile(Protocol):
    """A file whose rows can be read from any of them on."""

    def offsets(self) -> Iterator[int]:
        """For each row, what `rows` needs to start there."""

    def rows(self, first: int, offset: int) -> Iterator[Row]:
        """The rows from number `first` on."""


@dataclass(frozen=True)
class Columns:
    """Which columns of the input are read.

    Attributes:
        text: Name of the column of texts.
        id: Name of the column of ids; None: rows have none.
    """

    text: str = "text"
    id: str | None = None


@dataclass(frozen=True)
class InputFile:
    """An input file as it was when the job was planned.

    Attributes:
        path: The path as the user gave it.
        size: Bytes.
        sha256: Digest of its content, hexadecimal.
        rows: Number of rows.
    """

    path: str
    size: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class Part:
    """A range of rows of one input file, which becomes one output file.

    Attributes:
        number: Its place among all parts, from 0.
        path: The input file, as the user gave it.
        first: Number of its first row in that file.
        rows: Number of rows.
        offset: Where the first row begins; see `RowFile.offsets`.
        size: Bytes of the input file, to notice that it changed.
        modified: When the input file was last changed, nanoseconds.
    """

    number: int
    path: str
    first: int
    rows: int
    offset: int
    size: int
    modified: int


def open_rows(path: Path, columns: Columns) -> RowFile:
    """Opens an input file by its suffix.

    Raises:
        ImportError: A Parquet file without pyarrow.
        OSError: The file cannot be read.
        ValueError: Another suffix, or a column that the file lacks.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ValueError(
            f"{path} has the suffix {path.suffix or '(none)'}; expected one of "
            f"{', '.join(_READERS)}: convert the file or rename it"
        )
    return reader(path, columns.text, columns.id)


def plan(
    paths: Sequence[str],
    columns: Columns,
    rows_per_part: int,
    on_bytes: Callable[[int], object] = lambda count: None,
) -> tuple[list[InputFile], list[Part]]:
    """Reads all input files once: their digests, their rows, and where each part begins.

    A part never spans two files, so its number and its rows follow from the inputs alone.

    Args:
        paths: The files, in the order of the output.
        columns: Which columns will be read.
        rows_per_part: Rows of a part; the last one of a file may have fewer.
        on_bytes: Told the bytes of each file once it is planned.

    Returns:
        The files and the parts.

    Raises:
        ImportError: A Parquet file without pyarrow.
        OSError: A file cannot be read.
        ValueError: A file is given twice, is of no known kind, or lacks a column.
    """
    absolute = [Path(path).resolve() for path in paths]
    for number, path in enumerate(absolute):
        if path in absolute[:number]:
            raise ValueError(f"{paths[number]} is given twice; give each input file once")
    readers = [open_rows(Path(path), columns) for path in paths]
    files: list[InputFile] = []
    parts: list[Part] = []
    for given, reader in zip(paths, readers, strict=True):
        status = Path(given).stat()
        rows = 0
        starts: list[int] = []
        for rows, offset in enumerate(reader.offsets(), start=1):
            if (rows - 1) % rows_per_part == 0:
                starts.append(offset)
        for number, offset in enumerate(starts):
            first = number * rows_per_part
            count = min(rows_per_part, rows - first)
            parts.append(
                Part(len(parts), given, first, count, offset, status.st_size, status.st_mtime_ns)
            )
        files.append(InputFile(given, status.st_size, file_digest(Path(given)), rows))
        on_bytes(status.st_size)
    return files, parts


def check_unchanged(path: Path, part: Part) -> None:
    """Makes sure that a file is still the one that was planned.

    Raises:
        ValueError: It has another size or time.
    """
    status = path.stat()
    if (status.st_size, status.st_mtime_ns) != (part.size, part.modified):
        raise ValueError(
            f"{path} was changed while the job ran; leave the inputs alone, and begin anew with "
            "--restart"
        )


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BYTES_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()
