"""What Ray and its workers do when they fail, told by a stand-in for Ray."""

import socket
import time
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from captum_rnn.jobs import Columns, Engine, attribute_files, ray_engine
from captum_rnn.jobs.inputs import plan
from captum_rnn.jobs.work import Worker, WorkSettings, plain_error
from corpus_jobs import parts_of, write_csv


def ray_that(init=lambda **options: None, resources=dict):
    return SimpleNamespace(
        is_initialized=lambda: False,
        init=init,
        shutdown=lambda: None,
        cluster_resources=resources,
    )


def raising(error):
    def fail(*arguments, **options):
        raise error

    return fail


@pytest.mark.parametrize("address", ["zz://x", "localhost", "a b:1", "http://a:1", "ray://", ""])
def test_what_is_no_address(address):
    with pytest.raises(ValueError, match="expected auto, HOST:PORT or ray://HOST:PORT"):
        ray_engine.check_address(address)


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://127.0.0.1:{}", "ray://[127.0.0.1]:{}"])
def test_an_address_where_nothing_listens_is_refused_at_once(form):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ray_engine.check_address(form.format(port))
    with pytest.raises(ConnectionError, match=f"no Ray cluster answers at .*{port}"):
        ray_engine.check_address(form.format(port))
    with pytest.raises(ConnectionError, match="99999"):
        ray_engine.check_address("127.0.0.1:99999")


def test_a_listener_that_is_no_cluster_ends_the_waiting(monkeypatch):
    monkeypatch.setattr(ray_engine, "_SECONDS_TO_ANSWER", 0.05)
    ray = ray_that(init=lambda **options: time.sleep(1))
    monkeypatch.setattr(ray_engine, "import_ray", lambda: ray)
    with pytest.raises(ConnectionError, match=r"a:1 cannot be used \(no answer in 0\.05 s\)"):
        list(ray_engine.explained_parts(WorkSettings("/"), [], 1, "a:1"))


@pytest.mark.parametrize("address", ["a:1", None])
@pytest.mark.parametrize("error", [RuntimeError("Module: zz"), KeyError("x"), ValueError("y")])
def test_any_failure_to_connect_is_one_kind_of_error(error, address, monkeypatch):
    monkeypatch.setattr(ray_engine, "import_ray", lambda: ray_that(init=raising(error)))
    with pytest.raises(ConnectionError, match="cannot be used"):
        list(ray_engine.explained_parts(WorkSettings("/"), [], 1, address))


@pytest.mark.parametrize(
    "error", [KeyError("text"), RuntimeError("no\nreason"), RecursionError(), MemoryError()]
)
def test_a_worker_may_fail_in_any_way(error):
    plain = plain_error(error)
    assert type(plain) is ChildProcessError
    assert type(error).__name__ in str(plain)
    assert "\n" not in str(plain)


def test_after_any_failure_the_job_continues(tmp_path, model_folder, monkeypatch):
    """The cluster is lost after the first part."""

    def lost(settings, parts, workers, address):
        yield Worker(settings).explain(parts[0])
        raise ChildProcessError("a worker failed: GCSError: gone")

    def whole(settings, parts, workers, address):
        return map(Worker(settings).explain, parts)

    options = {
        "inputs": [write_csv(tmp_path / "in.csv", 60)],
        "model": model_folder,
        "columns": Columns("text", "id"),
        "format": "jsonl",
        "rows_per_part": 20,
        "engine": Engine("ray"),
    }
    monkeypatch.setattr(ray_engine, "import_ray", ray_that)
    monkeypatch.setattr(ray_engine, "explained_parts", whole)
    attribute_files(output=tmp_path / "undisturbed", **options)
    with monkeypatch.context() as patch:
        patch.setattr(ray_engine, "explained_parts", lost)
        with pytest.raises(OSError, match="GCSError: gone; 20 of 60 rows are written; rerun the"):
            attribute_files(output=tmp_path / "out", **options)
    assert attribute_files(output=tmp_path / "out", **options).rows_before == 20
    assert parts_of(tmp_path / "out") == parts_of(tmp_path / "undisturbed")


def test_numbers_of_rows_may_be_numpy_s(tmp_path, model_folder, monkeypatch, in_this_process):
    """As Ray 2.30 hands them out."""

    def rows(ray, settings, parts, workers):
        actor = ray_engine.PartActor(settings)
        for part in parts:
            columns = actor({name: np.array([value]) for name, value in asdict(part).items()})
            row = {name: column[0] for name, column in columns.items()}
            yield row | {name: np.int64(row[name]) for name in ("number", "rows")}

    options = {
        "inputs": [write_csv(tmp_path / "in.csv", 20)],
        "model": model_folder,
        "columns": Columns("text", "id"),
        "format": "jsonl",
        "rows_per_part": 10,
    }
    attribute_files(output=tmp_path / "local", engine=Engine(workers=1), **options)
    monkeypatch.setattr(ray_engine, "import_ray", ray_that)
    monkeypatch.setattr(ray_engine, "use_one_thread", lambda: None)
    monkeypatch.setattr(
        ray_engine,
        "_dataset",
        lambda *arguments: SimpleNamespace(iter_rows=lambda: rows(*arguments)),
    )
    attribute_files(output=tmp_path / "ray", engine=Engine("ray"), **options)
    assert parts_of(tmp_path / "ray") == parts_of(tmp_path / "local")


def test_the_cause_of_an_error_in_a_task(monkeypatch, tmp_path):
    class TaskError(Exception):
        cause = ValueError("in.csv was changed while the job ran")

    path = write_csv(tmp_path / "in.csv", 3)
    _, parts = plan([str(path)], Columns(), 3)
    monkeypatch.setattr(ray_engine, "import_ray", lambda: ray_that(resources=raising(TaskError())))
    with pytest.raises(ValueError, match="was changed while the job ran"):
        list(ray_engine.explained_parts(WorkSettings("/"), parts, 1, "a:1"))
