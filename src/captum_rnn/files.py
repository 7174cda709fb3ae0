"""Files that are written completely or not at all, also after a power cut, by one run at a time."""

import codecs
import contextlib
import errno
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

_UNFINISHED = ".unfinished"
_ROOT = 0
# Missing on Windows, which has neither FIFOs among its files nor links that anyone may make.
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


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


def private_folder(folder: Path) -> Path:
    """A folder that nobody but this user and the administrator fills, created where it is missing.

    What is kept there, such as weights in a cache, is trusted when it is read again.

    Args:
        folder: The folder; folders above it are created where missing.

    Returns:
        The folder.

    Raises:
        PermissionError: It belongs to another user, or every user may write to it.
        OSError: It cannot be created.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not hasattr(os, "getuid"):  # Windows keeps the folders of a user to that user
        return folder
    status = folder.stat()
    if status.st_uid not in (os.getuid(), _ROOT):
        raise PermissionError(
            f"{folder} belongs to another user (uid {status.st_uid}); name a folder of your own"
        )
    if status.st_mode & stat.S_IWOTH:
        raise PermissionError(
            f"every user may write to {folder} (mode {stat.S_IMODE(status.st_mode):o}); name a "
            "folder of your own"
        )
    return folder


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

    The temporary name cannot be foreseen and is never one that is there already, so nobody can lay
    a link under it. A link at `path` itself is replaced, not followed.

    Args:
        content: The content.
        path: Where the file shall stand; a file already there is replaced, a folder created.

    Raises:
        OSError: The file cannot be written; what stood there before still does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(path) as file:
        file.write(content)


def write_durably(content: bytes, path: Path) -> None:
    """As `write_bytes`, and synced to disk: the content before its name, the name before the end.

    Args:
        content: The bytes.
        path: Where the file shall stand; one that is there already is replaced.

    Raises:
        OSError: The file cannot be written; what stood there before still does.
    """
    with _unfinished(path) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes its place at the end of a `with` block, unless that fails."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}{_UNFINISHED}")
    try:
        with unfinished.open("xb") as file:
            yield file
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def append_durably(line: str, path: Path) -> None:
    """Adds a line to a file and syncs it to disk.

    Args:
        line: The line, without its end.
        path: The file.

    Raises:
        OSError: It cannot be written, also as it is a symbolic link; the file may then end with a
            piece of the line.
    """
    with open(path, "ab", opener=_open_no_link) as file:
        file.write(f"{line}\n".encode())
        file.flush()
        os.fsync(file.fileno())


def open_regular(path: str | Path) -> BinaryIO:
    """Opens a file to read its bytes, and refuses at once what would wait or never end.

    Raises:
        OSError: It cannot be read, or is a folder, FIFO, socket or device.

    Example:
        >>> open_regular("/dev/zero")
        Traceback (most recent call last):
        OSError: /dev/zero is no regular file; copy what it gives to a file, and name that one
    """
    # Without O_NONBLOCK, opening a FIFO waits until somebody writes to it.
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAIT))  # noqa: SIM115
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(f"{path} is no regular file; copy what it gives to a file, and name that one")


def refuse_utf16(path: str | Path, start: bytes) -> None:
    """Names the most frequent encoding that is not UTF-8, by the first line of a file.

    Raises:
        ValueError: The file is UTF-16.
    """
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start[:4]:
        raise ValueError(
            f"{path} is UTF-16, or no text; save it as UTF-8, e.g. with iconv -f UTF-16 -t UTF-8"
        )


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

    Without effect on Windows.

    Raises:
        BlockingIOError: Another run is at work there.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    with open(folder / ".lock", "ab", opener=_open_no_link) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(
                f"another run is writing to {folder}; wait for it, or name another folder"
            ) from error
        yield


def _open_no_link(name: str, flags: int) -> int:
    return os.open(name, flags | _NO_LINK, 0o666)
