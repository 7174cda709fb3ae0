"""Files of a finished comparison, written whole or not at all."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any


def prepare_output(folder: str | Path) -> Path:
    """Makes sure that files can be written to a folder, before minutes of work depend on it.

    Args:
        folder: The folder; it is created where it does not exist.

    Returns:
        The folder.

    Raises:
        OSError: The folder cannot be created or written (`PermissionError`, `NotADirectoryError`,
            `FileExistsError` …).
    """
    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        message = f"cannot write to the output folder ({error.strerror}); choose another folder"
        raise OSError(error.errno, message, str(path)) from error
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
    """Writes a text under a temporary name and renames it, so that no half file ever stands there.

    Args:
        text: The content, stored as UTF-8.
        path: Where the file shall stand; a file already there is replaced.

    Raises:
        OSError: The file cannot be written; what stood there before still does.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
