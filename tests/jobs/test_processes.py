import multiprocessing
import signal
import subprocess
import sys
from multiprocessing import forkserver

import pytest

from captum_rnn.jobs import processes


def test_getting_ready_imports_no_torch_here():
    code = (
        "import sys, captum_rnn.jobs.processes as processes\n"
        "processes.start_method()\n"
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


@pytest.mark.parametrize(
    ("known", "chosen"), [(["spawn"], "spawn"), (["fork", "spawn", "forkserver"], "forkserver")]
)
def test_workers_are_never_forked_from_this_process(known, chosen, monkeypatch):
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: known)
    assert processes.start_method().get_start_method() == chosen


def test_ctrl_c_does_not_reach_the_process_that_forks_the_workers(monkeypatch):
    seen = []
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(
        forkserver, "ensure_running", lambda: seen.append(signal.getsignal(signal.SIGINT))
    )
    processes.import_ahead()
    assert seen == [signal.SIG_IGN]
    assert signal.getsignal(signal.SIGINT) is before
