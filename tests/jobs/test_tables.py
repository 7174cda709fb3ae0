import csv
import io
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from captum_rnn.jobs.rows import EMPTY, INVALID_UTF8, MALFORMED, Row
from captum_rnn.jobs.tables import CsvFile, TsvFile


def opened(path, content, kind=CsvFile, id_column="id"):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return kind(path, "text", id_column)


def all_rows(file):
    return list(file.rows())


def test_columns_by_name_in_any_order(tmp_path):
    file = opened(tmp_path / "a.csv", "stars,text,id\n5,很好,a\n1,差,b\n")
    assert all_rows(file) == [Row(0, "a", "很好"), Row(1, "b", "差")]


def test_a_byte_order_mark_windows_line_ends_and_a_missing_last_end(tmp_path):
    file = opened(tmp_path / "a.csv", b"\xef\xbb\xbftext,id\r\n\xe5\xa5\xbd,1\r\n\r\nno,2")
    assert all_rows(file) == [Row(0, "1", "好"), Row(1, "2", "no")]


def test_tabs_part_the_fields_of_a_line_and_quotes_are_characters(tmp_path):
    content = 'id\ttext\r\n1\t好,"很好\n\n2\t"差"\r\n3\n4\ta\tb'
    assert all_rows(opened(tmp_path / "a.tsv", content, TsvFile)) == [
        Row(0, "1", '好,"很好'),
        Row(1, "2", '"差"'),
        Row(2, "3", None, MALFORMED),
        Row(3, "4", None, MALFORMED),
    ]


@pytest.mark.parametrize("kind", [CsvFile, TsvFile])
def test_a_column_that_comes_twice_is_refused_if_it_is_read(tmp_path, kind):
    sign = "," if kind is CsvFile else "\t"
    content = sign.join(["id", "text", "more", "more"])
    opened(tmp_path / "a", content, kind)
    with pytest.raises(ValueError, match="has 2 columns named text"):
        opened(tmp_path / "a", content.replace("more", "text", 1), kind)


def test_quotes_that_are_never_closed_take_linear_time(tmp_path):
    """Counted in lines that are read, since time depends on the machine."""
    file = opened(tmp_path / "a.csv", "id,text\n" + 'x","\n' * 3_000)
    read = []
    lines = file._file.lines
    file._file.lines = lambda offset: (read.append(line) or line for line in lines(offset))
    rows = all_rows(file)
    assert len(rows) == 3_000
    assert {row.problem for row in rows} == {MALFORMED}
    assert len(read) == 3_001


def read_one_by_one(content):
    """The texts of a table by definition: from each line on, what Python's reader makes of it."""
    lines = content.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    place, found = 1, []
    while place < len(lines):
        rest = iter(lines[place:])
        try:
            fields = next(csv.reader(rest, strict=True))
            place = len(lines) - len(list(rest))
        except csv.Error:
            fields = None
            place += 1
        if fields is None or (fields and len(fields) != 2):
            found.append(MALFORMED)
        elif fields:
            found.append(fields[1])
    return found


def test_damaged_tables_are_read_as_from_each_line_on(tmp_path, fuzz_seeds):
    for seed in fuzz_seeds(150):
        draw = random.Random(seed)
        pieces = ['"', ",", "\n", '","', '\n"', '"\n', "a", "好", " ", '""', '1,"b\nc"\n']
        content = "id,text\n" + "".join(draw.choices(pieces, k=draw.randrange(60)))
        rows = all_rows(opened(tmp_path / "a.csv", content))
        expected = read_one_by_one(content.encode())
        texts = [row.problem if row.problem == MALFORMED else row.text or "" for row in rows]
        blank = [text if text == MALFORMED or text.strip() else "" for text in expected]
        assert texts == blank, seed


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
    with pytest.raises(ValueError, match="expected text among them"):
        opened(tmp_path / "a.csv", content, id_column=None)


def test_a_header_that_is_no_utf_8(tmp_path):
    content = "正文,id\n".encode("gb18030")
    with pytest.raises(ValueError, match=r"a\.csv is not UTF-8 in its first row; save it as UTF-8"):
        opened(tmp_path / "a.csv", content, id_column=None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(texts=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"))))
def test_reading_from_any_row_on_gives_the_rest(tmp_path, texts):
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerows([["id", "text"], *([number, text] for number, text in enumerate(texts))])
    file = opened(tmp_path / "a.csv", buffer.getvalue())
    rows = all_rows(file)
    assert [row.text for row in rows] == [text if text.strip() else None for text in texts]
    for row in rows[:5]:
        assert list(file.rows(row.number, row.offset)) == rows[row.number :]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(lines=st.lists(st.binary().filter(lambda line: b"\n" not in line and b"\0" not in line)))
def test_no_bytes_lose_a_row_or_depend_on_where_reading_begins(tmp_path, lines):
    file = opened(tmp_path / "a.csv", b"id,text\n" + b"\n".join(lines))
    rows = all_rows(file)
    for number, row in enumerate(rows):
        assert list(file.rows(number, row.offset)) == rows[number:]
