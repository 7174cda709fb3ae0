"""What a job is: the inputs, the model and the options on which every row of its output depends."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from captum_rnn.jobs.inputs import InputFile, file_digest
from captum_rnn.jobs.work import WorkSettings
from captum_rnn.text.batching import TOKENS_PER_BATCH
from captum_rnn.text.storage import CONFIG_FILE, MODEL_FILES

_FORMAT = "captum-rnn corpus 1"
_PACKAGES = ("captum-rnn", "torch", "jieba")


@dataclass(frozen=True)
class Manifest:
    """The record of a job, by which a later run knows whether it is the same one.

    Attributes:
        inputs: The input files with their digests.
        model: The classes, the longest text and the digest of each file of the model.
        options: Method, columns, output format, rows of a part.
        versions: The packages that decide words and scores.
    """

    inputs: tuple[dict[str, Any], ...]
    model: dict[str, Any]
    options: dict[str, Any]
    versions: dict[str, str]

    def to_json(self) -> bytes:
        """The manifest as the content of a file."""
        content = {"format": _FORMAT, **asdict(self)}
        return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode("utf-8")

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Reads what `to_json` gave.

        Raises:
            OSError: The file is missing or cannot be read.
            ValueError: It is no manifest.
        """
        try:
            content = json.loads(path.read_bytes())
            if content.pop("format") != _FORMAT:
                raise ValueError("another format")
            return cls(**content | {"inputs": tuple(content["inputs"])})
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path} is no manifest of captum-rnn attribute ({error}); begin anew with "
                "--restart, or name another folder"
            ) from error

    def differences(self, now: "Manifest") -> list[str]:
        """What differs between this job and another one, a phrase each; empty if nothing does.

        Args:
            now: The job that is asked for now.
        """
        then_inputs = {file["path"]: file for file in self.inputs}
        now_inputs = {file["path"]: file for file in now.inputs}
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
            found.append("the model is another one")
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
        ValueError: The configuration of the model is damaged.
    """
    base = Path(settings.base)
    calibration = settings.calibration and file_digest(base / settings.calibration)
    options = {
        "method": settings.method,
        "calibration": calibration,
        "text column": settings.columns.text,
        "id column": settings.columns.id,
        "format": settings.format,
        "rows per part": rows_per_part,
        "tokens a batch": TOKENS_PER_BATCH,
    }
    return Manifest(
        tuple(asdict(file) for file in inputs),
        _model(None if settings.model is None else base / settings.model),
        options,
        {package: version(package) for package in _PACKAGES},
    )


def _model(folder: Path | None) -> dict[str, Any]:
    if folder is None:
        with as_file(files("captum_rnn.text") / "shipped") as shipped:
            return _model(shipped)
    config = json.loads((folder / CONFIG_FILE).read_bytes())
    return {
        "classes": config["classes"],
        "max_length": config["max_length"],
        "files": {name: file_digest(folder / name) for name in MODEL_FILES},
    }


def _changed(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [
        f"{name} was {then.get(name)} and is {now.get(name)}"
        for name in then | now
        if then.get(name) != now.get(name)
    ]


def _names(inputs: Sequence[dict[str, Any]]) -> str:
    return ", ".join(str(file["path"]) for file in inputs)


def _content(file: dict[str, Any]) -> str:
    return f"{file['size']} bytes with digest {str(file['sha256'])[:12]}"
