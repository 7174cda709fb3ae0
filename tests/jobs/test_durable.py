import errno
import os
import subprocess
import sys

import pytest

from captum_rnn.jobs import durable
from captum_rnn.jobs.durable import append_durably, locked, remove_unfinished, write_durably


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "a"
    write_durably(b"old", path)
    write_durably(b"new", path)
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(function, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "a"
    write_durably(b"old", path)
    monkeypatch.setattr(os, function, full)
    with pytest.raises(OSError, match="No space left"):
        write_durably(b"new", path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_the_order_of_steps_survives_a_power_cut(tmp_path, monkeypatch):
    """Content reaches the disk before the name, and the name before the next step."""
    steps = []
    sync, replace = os.fsync, os.replace
    kinds = {True: "sync folder", False: "sync file"}
    monkeypatch.setattr(
        os, "fsync", lambda fd: (steps.append(kinds[os.path.isdir(f"/dev/fd/{fd}")]), sync(fd))
    )
    monkeypatch.setattr(os, "replace", lambda *a: (steps.append("rename"), replace(*a)))
    durable.write_durably(b"x", tmp_path / "a")
    assert steps == ["sync file", "rename", "sync folder"]


def test_lines_are_added(tmp_path):
    append_durably("一", tmp_path / "a")
    append_durably("two", tmp_path / "a")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "一\ntwo\n"


def test_what_a_kill_left_is_removed_and_nothing_else(tmp_path):
    for name in (".part.unfinished", ".hidden", "part.unfinished"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {".hidden", "part.unfinished"}


def test_a_second_run_is_kept_out_until_the_first_has_gone(tmp_path):
    pytest.importorskip("fcntl")
    code = (
        "import sys, pathlib\nfrom captum_rnn.jobs.durable import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n print('locked', flush=True)\n input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(BlockingIOError, match="another run is writing"), locked(tmp_path):
            pass
        other.kill()
    with locked(tmp_path):
        pass
