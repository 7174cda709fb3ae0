import errno
import json
import os
import random
import signal
import time

import pytest

from captum_rnn.files import write_durably
from captum_rnn.jobs import Columns, Engine, attribute_files
from captum_rnn.jobs.iterate import attribute_corpus
from corpus_jobs import parts_of, rows_of, start, texts, write_csv

ROWS = 300

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def source(tmp_path):
    return write_csv(tmp_path / "in.csv", ROWS)


@pytest.fixture
def options(model_folder):
    return {
        "model": model_folder,
        "columns": Columns("text", "id"),
        "format": "jsonl",
        "rows_per_part": 20,
        "engine": Engine(workers=2),
    }


def test_every_row_comes_out_once_in_order_with_its_scores_or_its_error(
    source, options, tmp_path, classifier
):
    summary = attribute_files([source], tmp_path / "out", **options)
    rows = rows_of(tmp_path / "out")
    assert [(row["row"], row["id"], row["source"]) for row in rows] == [
        (number, f"id-{number}", str(source)) for number in range(ROWS)
    ]
    for text, row, expected in zip(
        texts(ROWS), rows, attribute_corpus(texts(ROWS), classifier), strict=True
    ):
        if not text:
            assert (row["error"], row["tokens"], row["scores"]) == ("empty", None, None)
        elif not any(expected.known):
            assert (row["error"], row["tokens"]) == ("only unknown words", list(expected.tokens))
        else:
            assert row["error"] is None
            assert row["tokens"] == list(expected.tokens)
            assert row["scores"] == pytest.approx(expected.scores, abs=1e-6)
            assert row["predicted_class"] == expected.predicted_class
            assert row["words_cut"] == expected.words_cut
    found = {error: sum(row["error"] == error for row in rows) for error in summary.counts}
    cut = sum(row["words_cut"] > 0 for row in rows)
    assert summary.counts == found | {"cut": cut}
    assert (summary.rows_in, summary.rows_out, summary.rows_before) == (ROWS, ROWS, 0)


def wait_for_parts(folder, count, process):
    """Waits until a run has listed so many parts, or has ended."""
    listed = folder / "finished.jsonl"
    while process.is_alive():
        if listed.exists() and listed.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.005)


def test_a_kill_and_an_interrupt_lose_and_double_nothing(source, options, model_folder, tmp_path):
    """The same bytes as an undisturbed run; the full trial is benchmarks/corpus/faults.py.

    The command has worker processes, the runs that it is compared with and continued by have none:
    where a job runs makes no difference.
    """
    attribute_files([source], tmp_path / "undisturbed", **options)
    output = tmp_path / "out"
    arguments = [source, "--output", output, "--model", model_folder, "--id-column", "id"]
    arguments += ["--format", "jsonl", "--rows-per-part", "20", "--workers", "2"]
    process = start(tmp_path / "errors", *arguments)
    wait_for_parts(output, 2, process)
    time.sleep(random.Random(0).uniform(0, 0.02))
    process.kill()
    process.join()
    before = (output / "finished.jsonl").read_bytes().count(b"\n")
    process = start(tmp_path / "errors", *arguments)
    wait_for_parts(output, before + 1, process)
    os.killpg(process.pid, signal.SIGINT)
    process.join()
    assert process.exitcode in (0, 130)  # it may have been done before the signal came
    if process.exitcode == 130:
        error = (tmp_path / "errors").read_text(encoding="utf-8")
        assert error.startswith("captum-rnn: interrupted; ")
        assert error.endswith("rows are written; rerun the same command to resume\n")
        assert error.count("\n") == 1
    summary = attribute_files([source], output, **options)
    # On a busy machine the killed run may have finished all parts.
    assert summary.rows_before >= min(ROWS, 20 * (before + 1))
    assert parts_of(output) == parts_of(tmp_path / "undisturbed")


def test_a_full_disk_is_one_sentence_and_the_job_continues(source, options, tmp_path, monkeypatch):
    attribute_files([source], tmp_path / "undisturbed", **options)

    def full(content, path):
        if path.name == "part-000009.jsonl":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        write_durably(content, path)

    with monkeypatch.context() as patch:
        patch.setattr("captum_rnn.jobs.folder.write_durably", full)
        with pytest.raises(OSError, match="No space left on device") as error:
            attribute_files([source], tmp_path / "out", **options)
    assert "of 300 rows are written; rerun the same command to resume" in str(error.value)
    summary = attribute_files([source], tmp_path / "out", **options)
    assert 0 < summary.rows_before < ROWS
    assert parts_of(tmp_path / "out") == parts_of(tmp_path / "undisturbed")


def test_a_changed_input_is_refused_by_name_unless_restarted(source, options, tmp_path):
    attribute_files([source], tmp_path / "out", **options)
    write_csv(source, ROWS + 1)
    with pytest.raises(ValueError, match=r"in\.csv has changed .* --restart"):
        attribute_files([source], tmp_path / "out", **options)
    assert attribute_files([source], tmp_path / "out", restart=True, **options).rows_out == 301


def test_files_of_every_kind_together(source, options, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    given = list(texts(50))
    columns = {"id": [str(number) for number in range(50)], "text": given}
    parquet.write_table(pyarrow.table(columns), tmp_path / "in.parquet")
    lines = [json.dumps({"id": str(n), "text": text}) for n, text in enumerate(given)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines), encoding="utf-8")
    inputs = [tmp_path / "in.jsonl", tmp_path / "in.parquet"]
    summary = attribute_files(inputs, tmp_path / "out", **options | {"format": "parquet"})
    assert summary.rows_out == 100
    rows = parquet.read_table(tmp_path / "out" / "parts").to_pylist()
    for row in rows:
        del row["source"]
    assert rows[:50] == rows[50:]


def test_a_folder_of_inputs_that_holds_the_output(source, options, tmp_path):
    with pytest.raises(ValueError, match="is inside the input"):
        attribute_files([source.parent], tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_no_rows_at_all(options, tmp_path):
    (tmp_path / "in.csv").write_text("id,text\n")
    summary = attribute_files([tmp_path / "in.csv"], tmp_path / "out", **options)
    assert (summary.rows_in, summary.rows_out) == (0, 0)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"format": "xml"}, "format is 'xml'"),
        ({"engine": Engine("spark")}, "engine is 'spark'"),
        ({"engine": Engine(workers=0)}, "workers 0"),
        ({"rows_per_part": 0}, "rows_per_part is 0"),
        ({"method": "magic"}, "'magic' is no method"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(
    wrong, reason, source, options, tmp_path
):
    with pytest.raises(ValueError, match=reason):
        attribute_files([source], tmp_path / "out", **options | wrong)
    assert not (tmp_path / "out").exists()
