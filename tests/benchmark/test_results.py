import json
from pathlib import Path

import pytest

from captum_rnn.benchmark.results import prepare_file, prepare_output, write_results, write_text


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
    write_results(results, path)
    assert json.loads(path.read_text(encoding="utf-8")) == results
    assert "很好" in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [path]


def test_nan_is_refused_and_the_old_file_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_results({"old": 1}, path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_results({"new": float("nan")}, path)
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
