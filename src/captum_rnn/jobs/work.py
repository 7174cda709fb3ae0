"""What a worker does, on this machine or in a cluster: rows of a file in, bytes of a file out."""

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import as_file, files
from pathlib import Path

import torch

from captum_rnn.jobs.explaining import Clock, counts, explain_rows
from captum_rnn.jobs.formats import FORMATS
from captum_rnn.jobs.inputs import Columns, Part, RowFile, file_digest, open_rows
from captum_rnn.jobs.rows import Row, rows_digest
from captum_rnn.jobs.scoring import Scorer
from captum_rnn.text.pipeline import TextClassifier
from captum_rnn.text.storage import MODEL_FILES


@dataclass(frozen=True)
class WorkSettings:
    """What every worker of a job has to know.

    Attributes:
        base: The folder from which relative paths are meant.
        model: The model folder; None: the classifier that comes with the package.
        method: Name of the attribution method.
        calibration: File of the calibrated delta's calibration.
        columns: Which columns of the input are read.
        format: Name of the output format.
        device: Where the model runs, e.g. `"cuda"`.
        digests: `digests` of these settings when the job began; None: not compared.
    """

    base: str
    model: str | None = None
    method: str = "hidden-state-delta-l2"
    calibration: str | None = None
    columns: Columns = field(default_factory=Columns)
    format: str = "parquet"
    device: str = "cpu"
    digests: Mapping[str, str] | None = None


@dataclass(frozen=True)
class FinishedPart:
    """A part whose rows are explained.

    Attributes:
        number: The part's number.
        rows: Number of its rows.
        counts: How many rows have each error, and `"cut"`: how many were too long.
        seconds: CPU seconds by what they were spent on.
        content: The bytes of the output file.
    """

    number: int
    rows: int
    counts: Counter[str]
    seconds: dict[str, float]
    content: bytes


class Worker:
    """Explains parts, one after the other, with one classifier.

    Args:
        settings: What to do.

    Raises:
        ImportError: The format needs a package that is not installed.
        OSError: The model cannot be read.
        ValueError: The model is damaged or was changed, or there is no such method.
    """

    def __init__(self, settings: WorkSettings) -> None:
        self._base = Path(settings.base)
        model = None if settings.model is None else self._base / settings.model
        calibration = settings.calibration and self._base / settings.calibration
        self._classifier = TextClassifier.load(model)
        self._classifier.model.to(settings.device)
        self._scorer = Scorer(self._classifier.model, settings.method, calibration or None)
        if settings.digests is not None and digests(settings) != settings.digests:
            raise ValueError(
                "the model or the calibration was changed while the job ran; leave both alone, and "
                "start over with --restart"
            )
        self._columns = settings.columns
        self._format = FORMATS[settings.format]
        self._open: tuple[str, RowFile] | None = None

    def explain(self, part: Part) -> FinishedPart:
        """Reads, explains and encodes the rows of a part.

        Raises:
            OSError: The input cannot be read.
            ValueError: The input is not what it was when the job was planned.
        """
        clock = Clock()
        with clock.measure("reading"):
            rows = self._rows(part)
        explained = explain_rows(rows, self._classifier, self._scorer, clock)
        with clock.measure("encoding the output"):
            content = self._format.write(explained, part.path)
        return FinishedPart(part.number, len(rows), counts(explained), dict(clock.seconds), content)

    def _rows(self, part: Part) -> list[Row]:
        path = self._base / part.path
        if self._open is None or self._open[0] != part.path:
            self._open = (part.path, open_rows(path, self._columns))
        rows = list(itertools.islice(self._open[1].rows(part.first, part.offset), part.rows))
        if rows_digest(rows) != part.sha256:
            raise ValueError(
                f"{path} was changed while the job ran: the rows from {part.first} on are not what "
                "they were when it began; leave the inputs alone, and start over with --restart"
            )
        return rows


def plain_error(error: Exception) -> Exception:
    """What a worker raised, as an error that any process can be sent and the command prints."""
    if type(error) in (ImportError, OSError, TypeError, ValueError, FileNotFoundError):
        return error
    reason = (str(error).strip().splitlines() or ["no reason given"])[0]
    return ChildProcessError(f"a worker failed: {type(error).__name__}: {reason}")


def digests(settings: WorkSettings) -> dict[str, str]:
    """SHA-256 of each file that decides the scores: the model's three, and the calibration."""
    base = Path(settings.base)
    shipped = files("captum_rnn.text") / "shipped"
    with as_file(shipped if settings.model is None else base / settings.model) as folder:
        found = {name: file_digest(folder / name) for name in MODEL_FILES}
    if settings.calibration is not None:
        found["calibration"] = file_digest(base / settings.calibration)
    return found


def use_one_thread() -> None:
    """Lets torch compute on one thread: the workers share the cores among them."""
    torch.set_num_threads(1)
