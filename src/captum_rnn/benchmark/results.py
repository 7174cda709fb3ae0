"""Files of a finished comparison, written whole or not at all."""

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def prepare_output(folder: str | Path) -> Path:
    """Makes sure that files can be written to a folder, before minutes of work depend on it.

    Args:
        folder: The folder; where it does not exist, it is created with the first file.

    Returns:
        The folder.

    Raises:
        OSError: The folder cannot be created or written (`PermissionError`, `NotADirectoryError`
            …).
    """
    path = Path(folder)
    nearest = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            return path
    except OSError as error:
        message = f"cannot write to the output folder ({error.strerror}); choose another folder"
        raise OSError(error.errno, message, str(path)) from error


def prepare_file(file: str | Path) -> Path:
    """Makes sure that a file can be written, before minutes of work depend on it.

    Args:
        file: The file; one that is there already will be replaced.

    Returns:
        The file.

    Raises:
        OSError: It is a folder, or cannot be written.
    """
    path = Path(file)
    if path.is_dir():
        raise IsADirectoryError(
            errno.EISDIR, "is a folder; name a file in it, such as explained.html", str(path)
        )
    prepare_output(path.absolute().parent)
    return path


def write_results(results: dict[str, Any], path: Path) -> None:
    """Writes the results of a comparison as JSON; see `write_text`.

    Args:
        results: The answer of `captum_rnn.benchmark.compare.compare`.
        path: Where the file shall stand.

    Raises:
        OSError: The file cannot be written.
        ValueError: A number is NaN or infinite, which JSON cannot say.
    """
    write_text(json.dumps(results, ensure_ascii=False, indent=1, allow_nan=False) + "\n", path)


def write_text(text: str, path: Path) -> None:
    """Writes a text as UTF-8; see `write_bytes`."""
    write_bytes(text.encode("utf-8"), path)


def write_bytes(content: bytes, path: Path) -> None:
    """Writes a file under a temporary name and renames it, so that no half file ever stands there.

    Args:
        content: The content.
        path: Where the file shall stand; a file already there is replaced.

    Raises:
        OSError: The file cannot be written; what stood there before still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
