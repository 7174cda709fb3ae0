import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from captum_rnn.files import (
    append_durably,
    locked,
    open_regular,
    prepare_file,
    prepare_output,
    private_folder,
    remove_unfinished,
    write_bytes,
    write_durably,
    write_json,
    write_text,
)


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
    write_durably(b"x", tmp_path / "a")
    assert steps == ["sync file", "rename", "sync folder"]


def test_lines_are_added(tmp_path):
    append_durably("一", tmp_path / "a")
    append_durably("two", tmp_path / "a")
    assert (tmp_path / "a").read_text(encoding="utf-8") == "一\ntwo\n"


def test_what_a_kill_left_is_removed_and_nothing_else(tmp_path):
    for name in (".part.0f.unfinished", ".hidden", "part.unfinished"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert {entry.name for entry in tmp_path.iterdir()} == {".hidden", "part.unfinished"}


def test_a_second_run_is_kept_out_until_the_first_has_gone(tmp_path):
    pytest.importorskip("fcntl")
    code = (
        "import sys, pathlib\nfrom captum_rnn.files import locked\n"
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


def test_the_folder_is_made_with_the_first_file(tmp_path: Path) -> None:
    folder = prepare_output(tmp_path / "new" / "folder")
    assert not folder.parent.exists()
    write_text("a report", folder / "report.html")
    assert [file.name for file in folder.iterdir()] == ["report.html"]
    assert prepare_output(str(folder)) == folder


def test_a_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="name a file in it"):
        prepare_file(tmp_path)
    assert prepare_file(tmp_path / "new.html") == tmp_path / "new.html"


@pytest.mark.parametrize("below", ["", "below/it"])
def test_a_file_in_the_place_of_the_folder(tmp_path: Path, below: str) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(
        OSError, match=r"cannot write to the output folder .* choose another folder"
    ):
        prepare_output(tmp_path / "taken" / below)
    assert (tmp_path / "taken").read_text() == "a file"


def test_a_folder_that_refuses_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permissions do not stop an administrator, so the refusal is simulated."""

    def refuse(*arguments: object, **keywords: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied.*choose another folder") as error:
        prepare_output(tmp_path)
    assert error.value.filename == str(tmp_path)


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    results = {"text": "很好 <b>", "number": 0.1, "nothing": None}
    path = tmp_path / "results.json"
    write_json(results, path)
    assert json.loads(path.read_text(encoding="utf-8")) == results
    assert "很好" in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_refused_and_the_old_file_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_json({"old": 1}, path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json({"new": float("nan")}, path)
    assert json.loads(path.read_text()) == {"old": 1}


def test_a_failed_write_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    write_text("old", path)

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        write_text("new", path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [write_bytes, write_durably])
def test_a_link_under_a_temporary_name_or_the_name_itself_is_not_followed(write, tmp_path):
    victim, path = tmp_path / "victim", tmp_path / "report.html"
    victim.write_text("precious")
    for name in (".report.html.unfinished", "report.html"):
        (tmp_path / name).symlink_to(victim)
    write(b"<html>", path)
    assert victim.read_text() == "precious"
    assert path.read_bytes() == b"<html>"
    assert not path.is_symlink()


def test_a_temporary_name_that_is_taken_is_never_opened(tmp_path, monkeypatch):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    monkeypatch.setattr("secrets.token_hex", lambda count: "foreseen")
    (tmp_path / ".a.foreseen.unfinished").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_bytes(b"new", tmp_path / "a")
    assert victim.read_text() == "precious"


def test_a_file_has_the_permissions_that_the_user_gives_new_files(tmp_path):
    write_bytes(b"new", tmp_path / "a")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_what_is_added_to_or_locked_is_no_link(tmp_path):
    for name in (".lock", "list"):
        (tmp_path / name).symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        append_durably("line", tmp_path / "list")
    with pytest.raises(OSError, match="symbolic links"), locked(tmp_path):
        pass
    assert not (tmp_path / "victim").exists()


def test_a_fifo_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="is no regular file"):
        open_regular(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(b"content")
    with open_regular(tmp_path / "file") as file:
        assert file.read() == b"content"


def test_a_private_folder_is_for_its_user_alone(tmp_path, monkeypatch):
    folder = tmp_path / "above" / "cache"
    assert private_folder(folder) == private_folder(folder) == folder
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o777)
    with pytest.raises(PermissionError, match=r"every user may write .*mode 777"):
        private_folder(folder)
    folder.chmod(0o755)
    owner = folder.stat().st_uid
    monkeypatch.setattr("captum_rnn.files._ROOT", -1)
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(PermissionError, match=rf"belongs to another user \(uid {owner}\)"):
        private_folder(folder)
