import pytest

from captum_rnn.jobs.json_lines import JsonLinesFile
from captum_rnn.jobs.rows import EMPTY, INVALID_UTF8, MALFORMED, NOT_TEXT, Row


def test_every_kind_of_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"id": 1, "text": "\xe5\xa5\xbd"}\n'
        b"\n"
        b'{"id": "b", "text": 5}\n'
        b'{"id": "c"}\n'
        b'{"text": ""}\r\n'
        b'{"id": 3, "text": "\xff"}\n'
        b'{"text": "\\ud800"}\n'
        b'{"text": "cut\n'
        b'["text"]\n'
        b'{"text": "a", "text": "b"}\n'
        b'{"text": "a\\u2028b"}\n'
        b'{"text": "a\xe2\x80\xa8b"}'
    )
    file = JsonLinesFile(path, "text", "id")
    rows = list(file.rows())
    assert rows == [
        Row(0, "1", "好"),
        Row(1, "b", None, NOT_TEXT),
        Row(2, "c", None, NOT_TEXT),
        Row(3, None, None, EMPTY),
        Row(4, "3", None, INVALID_UTF8),
        Row(5, None, None, INVALID_UTF8),
        Row(6, None, None, MALFORMED),
        Row(7, None, None, MALFORMED),
        Row(8, None, None, MALFORMED),
        Row(9, None, "a\u2028b"),
        Row(10, None, "a\u2028b"),
    ]
    for number, row in enumerate(rows):
        assert list(file.rows(number, row.offset)) == rows[number:]


@pytest.mark.parametrize("line", ["[" * 100_000, "9" * 5_000])
def test_a_line_that_python_refuses_is_malformed(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text(f'{line}\n{{"text": "ok"}}\n', encoding="utf-8")
    assert [row.text for row in JsonLinesFile(path, "text", None).rows()] == [None, "ok"]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        JsonLinesFile(tmp_path / "no.jsonl", "text", None)
