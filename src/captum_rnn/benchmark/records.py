"""Dataclasses as JSON and back; what a file holds is checked against their types."""

import json
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from captum_rnn.files import open_regular, write_text

_Saved = TypeVar("_Saved", bound="SavedRecord")


class SavedRecord:
    """A dataclass that saves and loads itself.

    Attributes:
        schema: Counted up when the form of the JSON changes.
        record_name: What it is, for the errors.
    """

    schema: ClassVar[int]
    record_name: ClassVar[str]

    def to_json(self, path: str | Path | None = None) -> str:
        """The record as JSON, which `load` reads; NaN is null.

        Args:
            path: Where to write it, too; None writes nothing.

        Raises:
            OSError: The file cannot be written.
        """
        text = record_text(self, self.schema)
        if path is not None:
            write_text(text, Path(path))
        return text

    @classmethod
    def load(cls: type[_Saved], path: str | Path) -> _Saved:
        """Reads what `to_json` wrote.

        Args:
            path: The file.

        Raises:
            OSError: The file cannot be read.
            ValueError: It is another record, or one of another version of this package.
        """
        loaded: _Saved = load_record(cls, path, cls.schema, cls.record_name)
        return loaded


def record_text(record: Any, schema: int) -> str:
    """A dataclass as the content of a JSON file, which `load_record` reads; NaN is null."""
    content = {"schema": schema, **to_json(record)}
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def load_record(kind: Any, path: str | Path, schema: int, name: str) -> Any:
    """Reads what `record_text` wrote.

    Args:
        kind: The dataclass, or dict[str, ...] of them.
        path: The file.
        schema: The form of the JSON that is expected.
        name: What it holds, for the errors.

    Raises:
        OSError: The file cannot be read.
        ValueError: It holds something else, or another schema.
    """
    try:
        with open_regular(path) as file:
            content = json.loads(file.read().decode("utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON in UTF-8 ({error})") from error
    found = content.pop("schema", None) if isinstance(content, dict) else None
    if found != schema:
        raise ValueError(
            f"{path} has the schema {found!r}; expected {schema}: run the {name} again"
        )
    try:
        return from_json(kind, content, f"the {name}")
    except ValueError as error:
        raise ValueError(f"{path} is no {name}: {error}") from error


def to_json(record: Any) -> Any:
    """Dataclasses, mappings and sequences as what `json` writes; NaN, which JSON lacks, as null.

    Example:
        >>> to_json({"means": (0.5, float("nan"))})
        {'means': [0.5, None]}
    """
    if is_dataclass(record):
        return {field.name: to_json(getattr(record, field.name)) for field in fields(record)}
    if isinstance(record, Mapping):
        return {key: to_json(value) for key, value in record.items()}
    if isinstance(record, (list, tuple)):
        return [to_json(value) for value in record]
    if isinstance(record, float) and math.isnan(record):
        return None
    return record


def from_json(kind: Any, value: Any, place: str) -> Any:
    """What `to_json` wrote, as the type that it came from.

    Args:
        kind: A dataclass, or another type out of which its fields are made: `float`, `int`, `str`,
            `bool`, `Literal[...]`, `list[...]`, `tuple[..., ...]`, `dict[str, ...]`, `... | None`,
            `Any`.
        value: What `json` read.
        place: Where it stands, for the errors.

    Raises:
        ValueError: It is of another type, in one sentence that names the place.

    Example:
        >>> from_json(list[float], [1, None], "means")
        [1.0, nan]
        >>> from_json(list[float], [1, "two"], "means")
        Traceback (most recent call last):
        ValueError: means[1] is 'two'; expected float
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return None if value is None else from_json(inner, value, place)
    if origin is Literal:
        if value not in arguments:
            raise ValueError(f"{place} is {value!r}; expected one of {', '.join(arguments)}")
        return value
    if origin in (list, tuple):
        entries = enumerate(_expected(list, value, place))
        return origin(from_json(arguments[0], entry, f"{place}[{n}]") for n, entry in entries)
    if origin is dict:
        pairs = _expected(dict, value, place).items()
        return {key: from_json(arguments[1], entry, f"{place}.{key}") for key, entry in pairs}
    if is_dataclass(kind):
        return _record(kind, _expected(dict, value, place), place)
    if kind is float:
        if value is None:
            return math.nan
        if isinstance(value, int) and not isinstance(value, bool):
            return float(value)
    return _expected(kind, value, place)


def _record(kind: Any, value: dict[str, Any], place: str) -> Any:
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}
    for name in value.keys() - known.keys():
        raise ValueError(f"{place} holds {name!r}, which {kind.__name__} does not have")
    for name, field in known.items():
        if name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{place} lacks {name!r}")
    return kind(
        **{name: from_json(hints[name], entry, f"{place}.{name}") for name, entry in value.items()}
    )


def _expected(kind: type, value: Any, place: str) -> Any:
    is_right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not is_right:
        shown = repr(value)
        raise ValueError(
            f"{place} is {shown if len(shown) < 50 else shown[:49] + '…'}; expected {kind.__name__}"
        )
    return value
