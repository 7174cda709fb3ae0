import itertools
import sys

import pytest

from captum_rnn.jobs.parquet_files import ParquetFile, import_pyarrow
from captum_rnn.jobs.rows import EMPTY, INVALID_UTF8, NOT_TEXT, Row

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")


def stored(path, row_group_size=None, **columns):
    parquet.write_table(pyarrow.table(columns), path, row_group_size=row_group_size)
    return path


def test_strings_nulls_and_numbers_as_ids(tmp_path):
    path = stored(tmp_path / "a.parquet", text=["好", None, " "], id=[1, None, 3])
    assert list(ParquetFile(path, "text", "id").rows()) == [
        Row(0, "1", "好"),
        Row(1, None, None, NOT_TEXT),
        Row(2, "3", None, EMPTY),
    ]


@pytest.mark.parametrize("kind", ["binary", "large_binary", "large_string", "string_view"])
def test_every_type_that_holds_text(tmp_path, kind):
    column = pyarrow.array(["好".encode(), None]).cast(getattr(pyarrow, kind)())
    path = stored(tmp_path / "a.parquet", text=column)
    assert [row.text for row in ParquetFile(path, "text", None).rows()] == ["好", None]


def test_a_dictionary_of_texts(tmp_path):
    path = stored(
        tmp_path / "a.parquet", text=pyarrow.array(["好", "差", "好"]).dictionary_encode()
    )
    assert [row.text for row in ParquetFile(path, "text", None).rows()] == ["好", "差", "好"]


def test_bytes_that_are_no_utf8(tmp_path):
    buffer = pyarrow.py_buffer(b"\xb4\xf3ok")
    offsets = pyarrow.py_buffer(bytes([0, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0]))
    column = pyarrow.StringArray.from_buffers(2, offsets, buffer)
    path = stored(tmp_path / "a.parquet", text=column)
    assert list(ParquetFile(path, "text", None).rows()) == [
        Row(0, None, None, INVALID_UTF8),
        Row(1, None, "ok"),
    ]


def test_a_column_of_numbers_is_no_text(tmp_path):
    path = stored(tmp_path / "a.parquet", text=[1, 2])
    assert {row.problem for row in ParquetFile(path, "text", None).rows()} == {NOT_TEXT}


@pytest.mark.parametrize("group", [7, 100])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [0, 2, 4], [3, 1, 1, 4, 0], [4]])
def test_ranges_in_any_order(tmp_path, group, order):
    texts = [f"text {number}" for number in range(50)]
    file = ParquetFile(stored(tmp_path / "a.parquet", group, text=texts), "text", None)
    for start in order:
        rows = itertools.islice(file.rows(10 * start, 0), 10)
        assert [row.text for row in rows] == texts[10 * start : 10 * start + 10]


def test_what_is_no_parquet_file(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1 no")
    with pytest.raises(ValueError, match="no Parquet file or is cut off"):
        ParquetFile(path, "text", None)


def test_a_column_that_comes_twice(tmp_path):
    table = pyarrow.table([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["text", "text"])
    parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="has 2 columns named text"):
        ParquetFile(tmp_path / "a.parquet", "text", None)


def test_a_column_that_is_not_there(tmp_path):
    path = stored(tmp_path / "a.parquet", review=["好"])
    with pytest.raises(ValueError, match="has the columns review; expected text"):
        ParquetFile(path, "text", None)


def test_without_pyarrow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ImportError, match=r"captum-rnn\[parquet\]"):
        import_pyarrow()
