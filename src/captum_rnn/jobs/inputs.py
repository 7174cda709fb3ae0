"""The input files of a job: what they are, and how they are cut into parts."""

import hashlib
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from captum_rnn.files import open_regular
from captum_rnn.jobs.json_lines import JsonLinesFile
from captum_rnn.jobs.parquet_files import ParquetFile
from captum_rnn.jobs.rows import Row, rows_digest
from captum_rnn.jobs.tables import CsvFile, QuotedTsvFile, TsvFile

_LINES: dict[str, Callable[[Path, str, str | None], "RowFile"]] = {
    ".csv": CsvFile,
    ".tsv": TsvFile,
    ".jsonl": JsonLinesFile,
    ".ndjson": JsonLinesFile,
}
_READERS = {
    **_LINES,
    **{f"{suffix}.gz": reader for suffix, reader in _LINES.items()},
    ".parquet": ParquetFile,
}
_BYTES_AT_ONCE = 1 << 20


class RowFile(Protocol):
    """A file whose rows can be read from any of them on; one iteration at a time."""

    def rows(self, first: int = 0, offset: int | None = None) -> Iterator[Row]:
        """The rows from number `first` on, whose `Row.offset` is `offset`; None: all rows."""


@dataclass(frozen=True)
class Columns:
    """Which columns of the input are read, and how.

    Attributes:
        text: Name of the column of texts.
        id: Name of the column of ids; None: rows have none.
        quoted_tsv: Whether fields of TSV files may stand in quotes, as those of CSV files may. By
            its own rules TSV has no quotes, so that a quote is a character like any other.
    """

    text: str = "text"
    id: str | None = None
    quoted_tsv: bool = False


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
        offset: Where the first row begins; see `RowFile.rows`.
        sha256: `rows_digest` of its rows, to notice that the file changed.
    """

    number: int
    path: str
    first: int
    rows: int
    offset: int
    sha256: str


def open_rows(path: Path, columns: Columns) -> RowFile:
    """Opens an input file by its suffix.

    Raises:
        ImportError: A Parquet file without pyarrow.
        OSError: The file cannot be read.
        ValueError: Another suffix, or a column that the file lacks.
    """
    suffix = "".join(path.suffixes[-2:] if path.suffix.lower() == ".gz" else path.suffixes[-1:])
    reader = _READERS.get(suffix.lower())
    if reader is None:
        raise ValueError(
            f"{path} has the suffix {suffix or '(none)'}; expected one of "
            f"{', '.join(_READERS)}: convert the file or rename it"
        )
    if reader is TsvFile and columns.quoted_tsv:
        reader = QuotedTsvFile
    return reader(path, columns.text, columns.id)


def input_files(paths: Sequence[str]) -> list[str]:
    """The files that some paths name: files as they are, folders by all files in them.

    Files of a folder are in the order of their names, those of its folders included; names that
    begin with a dot or an underscore are left out, as other programs' marks and temporary files.

    Raises:
        ValueError: A folder without files, a file given twice, or a name that is no UTF-8.
    """
    files = []
    for path in paths:
        found = _files_in(path) if os.path.isdir(path) else [path]
        if not found:
            raise ValueError(f"{path} is a folder without files; name files, or a folder of them")
        files += found
    seen: set[Path] = set()
    for file in files:
        resolved = Path(file).resolve()
        if resolved in seen:
            raise ValueError(f"{file} is given twice; give each input file once")
        try:
            file.encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(f"{file!r} is no name in UTF-8; rename the file") from error
        seen.add(resolved)
    return files


def _files_in(folder: str) -> list[str]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = filter(_is_content, folders)
        found += [os.path.join(parent, name) for name in filter(_is_content, names)]
    return sorted(found)


def _is_content(name: str) -> bool:
    return not name.startswith((".", "_"))


def plan(
    paths: Sequence[str],
    columns: Columns,
    rows_per_part: int,
    on_bytes: Callable[[int], object] = lambda count: None,
) -> tuple[list[InputFile], list[Part]]:
    """Reads all input files once: their digests, their rows, and where each part begins.

    A part never spans two files, so its number and its rows follow from the inputs alone.

    Args:
        paths: Files and folders, in the order of the output; see `input_files`.
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
    given = input_files(paths)
    for path in given:
        open_rows(Path(path), columns)  # what is wrong with a header is said before a long reading
    files: list[InputFile] = []
    parts: list[Part] = []
    for path in given:
        size, digest = Path(path).stat().st_size, file_digest(Path(path))
        rows = open_rows(Path(path), columns).rows()
        count = 0
        while together := list(itertools.islice(rows, rows_per_part)):
            offset, sha256 = together[0].offset, rows_digest(together)
            parts.append(Part(len(parts), path, count, len(together), offset, sha256))
            count += len(together)
        files.append(InputFile(path, size, digest, count))
        on_bytes(size)
    return files, parts


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, hexadecimal.

    Raises:
        OSError: It cannot be read, or is no regular file.
    """
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_BYTES_AT_ONCE):
            digest.update(block)
    return digest.hexdigest()
