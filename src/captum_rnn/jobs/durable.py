"""Files that are whole or not there, also after a power cut."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_UNFINISHED = ".unfinished"


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
