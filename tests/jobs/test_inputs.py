import gzip
import hashlib
import itertools
import os

import pytest

from captum_rnn.jobs.inputs import Columns, file_digest, open_rows, plan
from captum_rnn.jobs.rows import rows_digest


def write(path, rows):
    path.write_text("text\n" + "".join(f"row {n}\n" for n in range(rows)), encoding="utf-8")
    return str(path)


def test_parts_cover_every_row_once_and_span_no_files(tmp_path):
    paths = [write(tmp_path / f"{rows}.csv", rows) for rows in (5, 0, 4)]
    files, parts = plan(paths, Columns(), rows_per_part=2)
    assert [file.rows for file in files] == [5, 0, 4]
    assert [(part.number, part.path, part.first, part.rows) for part in parts] == [
        (0, paths[0], 0, 2),
        (1, paths[0], 2, 2),
        (2, paths[0], 4, 1),
        (3, paths[2], 0, 2),
        (4, paths[2], 2, 2),
    ]
    reader = open_rows(tmp_path / "5.csv", Columns())
    assert next(reader.rows(2, parts[1].offset)).text == "row 2"


def test_what_is_recorded_of_a_file(tmp_path):
    path = tmp_path / "a.csv"
    write(path, 3)
    told = []
    ((file,), _) = plan([str(path)], Columns(), 2, told.append)
    content = path.read_bytes()
    assert (file.size, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert told == [len(content)]


def test_a_digest_of_more_than_one_block(tmp_path):
    content = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_a_file_given_twice(tmp_path):
    path = write(tmp_path / "a.csv", 1)
    with pytest.raises(ValueError, match="given twice"):
        plan([path, os.path.relpath(path)], Columns(), 2)


def test_a_suffix_that_says_nothing(tmp_path):
    with pytest.raises(ValueError, match=r"has the suffix \.txt; expected one of \.csv"):
        plan([write(tmp_path / "a.txt", 1)], Columns(), 2)


def test_a_folder_stands_for_all_files_in_it(tmp_path):
    (tmp_path / "in" / "b").mkdir(parents=True)
    for name in ("c.csv", "a.csv", "b/1.csv", "_SUCCESS", ".a.csv.crc"):
        write(tmp_path / "in" / name, 2)
    files, _ = plan([str(tmp_path / "in")], Columns(), 2)
    assert [os.path.relpath(file.path, tmp_path) for file in files] == [
        "in/a.csv",
        "in/b/1.csv",
        "in/c.csv",
    ]
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="none is a folder without files"):
        plan([str(tmp_path / "none")], Columns(), 2)


def test_a_name_that_is_no_utf8(tmp_path):
    path = write(tmp_path / os.fsdecode(b"\xb4\xf3.csv"), 1)
    with pytest.raises(ValueError, match="is no name in UTF-8"):
        plan([path], Columns(), 2)


@pytest.mark.parametrize("kind", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_fifo_is_refused_at_once(tmp_path, kind):
    os.mkfifo(tmp_path / f"x{kind}")
    with pytest.raises(OSError, match="is no regular file"):
        plan([str(tmp_path / f"x{kind}")], Columns(), 2)


def test_compressed_files_have_the_rows_of_plain_ones(tmp_path):
    for name, content in {
        "a.csv": 'id,text\n1,"很\n好"\n2,差\n3,书\n',
        "a.tsv": 'id\ttext\n1\t"很好\n2\t差\n3\t书\n',
        "a.jsonl": '{"text": "很好"}\n{"text": "差"}\n{"text": "书"}\n',
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        (tmp_path / f"{name}.GZ").write_bytes(gzip.compress(content.encode()))
        _, plain = plan([str(tmp_path / name)], Columns(), 2)
        _, compressed = plan([str(tmp_path / f"{name}.GZ")], Columns(), 2)
        assert [(p.first, p.rows, p.offset, p.sha256) for p in plain] == [
            (p.first, p.rows, p.offset, p.sha256) for p in compressed
        ]
        reader = open_rows(tmp_path / f"{name}.GZ", Columns())
        for part in reversed(plain):
            rows = itertools.islice(reader.rows(part.first, part.offset), part.rows)
            assert rows_digest(list(rows)) == part.sha256


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: b"no gzip", lambda c: c[:40] + c])
def test_a_damaged_compressed_file(tmp_path, damage):
    content = gzip.compress(b"text\n" + bytes(range(32, 127)) * 50)
    (tmp_path / "a.csv.gz").write_bytes(damage(content))
    with pytest.raises(ValueError, match=r"a\.csv\.gz is no gzip file or is damaged"):
        plan([str(tmp_path / "a.csv.gz")], Columns(), 2)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("kind", [".csv", ".tsv", ".jsonl"])
def test_utf16_is_named(tmp_path, encoding, kind):
    (tmp_path / f"a{kind}").write_bytes('{"text": "好"}'.encode(encoding))
    with pytest.raises(ValueError, match="is UTF-16, or no text; save it as UTF-8"):
        plan([str(tmp_path / f"a{kind}")], Columns(), 2)


def test_tabs_with_quotes_only_if_asked_for(tmp_path):
    (tmp_path / "a.tsv").write_text('text\n"a"\n', encoding="utf-8")
    for quoted, text in ((False, '"a"'), (True, "a")):
        (row,) = open_rows(tmp_path / "a.tsv", Columns(quoted_tsv=quoted)).rows()
        assert row.text == text
