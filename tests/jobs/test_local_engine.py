import multiprocessing
import os
import signal

import pytest

from captum_rnn.benchmark.cost import single_thread
from captum_rnn.jobs import local_engine
from captum_rnn.jobs.inputs import Columns, plan
from captum_rnn.jobs.local_engine import explained_parts
from captum_rnn.jobs.work import Worker, WorkSettings
from corpus_jobs import write_csv


@pytest.fixture
def job(tmp_path, model_folder):
    """Settings and ten parts."""
    path = write_csv(tmp_path / "in.csv", 200)
    _, parts = plan([str(path)], Columns(), 20)
    return WorkSettings(str(tmp_path), model=str(model_folder), format="jsonl"), parts


def contents(found):
    return {part.number: part.content for part in found}


def test_workers_give_what_one_process_gives_also_when_one_is_killed(job):
    settings, parts = job
    worker = Worker(settings)
    with single_thread():  # as the workers, since the sums of floats depend on it
        expected = contents(worker.explain(part) for part in parts)
    deaths = []
    running = explained_parts(settings, parts, 2, lambda part, code: deaths.append(code))
    found = [next(running)]
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
    found += running
    assert contents(found) == expected
    assert len(found) == len(parts)
    assert deaths == [-signal.SIGKILL]
    assert multiprocessing.active_children() == []


def test_rows_that_kill_every_worker_end_the_job(job, monkeypatch):
    settings, parts = job
    give = local_engine._Hand.give

    def give_and_kill(hand, part):
        give(hand, part)
        os.kill(hand.process.pid, signal.SIGKILL)

    monkeypatch.setattr(local_engine._Hand, "give", give_and_kill)
    deaths = []
    running = explained_parts(settings, parts[:1], 1, lambda part, code: deaths.append(part.number))
    with pytest.raises(ChildProcessError, match="3 worker processes have died at the rows 0 to 19"):
        list(running)
    assert deaths == [0, 0]


def test_what_a_worker_raises_is_raised_here(job, tmp_path):
    settings, parts = job
    write_csv(tmp_path / "in.csv", 30)
    with pytest.raises(ValueError, match="was changed while the job ran"):
        list(explained_parts(settings, parts, 2))
    assert multiprocessing.active_children() == []


def test_leaving_early_ends_the_workers(job):
    settings, parts = job
    running = explained_parts(settings, parts, 2)
    next(running)
    running.close()
    assert multiprocessing.active_children() == []
