"""One row of an input file, and why a row may have no scores."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

NOT_TEXT = "not text"
EMPTY = "empty"
ONLY_UNKNOWN = "only unknown words"
INVALID_UTF8 = "invalid UTF-8"
MALFORMED = "malformed row"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an input file.

    Attributes:
        number: Its place in the file, from 0; a header and blank lines do not count.
        id: What stands in the column of ids; None without such a column or value.
        text: The text; None if there is none.
        problem: Why there is no text: `NOT_TEXT`, `EMPTY`, `INVALID_UTF8` or `MALFORMED`; None if
            there is one.
        offset: Where its reader has to start to begin with it; no part of what it is.
    """

    number: int
    id: str | None
    text: str | None
    problem: str | None = None
    offset: int = field(default=0, compare=False, kw_only=True)


def row_of(number: int, id_value: object, text: object, offset: int = 0) -> Row:
    r"""The row of values as a file's reader found them.

    Bytes that were no UTF-8 are expected as lone surrogates, as `errors="surrogateescape"` makes
    them.

    Args:
        number: The place of the row in its file.
        id_value: Its id: None, or anything with a `str`.
        text: Its text; anything but a string is `NOT_TEXT`.
        offset: Where it begins.

    Returns:
        The row; its id is always valid Unicode, whatever stood in the file.

    Example:
        >>> row_of(0, 17, "好").id
        '17'
        >>> row_of(1, None, b"\xb4\xf3".decode("utf-8", "surrogateescape")).problem
        'invalid UTF-8'
    """
    identity = None if id_value is None else _valid(str(id_value))
    if not isinstance(text, str):
        return Row(number, identity, None, NOT_TEXT, offset=offset)
    if not text.strip():
        return Row(number, identity, None, EMPTY, offset=offset)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return Row(number, identity, None, INVALID_UTF8, offset=offset)
    return Row(number, identity, text, offset=offset)


def rows_digest(rows: Sequence[Row]) -> str:
    """SHA-256 of the ids, texts and problems of some rows, hexadecimal."""
    content = json.dumps([(row.id, row.text, row.problem) for row in rows], ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8")).hexdigest()


def check_columns(
    path: Path, columns: Sequence[str], text_column: str, id_column: str | None
) -> None:
    """Makes sure that a table has the columns that are read, each once.

    Raises:
        ValueError: One is missing, or comes twice.
    """
    for column in filter(None, (text_column, id_column)):
        if column not in columns:
            raise ValueError(
                f"{path} has the columns {', '.join(columns) or '(none)'}; expected {column} "
                "among them: name the column with --text-column or --id-column"
            )
        if columns.count(column) > 1:
            raise ValueError(
                f"{path} has {columns.count(column)} columns named {column}, so that it is not "
                "clear which one is meant; rename all but one of them"
            )


def _valid(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
