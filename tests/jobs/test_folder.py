import json
import os
from collections import Counter

import pytest

from captum_rnn.jobs.folder import JobFolder, total_counts
from captum_rnn.jobs.inputs import InputFile, Part
from captum_rnn.jobs.manifest import describe
from captum_rnn.jobs.work import FinishedPart, WorkSettings

PARTS = [Part(number, "a.csv", 2 * number, 2, 0, "") for number in range(3)]


def manifest(method="logit-delta", rows=6):
    settings = WorkSettings(os.getcwd(), method=method, format="jsonl")
    return describe([InputFile("a.csv", 1, "0", rows)], settings, 2)


def done(number):
    counts = Counter({"empty": number})
    return FinishedPart(number, 2, counts, {}, f"part {number}\n".encode())


@pytest.fixture
def folder(tmp_path):
    folder = JobFolder(tmp_path / "new" / "out")
    with folder.held():
        folder.begin(manifest(), restart=False)
    return folder


def test_kept_parts_are_finished_in_a_later_run(folder):
    folder.keep(PARTS[2], done(2))
    folder.keep(PARTS[0], done(0))
    again = JobFolder(folder.path)
    with again.held():
        again.begin(manifest(), restart=False)
    finished = again.finished(PARTS)
    assert sorted(finished) == [0, 2]
    assert total_counts(finished) == {"empty": 2}
    assert (folder.parts / "part-000002.jsonl").read_bytes() == b"part 2\n"


@pytest.mark.parametrize("damage", [b"part", b"", None])
def test_a_part_that_is_not_whole_is_not_finished(folder, damage):
    for number in (0, 1):
        folder.keep(PARTS[number], done(number))
    file = folder.parts / "part-000001.jsonl"
    file.unlink() if damage is None else file.write_bytes(damage)
    assert list(folder.finished(PARTS)) == [0]
    folder.keep(PARTS[1], done(1))
    assert sorted(folder.finished(PARTS)) == [0, 1]


def test_a_line_that_was_cut_off_does_not_spoil_the_next(folder):
    folder.keep(PARTS[0], done(0))
    listed = folder.path / "finished.jsonl"
    listed.write_bytes(listed.read_bytes() + listed.read_bytes()[:-9])
    assert list(folder.finished(PARTS)) == [0]
    folder.keep(PARTS[1], done(1))
    assert [json.loads(line)["part"] for line in listed.read_text().splitlines()] == [0, 1]


def test_a_part_listed_twice_counts_once(folder):
    folder.keep(PARTS[0], done(0))
    folder.keep(PARTS[0], done(0))
    assert list(folder.finished(PARTS)) == [0]
    assert (folder.path / "finished.jsonl").read_bytes().count(b"\n") == 1


def test_another_job_is_refused_and_nothing_is_touched(folder):
    folder.keep(PARTS[0], done(0))
    with pytest.raises(ValueError, match="method was logit-delta and is adjoint-delta"):
        folder.begin(manifest("adjoint-delta"), restart=False)
    assert list(folder.finished(PARTS)) == [0]


def test_restart_drops_the_old_job(folder):
    folder.keep(PARTS[0], done(0))
    folder.begin(manifest("adjoint-delta"), restart=True)
    assert folder.finished(PARTS) == {}
    assert list(folder.parts.iterdir()) == []
    assert folder.manifest().options["method"] == "adjoint-delta"


@pytest.mark.parametrize("name", ["notes.txt", "parts/notes.txt"])
def test_other_files_are_not_touched(folder, name):
    (folder.path / name).write_text("mine")
    (folder.path / ".mine.unfinished").write_text("mine")
    with pytest.raises(FileExistsError, match="holds other files"), folder.held():
        pass
    assert (folder.path / ".mine.unfinished").exists()


@pytest.mark.parametrize("name", [".lock", "finished.jsonl", "parts/part-000000.jsonl", "parts"])
def test_a_link_that_leads_elsewhere_is_refused(folder, name, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir() if name == "parts" else victim.write_text("precious")
    path = folder.path / name
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    path.symlink_to(victim)
    with pytest.raises(FileExistsError, match="holds other files"), folder.held():
        pass
    assert list(victim.iterdir()) == [] if name == "parts" else victim.read_text() == "precious"


def test_what_a_kill_left_half_written_is_removed(folder):
    left = [
        folder.path / ".manifest.json.0123456789abcdef.unfinished",
        folder.parts / ".part-000001.jsonl.0123456789abcdef.unfinished",
    ]
    for path in left:
        path.touch()
    with folder.held():
        assert not any(path.exists() for path in left)


def test_a_second_run_is_refused_before_it_touches_anything(folder, monkeypatch):
    """It comes between the writing of a part and the renaming."""
    replace = os.replace

    def second_comes(*names):
        with pytest.raises(BlockingIOError, match="another run"), JobFolder(folder.path).held():
            pass
        replace(*names)

    with folder.held():
        monkeypatch.setattr(os, "replace", second_comes)
        folder.keep(PARTS[0], done(0))
    assert (folder.parts / "part-000000.jsonl").read_bytes() == b"part 0\n"


def test_files_of_a_finished_job_in_order(folder):
    for number in (2, 0, 1):
        folder.keep(PARTS[number], done(number))
    names = [path.name for path in folder.complete_files()]
    assert names == ["part-000000.jsonl", "part-000001.jsonl", "part-000002.jsonl"]


@pytest.mark.parametrize("damage", [b"part 9\n", b"", None])
def test_a_part_that_is_not_what_was_written_is_not_shown(folder, damage):
    for number in range(3):
        folder.keep(PARTS[number], done(number))
    file = folder.parts / "part-000001.jsonl"
    file.unlink() if damage is None else file.write_bytes(damage)
    with pytest.raises(ValueError, match=r"000001\.jsonl is missing or is not what was"):
        folder.complete_files()


def test_a_job_that_is_not_finished_or_not_there(folder, tmp_path):
    folder.keep(PARTS[0], done(0))
    with pytest.raises(ValueError, match="2 of 6 rows are written"):
        folder.complete_files()
    folder.keep(Part(7, "a.csv", 0, 4, 0, ""), done(7))
    with pytest.raises(ValueError, match="2 of 6 rows are written"):
        folder.complete_files()
    with pytest.raises(FileNotFoundError, match=r"has no manifest\.json"):
        JobFolder(tmp_path).complete_files()
