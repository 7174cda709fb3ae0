import json

import numpy as np
import pytest

from captum_rnn.jobs.explaining import ExplainedRow
from captum_rnn.jobs.formats import COLUMNS, FORMATS
from captum_rnn.jobs.rows import MALFORMED

SCORES = np.array([0.1, -2.5e-8], dtype=np.float32)
ROWS = [
    ExplainedRow("a", 3, ["很", '好"\n'], SCORES, "positive", float(np.float32(0.9)), 2),
    ExplainedRow(None, 4, error=MALFORMED),
]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_read_again(name, tmp_path):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / "file"
    path.write_bytes(FORMATS[name].write(ROWS, "in.csv"))
    scored, failed = FORMATS[name].read(path)
    assert tuple(scored) == tuple(failed) == COLUMNS
    assert np.array_equal(np.array(scored.pop("scores"), dtype=np.float32), SCORES)
    assert np.float32(scored.pop("probability")) == np.float32(0.9)
    assert scored == {
        "id": "a",
        "source": "in.csv",
        "row": 3,
        "tokens": ["很", '好"\n'],
        "predicted_class": "positive",
        "words_cut": 2,
        "error": None,
    }
    assert {column for column, value in failed.items() if value is not None} == {
        "source",
        "row",
        "words_cut",
        "error",
    }


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_rows_are_the_same_bytes(name):
    if name == "parquet":
        pytest.importorskip("pyarrow")
    assert FORMATS[name].write(ROWS, "in.csv") == FORMATS[name].write(ROWS, "in.csv")


def test_the_types_of_the_columns(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "part.parquet"
    path.write_bytes(FORMATS["parquet"].write([ExplainedRow(None, 0, error=MALFORMED)], "in.csv"))
    types = {field.name: str(field.type) for field in parquet.read_schema(path)}
    assert types == {
        "id": "string",
        "source": "string",
        "row": "int64",
        "tokens": "list<element: string>",
        "scores": "list<element: float>",
        "predicted_class": "string",
        "probability": "float",
        "words_cut": "int32",
        "error": "string",
    }


def test_json_has_no_nan_and_short_numbers():
    row = ExplainedRow(None, 0, ["a", "b"], np.array([np.nan, 0.1], np.float32), "x", 0.5)
    (line,) = FORMATS["jsonl"].write([row], "a.csv").decode().splitlines()
    assert json.loads(line)["scores"] == [None, pytest.approx(0.1)]
    assert '"scores": [null, 0.100000001]' in line
