"""One row of an input file, and why a row may have no scores."""

from dataclasses import dataclass

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
    """

    number: int
    id: str | None
    text: str | None
    problem: str | None = None


def row_of(number: int, id_value: object, text: object) -> Row:
    r"""The row of values as a file's reader found them.

    Bytes that were no UTF-8 are expected as lone surrogates, as `errors="surrogateescape"` makes
    them.

    Args:
        number: The place of the row in its file.
        id_value: Its id: None, or anything with a `str`.
        text: Its text; anything but a string is `NOT_TEXT`.

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
        return Row(number, identity, None, NOT_TEXT)
    if not text.strip():
        return Row(number, identity, None, EMPTY)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return Row(number, identity, None, INVALID_UTF8)
    return Row(number, identity, text)


def _valid(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
