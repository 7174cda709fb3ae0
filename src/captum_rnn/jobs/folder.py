"""The output folder of a job: its manifest, its parts, and which of them are finished."""

import contextlib
import functools
import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from captum_rnn.files import (
    append_durably,
    locked,
    open_regular,
    remove_unfinished,
    sync_folder,
    write_durably,
)
from captum_rnn.jobs.formats import FORMATS
from captum_rnn.jobs.inputs import Part, file_digest
from captum_rnn.jobs.manifest import Manifest
from captum_rnn.jobs.sealed import sealed, unsealed
from captum_rnn.jobs.work import FinishedPart

_MANIFEST = "manifest.json"
_FINISHED = "finished.jsonl"
_PARTS = "parts"
# Also while they are being written; see `captum_rnn.files`.
_OURS = re.compile(r"parts|\.lock|\.?(manifest\.json|finished\.jsonl)(\.[0-9a-f]+\.unfinished)?")
_PART_NAME = re.compile(r"\.?part-\d{6,}\.(parquet|jsonl)(\.[0-9a-f]+\.unfinished)?")


@dataclass(frozen=True)
class Finished:
    """One line of the list of finished parts.

    Attributes:
        part: Number of the part.
        rows: Number of its rows.
        sha256: Digest of its file.
        counts: How many rows have each error or were cut.
    """

    part: int
    rows: int
    sha256: str
    counts: dict[str, int]


