import multiprocessing
import subprocess
import sys

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
