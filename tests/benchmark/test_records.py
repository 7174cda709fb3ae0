import math
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from captum_rnn.benchmark.records import from_json, to_json


@dataclass
class Part:
    value: float
    kind: Literal["one", "two"] = "one"


@dataclass
class Record:
    name: str
    count: int
    parts: dict[str, Part]
    rows: list[list[float]]
    sure: bool | None = None
    other: Any = None
    notes: list[str] = field(default_factory=list)


RECORD = Record("a", 2, {"x": Part(math.nan, "two"), "y": Part(1.5)}, [[1.0], []], sure=True)
JSON = {
    "name": "a",
    "count": 2,
    "parts": {"x": {"value": None, "kind": "two"}, "y": {"value": 1.5, "kind": "one"}},
    "rows": [[1.0], []],
    "sure": True,
    "other": None,
    "notes": [],
}


def test_a_record_comes_back_as_it_was():
    assert to_json(RECORD) == JSON
    back = from_json(Record, JSON, "it")
    assert math.isnan(back.parts["x"].value)
    assert to_json(back) == JSON


def test_what_has_a_default_may_be_missing_and_whole_numbers_are_numbers():
    back = from_json(Record, {"name": "a", "count": 2, "parts": {}, "rows": [[1]]}, "it")
    assert back == Record("a", 2, {}, [[1.0]])
    assert isinstance(back.rows[0][0], float)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": "2"}, r"it\.count is '2'; expected int"),
        ({"count": True}, r"it\.count is True; expected int"),
        ({"sure": 1}, r"it\.sure is 1; expected bool"),
        ({"name": None}, r"it\.name is None; expected str"),
        ({"rows": [[1.0], {}]}, r"it\.rows\[1\] is \{\}; expected list"),
        ({"parts": {"x": {}}}, r"it\.parts\.x lacks 'value'"),
        ({"parts": {"x": {"value": 1, "kind": "six"}}}, r"x\.kind is 'six'; expected one of one"),
        ({"colour": "red"}, r"it holds 'colour', which Record does not have"),
        ({"name": ["long"] * 40}, r"…; expected str$"),
    ],
)
def test_another_form_is_refused_by_its_place(change, message):
    with pytest.raises(ValueError, match=message):
        from_json(Record, JSON | change, "it")
