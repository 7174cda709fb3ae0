"""Files that are written whole or not at all, also after a power cut, by one run at a time."""

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_UNFINISHED = ".unfinished"


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


def write_json(content: dict[str, Any], path: Path) -> None:
    """Writes a dictionary as JSON; see `write_text`.

    Args:
        content: What JSON can say, such as the results of a comparison.
        path: Where the file shall stand.

    Raises:
        OSError: The file cannot be written.
        ValueError: A number is NaN or infinite, which JSON cannot say.
    """
    write_text(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n", path)


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
    unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_durably(content: bytes, path: Path) -> None:
    """Writes a file under a temporary name, syncs it to disk, renames it and syncs its folder.

    Args:
        content: The bytes.
        path: Where the file shall stand; one that is there already is replaced.

    Raises:
        OSError: The file cannot be written; what stood there before still does.
    """
    unfinished = path.with_name(f".{path.name}{_UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def append_durably(line: str, path: Path) -> None:
    """Adds a line to a file and syncs it to disk.

    Args:
        line: The line, without its end.
        path: The file.

    Raises:
        OSError: It cannot be written; the file may then end with a piece of the line.
    """
    with path.open("ab") as file:
        file.write(f"{line}\n".encode())
        file.flush()
        os.fsync(file.fileno())


def remove_unfinished(folder: Path) -> None:
    """Removes what a killed run has left half-written in a folder."""
    for path in folder.glob(f".*{_UNFINISHED}"):
        path.unlink()


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last; without effect on Windows, which opens no folders."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a folder inside a `with` block; the lock ends with the process.

    Raises:
        BlockingIOError: Another run is at work there.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with (folder / ".lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(
                f"another run is writing to {folder}; wait for it, or name another folder"
            ) from error
        yield