class JobFolder:
    """An output folder: `manifest.json`, `finished.jsonl` and the files under `parts`.

    A part is written completely, then listed; only listed parts whose file has the listed digest
    count as finished. So whenever a run is killed, each row is in exactly one finished part or in
    none.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def parts(self) -> Path:
        """The folder of the parts."""
        return self.path / _PARTS

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other runs out inside a `with` block, then tidies up what a killed run has left.

        Nothing in the folder is changed before it is known to be a job's and nobody else's.

        Raises:
            BlockingIOError: Another run is at work there.
            FileExistsError: It is a file, holds other files, or links that would lead elsewhere.
            OSError: It cannot be created.
        """
        self._refuse_others()
        self.path.mkdir(parents=True, exist_ok=True)
        with locked(self.path):
            self.parts.mkdir(exist_ok=True)
            remove_unfinished(self.path)
            remove_unfinished(self.parts)
            yield

    def _refuse_others(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise FileExistsError(f"{self.path} is a file; name a new folder for the output")
        others = _others(self.path, _OURS) or _others(self.parts, _PART_NAME)
        if others:
            raise FileExistsError(
                f"{self.path} holds other files than a job's ({', '.join(others[:3])}); name a new "
                "or empty folder, so that nothing of yours is replaced"
            )

    def begin(self, manifest: Manifest, *, restart: bool) -> None:
        """Makes the folder that of one job: a new one, or the one that is there already.

        Args:
            manifest: The job.
            restart: Drop what is there.

        Raises:
            OSError: The folder cannot be read or written.
            ValueError: The folder holds another job, and `restart` is false.
        """
        path = self.path / _MANIFEST
        if path.exists() and not restart:
            differences = Manifest.load(path).differences(manifest)
            if not differences:
                return
            raise ValueError(
                f"{self.path} holds a job that is not this one: {'; '.join(differences)}; give the "
                "same inputs, model and options to resume it, --restart to drop it, or another "
                "folder"
            )
        # The list goes first: without it no part counts, whatever a kill leaves behind.
        (self.path / _FINISHED).unlink(missing_ok=True)
        sync_folder(self.path)
        for part in self.parts.iterdir():
            part.unlink()
        sync_folder(self.parts)
        write_durably(manifest.to_json(), path)

    def finished(self, parts: list[Part]) -> dict[int, Finished]:
        """The parts that an earlier run has finished, each checked against its digest.

        A part whose file is missing or differs, and a line that a kill has cut off, are dropped
        from the list.

        Args:
            parts: The parts of the job.

        Raises:
            OSError: The folder cannot be read or written.
        """
        valid: dict[int, Finished] = {}
        listed = self._listed()
        for entry in listed:
            if entry is None or not 0 <= entry.part < len(parts):
                continue
            if entry.rows != parts[entry.part].rows:
                continue
            file = self._file(entry.part)
            if file.is_file() and file_digest(file) == entry.sha256:
                valid[entry.part] = entry
        if len(valid) < len(listed):
            lines = "".join(_line(entry) + "\n" for entry in valid.values())
            write_durably(lines.encode("utf-8"), self.path / _FINISHED)
        return valid

    def keep(self, part: Part, finished: FinishedPart) -> Finished:
        """Writes a part and lists it.

        Args:
            part: The part.
            finished: What a worker made of it.

        Raises:
            OSError: It cannot be written; then it is not listed.
        """
        write_durably(finished.content, self._file(part.number))
        digest = hashlib.sha256(finished.content).hexdigest()
        entry = Finished(part.number, finished.rows, digest, dict(finished.counts))
        append_durably(_line(entry), self.path / _FINISHED)
        return entry

    def manifest(self) -> Manifest:
        """The manifest of the job in the folder.

        Raises:
            FileNotFoundError: There is none.
            ValueError: It is damaged.
        """
        path = self.path / _MANIFEST
        if not path.is_file():
            raise FileNotFoundError(
                f"{self.path} has no {_MANIFEST}; give a folder that `captum-rnn attribute` has "
                "written"
            )
        return Manifest.load(path)

    def complete_files(self) -> list[Path]:
        """The files of all parts of a finished job, in their order, each checked by its digest.

        Raises:
            OSError: The folder holds no job, or a part cannot be read.
            ValueError: The job is not finished, or a file of it is not what was written.
        """
        expected = dict(enumerate(self.manifest().parts()))
        listed = {entry.part: entry for entry in self._listed() if entry is not None}
        written = {number: entry.rows for number, entry in listed.items()}
        if written != expected:
            done = sum(rows for number, rows in written.items() if expected.get(number) == rows)
            raise ValueError(
                f"the job in {self.path} is not finished: {done} of {sum(expected.values())} rows "
                "are written; rerun its `captum-rnn attribute` command to resume it"
            )
        return [self._checked(listed[number]) for number in sorted(listed)]

    def _checked(self, entry: Finished) -> Path:
        path = self._file(entry.part)
        if not path.is_file() or file_digest(path) != entry.sha256:
            raise ValueError(
                f"{path} is missing or is not what was written; rerun the `captum-rnn attribute` "
                "command of the job to write it again"
            )
        return path

    def _listed(self) -> list[Finished | None]:
        """The lines of the list; None for one that cannot be read."""
        path = self.path / _FINISHED
        if not path.exists():
            return []
        with open_regular(path) as file:
            return [_entry(line) for line in file]

    def _file(self, part: int) -> Path:
        return self.parts / f"part-{part:06d}{self._suffix}"

    @functools.cached_property
    def _suffix(self) -> str:
        """The end of the parts' names; known once the job has begun."""
        return FORMATS[self.manifest().format].suffix


def total_counts(finished: dict[int, Finished]) -> Counter[str]:
    """How many rows of all finished parts have each error or were cut."""
    total: Counter[str] = Counter()
    for entry in finished.values():
        total.update(entry.counts)
    return total


def _others(folder: Path, ours: re.Pattern[str]) -> list[str]:
    """Names in a folder that a job does not give; and links, FIFOs, devices: it makes none."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if not ours.fullmatch(entry.name)
                or not (
                    entry.is_dir(follow_symlinks=False)
                    if entry.name == _PARTS
                    else entry.is_file(follow_symlinks=False)
                )
            )
    except FileNotFoundError:
        return []


def _entry(line: bytes) -> Finished | None:
    """A line of the list; None for one that was cut off or damaged."""
    try:
        entry = Finished(**unsealed(line))
        numbers = (entry.part, entry.rows, *entry.counts.values())
        if all(type(number) is int for number in numbers) and line.endswith(b"\n"):
            return entry
    except (AttributeError, TypeError, ValueError):
        pass
    return None


def _line(entry: Finished) -> str:
    return json.dumps(sealed(vars(entry)), ensure_ascii=False)
