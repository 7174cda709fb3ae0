"""The lines of a text file, compressed or not, from any of them on."""

import gzip
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path

from captum_rnn.files import open_regular, refuse_utf16

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# So that a file without line ends, such as a disk image, cannot fill the memory.
_LONGEST_LINE = 100_000_000


class LineFile:
    """A file of lines that end with a line feed; gzip if its name ends with .gz.

    It stays open, so that a compressed file is decompressed once by whoever reads on from where it
    stopped. Only one iteration at a time.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be read, or is no regular file.
        ValueError: It is UTF-16, or damaged gzip.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        file = open_regular(path)
        weakref.finalize(self, file.close)
        self._file = gzip.GzipFile(fileobj=file) if path.suffix.lower() == ".gz" else file
        refuse_utf16(path, next(self.lines(0), (0, b""))[1])

    def lines(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """The lines from a byte of the (decompressed) file on, each with where it begins.

        A byte order mark is no part of the first line.

        Raises:
            ValueError: The file is damaged gzip, or a line is longer than 100 million bytes.
        """
        try:
            self._file.seek(offset)
            while line := self._file.readline(_LONGEST_LINE):
                if len(line) == _LONGEST_LINE:
                    raise ValueError(
                        f"{self._path} has a line of more than {_LONGEST_LINE} bytes at byte "
                        f"{offset}; it is no file of texts"
                    )
                yield offset, line if offset else line.removeprefix(_BYTE_ORDER_MARK)
                offset += len(line)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(
                f"{self._path} is no gzip file or is damaged ({error}); copy it again"
            ) from error
