"""What a job is: the inputs, the model and the options on which every row of its output depends."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from captum_rnn.files import open_regular
from captum_rnn.jobs.formats import FORMATS
from captum_rnn.jobs.inputs import InputFile
from captum_rnn.jobs.sealed import sealed, unsealed
from captum_rnn.jobs.work import WorkSettings, digests
from captum_rnn.text.batching import TOKENS_PER_BATCH

_FORMAT = "captum-rnn corpus 1"
_PACKAGES = ("captum-rnn", "torch", "jieba")


@dataclass(frozen=True)
class Manifest:
    """The record of a job, by which a later run knows whether it is the same one.

    Attributes:
        inputs: The input files with their digests.
        model: The digest of each file of the model, and of the calibration.
        options: Method, columns, output format, rows of a part.
        versions: The packages that decide words and scores.
    """

    inputs: tuple[InputFile, ...]
    model: dict[str, str]
    options: dict[str, Any]
    versions: dict[str, str]

    def to_json(self) -> bytes:
        """The manifest as the content of a file."""
        content = sealed({"format": _FORMAT, **asdict(self)})
        return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode("utf-8")

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Reads what `to_json` gave.

        Raises:
            OSError: The file is missing or cannot be read.
            ValueError: It is no manifest, or was changed.
        """
        try:
            with open_regular(path) as file:
                content = unsealed(file.read())
            if content.pop("format") != _FORMAT:
                raise ValueError("another format")
            inputs = tuple(InputFile(**each) for each in content.pop("inputs"))
            manifest = cls(inputs=inputs, **content)
            manifest._check()
            return manifest
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is no manifest of captum-rnn attribute, or is damaged ({error}); start "
                "over with --restart, or name another folder"
            ) from error

    def parts(self) -> list[int]:
        """The number of rows of each part of the job, in their order."""
        most = self.rows_per_part
        return [
            min(most, file.rows - first)
            for file in self.inputs
            for first in range(0, file.rows, most)
        ]

    @property
    def format(self) -> str:
        """Name of the output format."""
        return str(self.options["format"])

    @property
    def rows_per_part(self) -> int:
        """Rows of a part."""
        return int(self.options["rows per part"])

    def _check(self) -> None:
        """Refuses what a reader would stumble over."""
        for file in self.inputs:
            if not isinstance(file.path, str) or type(file.rows) is not int or file.rows < 0:
                raise ValueError(f"{file} is no input file")
        if self.format not in FORMATS or self.rows_per_part < 1:
            raise ValueError(f"the format is {self.format}, rows of a part {self.rows_per_part}")
        self.versions.items()

    def differences(self, now: "Manifest") -> list[str]:
        """What differs between this job and another one, a phrase each; empty if nothing does.

        Args:
            now: The job that is asked for now.
        """
        then_inputs = {file.path: file for file in self.inputs}
        now_inputs = {file.path: file for file in now.inputs}
        found = []
        if list(then_inputs) != list(now_inputs):
            found.append(f"the inputs were {_names(self.inputs)} and are {_names(now.inputs)}")
        else:
            found += [
                f"{path} has changed ({_content(then)} then, {_content(now_inputs[path])} now)"
                for path, then in then_inputs.items()
                if then != now_inputs[path]
            ]
        if self.model != now.model:
            found.append("the model or the calibration differs")
        found += _changed(self.options, now.options) + _changed(self.versions, now.versions)
        return found


def describe(inputs: Sequence[InputFile], settings: WorkSettings, rows_per_part: int) -> Manifest:
    """The manifest of a job.

    Args:
        inputs: The planned input files.
        settings: What the workers do.
        rows_per_part: Rows of a part.

    Raises:
        OSError: The model or the calibration cannot be read.
    """
    options = {
        "method": settings.method,
        "text column": settings.columns.text,
        "id column": settings.columns.id,
        "quoted TSV": settings.columns.quoted_tsv,
        "format": settings.format,
        "rows per part": rows_per_part,
        "tokens per batch": TOKENS_PER_BATCH,
    }
    versions = {package: version(package) for package in _PACKAGES}
    return Manifest(tuple(inputs), digests(settings), options, versions)


def _changed(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [
        f"{name} was {then.get(name)} and is {now.get(name)}"
        for name in then | now
        if then.get(name) != now.get(name)
    ]


def _names(inputs: Sequence[InputFile]) -> str:
    return ", ".join(file.path for file in inputs)


def _content(file: InputFile) -> str:
    return f"{file.size} bytes with digest {str(file.sha256)[:12]}"
