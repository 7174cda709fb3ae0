"""The job itself: plan, continue or begin, explain, and keep every part."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, get_args

import torch
from tqdm import tqdm

from captum_rnn.jobs import local_engine
from captum_rnn.jobs.explaining import Clock
from captum_rnn.jobs.folder import Finished, JobFolder, total_counts
from captum_rnn.jobs.formats import FORMATS
from captum_rnn.jobs.inputs import Columns, Part, plan
from captum_rnn.jobs.manifest import describe
from captum_rnn.jobs.parquet_files import import_pyarrow
from captum_rnn.jobs.scoring import DEFAULT_METHOD, Scorer, check_method
from captum_rnn.jobs.work import FinishedPart, WorkSettings
from captum_rnn.text.pipeline import TextClassifier

EngineName = Literal["local", "ray"]
ROWS_PER_PART = 2_000
_Deaths = Callable[[Part, int], object]


@dataclass(frozen=True)
class Engine:
    """Where a job runs.

    Attributes:
        name: `"local"`: processes of this machine; `"ray"`: actors of a Ray cluster.
        workers: Number of them; None: one for each core.
        address: For Ray, the cluster; None: one that is started for the job.
    """

    name: EngineName = "local"
    workers: int | None = None
    address: str | None = None


@dataclass(frozen=True)
class Summary:
    """What a job came to.

    Attributes:
        rows_in: Rows of the inputs.
        rows_out: Rows of the output.
        rows_before: Rows of them that an earlier run had finished.
        counts: How many rows have each error, and `"cut"`: how many were too long.
        seconds: CPU seconds of the workers by what they were spent on, without those that died.
        deaths: Workers that died and were replaced.
    """

    rows_in: int
    rows_out: int
    rows_before: int
    counts: Counter[str]
    seconds: dict[str, float] = field(default_factory=dict)
    deaths: int = 0


def attribute_files(
    inputs: Sequence[str | Path],
    output: str | Path,
    *,
    model: str | Path | None = None,
    method: str = DEFAULT_METHOD,
    calibration: str | Path | None = None,
    columns: Columns = Columns(),  # noqa: B008
    format: str = "jsonl",
    rows_per_part: int = ROWS_PER_PART,
    engine: Engine = Engine(),
    device: str = "cpu",
    restart: bool = False,
    show_progress: bool = False,
) -> Summary:
    """Explains every row of files and writes the output in parts, or resumes such a job.

    Every input row comes out exactly once, in the part that its place determines, with scores or
    with an error. A run that was killed is resumed by a call with the same arguments;
    the parts are then the same, bit for bit on one machine, as without the kill.

    Args:
        inputs: CSV, TSV, JSON Lines or Parquet files.
        output: The folder to write; see `JobFolder`.
        model: A model folder; None: the classifier that comes with the package.
        method: One of `scoring.METHOD_NAMES`.
        calibration: The stored calibration of the calibrated delta.
        columns: Which columns of the input are read.
        format: `"jsonl"`, or `"parquet"`, which needs the extra `parquet`.
        rows_per_part: Rows of an output file, which are in a worker's memory together.
        engine: Where it runs.
        device: Where the model runs on this machine; a Ray cluster decides by its GPUs.
        restart: Drop a job that is in the folder already.
        show_progress: Show a progress bar on standard error.

    Returns:
        What it came to.

    Raises:
        ImportError: A format or an engine needs a package that is not installed.
        OSError: A file cannot be read or written, e.g. as the disk is full; finished parts stay.
        ValueError: Wrong options; inputs, model or options that are not those of the job in the
            folder.
        KeyboardInterrupt: With how much is finished, as one sentence.
    """
    settings = WorkSettings(
        os.getcwd(), _text(model), method, _text(calibration), columns, format, device
    )
    _check(settings, rows_per_part, engine)
    _refuse_inside(output, inputs)
    folder = JobFolder(Path(output))
    with folder.held():
        with tqdm(desc="reading", unit="B", unit_scale=True, disable=not show_progress) as bar:
            files, parts = plan([str(path) for path in inputs], columns, rows_per_part, bar.update)
        manifest = describe(files, settings, rows_per_part)
        settings = replace(settings, digests=manifest.model)
        folder.begin(manifest, restart=restart)
        rows = sum(file.rows for file in files)
        with tqdm(desc="explaining", total=rows, unit="row", disable=not show_progress) as bar:
            return _run(folder, settings, parts, engine, bar)


def _run(
    folder: JobFolder,
    settings: WorkSettings,
    parts: list[Part],
    engine: Engine,
    bar: "tqdm[None]",
) -> Summary:
    finished = folder.finished(parts)
    rows_before = sum(entry.rows for entry in finished.values())
    # Not `update`: rows of an earlier run are no part of this one's rate.
    bar.initial = bar.n = rows_before
    bar.refresh()
    clock = Clock()
    deaths: list[int] = []

    def on_death(part: Part, exit_code: int) -> None:
        deaths.append(part.number)
        if not bar.disable:
            bar.write(f"a worker died (exit code {exit_code}); its rows are explained again")

    todo = [part for part in parts if part.number not in finished]
    try:
        for explained in _explained(settings, todo, engine, on_death):
            finished[explained.number] = folder.keep(parts[explained.number], explained)
            clock.add(explained.seconds)
            bar.update(explained.rows)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_state(finished, parts)) from None
    except OSError as error:
        raise _with_state(error, finished, parts) from error
    return Summary(
        rows_in=sum(part.rows for part in parts),
        rows_out=sum(entry.rows for entry in finished.values()),
        rows_before=rows_before,
        counts=total_counts(finished),
        seconds=dict(clock.seconds),
        deaths=len(deaths),
    )


def _explained(
    settings: WorkSettings, parts: list[Part], engine: Engine, on_death: _Deaths
) -> Iterator[FinishedPart]:
    if not parts:
        return iter(())
    if engine.name == "ray":
        from captum_rnn.jobs import ray_engine

        return ray_engine.explained_parts(settings, parts, engine.workers, engine.address)
    workers = engine.workers or os.cpu_count() or 1
    return local_engine.explained_parts(settings, parts, workers, on_death)


def _check_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (AssertionError, NotImplementedError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"the device {device!r} cannot be used on this machine: {reason}"
        ) from error


def _check(settings: WorkSettings, rows_per_part: int, engine: Engine) -> None:
    """Refuses what cannot work before anything is read or written."""
    if settings.format not in FORMATS:
        raise ValueError(f"format is {settings.format!r}; expected one of {', '.join(FORMATS)}")
    if engine.name not in get_args(EngineName):
        raise ValueError(
            f"engine is {engine.name!r}; expected one of {', '.join(get_args(EngineName))}"
        )
    if rows_per_part < 1 or (engine.workers is not None and engine.workers < 1):
        raise ValueError(
            f"rows_per_part is {rows_per_part} and workers {engine.workers}; expected at least 1"
        )
    check_method(settings.method, settings.calibration)
    if settings.format == "parquet":
        import_pyarrow()
    if engine.name == "ray":
        from captum_rnn.jobs.ray_engine import check_address, import_ray

        import_ray()
        check_address(engine.address)
    else:
        _check_device(settings.device)
    classifier = TextClassifier.load(settings.model)
    if settings.calibration is not None:
        Scorer(classifier.model, settings.method, Path(settings.calibration))


def _refuse_inside(output: str | Path, inputs: Sequence[str | Path]) -> None:
    """Refuses an output that would be among the inputs when the job is resumed."""
    for path in inputs:
        if Path(output).resolve().is_relative_to(Path(path).resolve()):
            raise ValueError(
                f"the output {output} is inside the input {path}, so that it would be read as one; "
                "name another folder"
            )


def _state(finished: dict[int, Finished], parts: list[Part]) -> str:
    rows = sum(entry.rows for entry in finished.values())
    return (
        f"{rows} of {sum(part.rows for part in parts)} rows are written; rerun the same "
        "command to resume"
    )


def _with_state(error: OSError, finished: dict[int, Finished], parts: list[Part]) -> OSError:
    """The error with what is finished, in words."""
    reason = error.strerror or str(error)
    where = f" ({error.filename})" if error.filename else ""
    return OSError(f"{reason}{where}; {_state(finished, parts)}")


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)
