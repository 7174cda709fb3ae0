import csv
import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captum_rnn.jobs.rows import EMPTY, INVALID_UTF8, MALFORMED, Row
from captum_rnn.jobs.tables import CsvFile, TsvFile


def opened(path, content, kind=CsvFile, id_column="id"):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return kind(path, "text", id_column)


def all_rows(file):
    return list(file.rows(0, next(file.offsets(), 1 << 40)))


def test_columns_by_name_in_any_order(tmp_path):
    file = opened(tmp_path / "a.csv", "stars,text,id\n5,很好,a\n1,差,b\n")
    assert all_rows(file) == [Row(0, "a", "很好"), Row(1, "b", "差")]


def test_a_byte_order_mark_windows_line_ends_and_a_missing_last_end(tmp_path):
    file = opened(tmp_path / "a.csv", b"\xef\xbb\xbftext,id\r\n\xe5\xa5\xbd,1\r\n\r\nno,2")
    assert all_rows(file) == [Row(0, "1", "好"), Row(1, "2", "no")]


def test_tabs(tmp_path):
    file = opened(tmp_path / "a.tsv", "id\ttext\n1\t好,很好\n", TsvFile)
    assert all_rows(file) == [Row(0, "1", "好,很好")]


def test_line_breaks_and_quotes_inside_quotes(tmp_path):
    file = opened(tmp_path / "a.csv", 'id,text\n1,"好\n""很""好"\n2,差\n')
    assert all_rows(file) == [Row(0, "1", '好\n"很"好'), Row(1, "2", "差")]


def test_damaged_rows_are_rows_and_cost_no_others(tmp_path):
    content = b"id,text\n1,\xc4\xe3\n2,a,b\n3\n4,\n5,ok\n"
    assert all_rows(opened(tmp_path / "a.csv", content)) == [
        Row(0, "1", None, INVALID_UTF8),
        Row(1, "2", None, MALFORMED),
        Row(2, "3", None, MALFORMED),
        Row(3, "4", None, EMPTY),
        Row(4, "5", "ok"),
    ]


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path):
    file = opened(tmp_path / "a.csv", 'id,text\n1,"open\n2,good\n3,"fine"\n')
    assert all_rows(file) == [
        Row(0, None, None, MALFORMED),
        Row(1, "2", "good"),
        Row(2, "3", "fine"),
    ]


def test_a_field_longer_than_pythons_own_limit(tmp_path):
    long = "好" * 200_000
    assert all_rows(opened(tmp_path / "a.csv", f"id,text\n1,{long}\n"))[0].text == long
    assert csv.field_size_limit() == 131_072


@pytest.mark.parametrize("content", ["", "id,review\n"])
def test_a_header_without_the_column(tmp_path, content):
    with pytest.raises(ValueError, match="expected a header in UTF-8 with text"):
        opened(tmp_path / "a.csv", content, id_column=None)


@pytest.mark.parametrize("content", ["text\n".encode("utf-16"), "正文,id\n".encode("gb18030")])
def test_a_header_that_is_no_utf_8(tmp_path, content):
    with pytest.raises(ValueError, match=r"a\.csv is not UTF-8 in its first row; save it as UTF-8"):
        opened(tmp_path / "a.csv", content, id_column=None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"))),
    start=st.integers(0, 5),
)
def test_reading_from_any_row_on_gives_the_rest(tmp_path, texts, start):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerows([["id", "text"], *([number, text] for number, text in enumerate(texts))])
    file = opened(tmp_path / "a.csv", buffer.getvalue())
    offsets = list(file.offsets())
    rows = all_rows(file)
    assert len(offsets) == len(rows) == len(texts)
    assert [row.text for row in rows] == [text if text.strip() else None for text in texts]
    if start < len(texts):
        assert list(file.rows(start, offsets[start])) == rows[start:]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(lines=st.lists(st.binary().filter(lambda line: b"\n" not in line and b"\0" not in line)))
def test_no_bytes_lose_a_row_or_depend_on_where_reading_begins(tmp_path, lines):
    file = opened(tmp_path / "a.csv", b"id,text\n" + b"\n".join(lines))
    offsets = list(file.offsets())
    rows = all_rows(file)
    assert len(rows) == len(offsets)
    for number, offset in enumerate(offsets):
        assert list(file.rows(number, offset)) == rows[number:]
