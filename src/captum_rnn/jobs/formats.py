"""Explained rows as the bytes of an output file: Parquet or JSON Lines."""

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from captum_rnn.files import open_regular
from captum_rnn.jobs.explaining import ExplainedRow
from captum_rnn.jobs.parquet_files import import_pyarrow

COLUMNS = (
    "id",
    "source",
    "row",
    "tokens",
    "scores",
    "predicted_class",
    "probability",
    "words_cut",
    "error",
)
"""The columns of the output, in their order."""


def to_parquet(rows: Sequence[ExplainedRow], source: str) -> bytes:
    """A Parquet file of the rows.

    Args:
        rows: The rows.
        source: The input file that they come from, as the user gave it.

    Raises:
        ImportError: pyarrow is not installed.
    """
    pyarrow = import_pyarrow()
    string, float32 = pyarrow.string(), pyarrow.float32()
    types = {
        "id": string,
        "source": string,
        "row": pyarrow.int64(),
        "tokens": pyarrow.list_(string),
        "scores": pyarrow.list_(float32),
        "predicted_class": string,
        "probability": float32,
        "words_cut": pyarrow.int32(),
        "error": string,
    }
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS if name != "source"}
    columns["source"] = [source] * len(rows)
    table = pyarrow.table(
        [pyarrow.array(columns[name], types[name]) for name in COLUMNS], names=list(COLUMNS)
    )
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, compression="zstd")
    return file.getvalue()


def to_json_lines(rows: Sequence[ExplainedRow], source: str) -> bytes:
    """One JSON object a line for each row, in UTF-8; a score of NaN is null.

    Args:
        rows: The rows.
        source: The input file that they come from, as the user gave it.
    """
    lines = []
    for row in rows:
        scores = None if row.scores is None else _numbers(row.scores.tolist())
        probability = None if row.probability is None else _numbers([row.probability])[0]
        content = {name: getattr(row, name, None) for name in COLUMNS}
        content |= {"source": source, "scores": scores, "probability": probability}
        lines.append(_JSON.encode(content) + "\n")
    return "".join(lines).encode("utf-8")


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def _numbers(values: Sequence[float]) -> list[float | None]:
    """The shortest numbers that are the same ones in float32; None for what is none."""
    written = ("%.9g " * len(values) % tuple(values)).split()  # at once: a corpus has billions
    return [float(number) if number[-1].isdigit() else None for number in written]


def read_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file that `to_parquet` wrote, by column.

    Raises:
        ImportError: pyarrow is not installed.
        OSError: The file cannot be read.
        ValueError: It is no such file.
    """
    pyarrow = import_pyarrow()
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from map(_checked, batch.to_pylist())
    except (pyarrow.ArrowException, OSError, TypeError, ValueError) as error:
        raise _no_part(path, error) from error


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file that `to_json_lines` wrote, by column.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no such file.
    """
    with open_regular(path) as file:
        for line in file:
            try:
                yield _checked(json.loads(line))
            except (RecursionError, TypeError, ValueError) as error:
                raise _no_part(path, error) from error


def _checked(row: Any) -> dict[str, Any]:
    """The row, if its columns are those of the output and each holds what is written there."""
    if not isinstance(row, dict) or tuple(row) != COLUMNS:
        raise ValueError(f"a row has not the columns {', '.join(COLUMNS)}")
    names = [row["source"], row["error"] if row["error"] is not None else row["predicted_class"]]
    if type(row["row"]) is not int or not all(isinstance(name, str) for name in names):
        raise TypeError("a row has a number where a name is expected, or the other way round")
    if row["error"] is None:
        tokens, scores = row["tokens"], row["scores"]
        if not all(isinstance(token, str) for token in tokens) or len(tokens) != len(scores):
            raise TypeError("a row has other than one score for each token")
        if not all(score is None or isinstance(score, float) for score in scores):
            raise TypeError("a score is no number")
    return row


def _no_part(path: Path, error: Exception) -> ValueError:
    return ValueError(
        f"{path} is no part that captum-rnn attribute has written ({error}); rerun its "
        "command with --restart"
    )


@dataclass(frozen=True)
class Format:
    """A format of output files.

    Attributes:
        suffix: The end of a file's name, with its dot.
        write: Rows and their source to the bytes of a file.
        read: The rows of such a file.
    """

    suffix: str
    write: Callable[[Sequence[ExplainedRow], str], bytes]
    read: Callable[[Path], Iterator[dict[str, Any]]]


FORMATS = {
    "parquet": Format(".parquet", to_parquet, read_parquet),
    "jsonl": Format(".jsonl", to_json_lines, read_json_lines),
}
"""The formats by name."""
