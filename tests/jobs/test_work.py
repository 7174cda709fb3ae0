import dataclasses

import pytest

from captum_rnn.jobs.inputs import Columns, plan
from captum_rnn.jobs.work import Worker, WorkSettings
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


def test_a_file_with_fewer_rows_than_planned(tmp_path, model_folder):
    path = write_csv(tmp_path / "in.csv", 10)
    _, (part,) = plan([str(path)], Columns(), 30)
    worker = Worker(WorkSettings("/", str(model_folder), format="jsonl"))
    with pytest.raises(ValueError, match="has 10 rows from row 0 on where 12 were planned"):
        worker.explain(dataclasses.replace(part, rows=12))
