import dataclasses
import os

import pytest

from captum_rnn.jobs.inputs import Columns, plan
from captum_rnn.jobs.work import Worker, WorkSettings, digests
from corpus_jobs import texts, write_csv


def test_a_part_with_what_it_came_to(tmp_path, model_folder, classifier):
    path = write_csv(tmp_path / "in.csv", 50)
    _, parts = plan([str(path)], Columns(), 30)
    finished = Worker(WorkSettings("/", str(model_folder), format="jsonl")).explain(parts[1])
    assert (finished.number, finished.rows) == (1, 20)
    assert finished.content.count(b"\n") == 20
    given = list(texts(50))[30:]
    known = [any(explanation.known) for explanation in classifier.explain(given)]
    assert finished.counts["empty"] == given.count("") == 2
    assert finished.counts["only unknown words"] == known.count(False) - 2
    assert set(finished.seconds) == {
        "reading",
        "splitting into words",
        "classifying and scoring",
        "encoding the output",
    }


def test_the_order_of_parts_does_not_matter(tmp_path, model_folder):
    paths = [write_csv(tmp_path / name, 40) for name in ("a.csv", "b.csv")]
    _, parts = plan(list(map(str, paths)), Columns(), 10)
    settings = WorkSettings("/", str(model_folder), format="jsonl")
    forwards, backwards = Worker(settings), Worker(settings)
    expected = [forwards.explain(part).content for part in parts]
    assert [backwards.explain(part).content for part in reversed(parts)] == expected[::-1]


def changed(path, how):
    """The file with another content, and with the size and the time that it had."""
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(how(content))
    assert path.stat().st_size == status.st_size
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_an_input_that_changed_is_noticed_whatever_its_time_says(tmp_path, model_folder, kind):
    path = tmp_path / f"in.{kind}"
    if kind == "csv":
        write_csv(path, 10)
    else:
        pyarrow = pytest.importorskip("pyarrow")
        table = pyarrow.table({"text": ["很好"] * 10})
        pytest.importorskip("pyarrow.parquet").write_table(table, path, compression="none")
    _, (part,) = plan([str(path)], Columns(), 30)
    worker = Worker(WorkSettings("/", str(model_folder), format="jsonl"))
    assert worker.explain(part).rows == 10
    changed(path, lambda content: content.replace("好".encode(), "差".encode()))
    with pytest.raises(ValueError, match="was changed while the job ran: the rows from 0 on"):
        Worker(WorkSettings("/", str(model_folder), format="jsonl")).explain(part)


def test_a_model_that_changed_is_noticed_by_a_worker_that_starts_later(model_folder):
    settings = WorkSettings("/", str(model_folder))
    settings = dataclasses.replace(settings, digests=digests(settings))
    Worker(settings)
    changed(model_folder / "vocabulary.txt", lambda c: c.replace("好".encode(), "丑".encode()))
    with pytest.raises(ValueError, match="the model or the calibration was changed"):
        Worker(settings)
