import hashlib
import os

import pytest

from captum_rnn.jobs.inputs import Columns, check_unchanged, file_digest, open_rows, plan


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


def test_a_file_that_changed(tmp_path):
    path = tmp_path / "a.csv"
    _, (part,) = plan([write(path, 1)], Columns(), 2)
    check_unchanged(path, part)
    os.utime(path, ns=(0, part.modified + 1))
    with pytest.raises(ValueError, match="was changed while the job ran"):
        check_unchanged(path, part)
