import json
import os
import subprocess
import sys

import pytest

from captum_rnn.jobs import Columns, Engine, attribute_files
from corpus_jobs import parts_of, write_csv

pytest.importorskip("ray")

# In a process of its own: Ray warns of what this project's tests treat as errors.
WITH_A_KILL = """
import json, os, signal, sys, threading, time
from pathlib import Path
from captum_rnn.jobs import Columns, Engine, attribute_files

source, output, model = sys.argv[1:]


def actors():
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes()
            # An actor is MapWorker(MapBatches(PartActor)); in Ray 2.30 one or the other by turns.
            if command.startswith(b"ray::") and (b"MapWorker" in command or b"Part" in command):
                yield int(entry.name)
        except (OSError, ValueError):
            continue


def kill_one():
    listed = Path(output, "finished.jsonl")
    while not listed.exists() or not listed.read_bytes():
        time.sleep(0.01)
    mine = [pid for pid in actors() if descends(pid)]
    os.kill(mine[0], signal.SIGKILL)
    killed.append(mine[0])


def descends(pid):
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return False


killed = []
thread = threading.Thread(target=kill_one, daemon=True)
thread.start()
summary = attribute_files(
    [source], output, model=model, columns=Columns("text", "id"), format="jsonl",
    rows_per_part=int(os.environ["ROWS_PER_PART"]), engine=Engine("ray", workers=2),
)
thread.join(10)
print(json.dumps({"rows": summary.rows_out, "killed": len(killed)}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the actors in /proc")
def test_a_cluster_whose_worker_is_killed_gives_what_this_machine_gives(
    tmp_path, model_folder, in_this_process
):
    source = write_csv(tmp_path / "in.csv", 800)
    # A file, as the code on the command line would make this process look like an actor.
    script = tmp_path / "run.py"
    script.write_text(WITH_A_KILL, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, script, source, tmp_path / "ray", model_folder],
        capture_output=True,
        timeout=300,
        env=os.environ | {"ROWS_PER_PART": "40"},
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert json.loads(ended.stdout.splitlines()[-1]) == {"rows": 800, "killed": 1}
    attribute_files(
        [source],
        tmp_path / "local",
        model=model_folder,
        columns=Columns("text", "id"),
        format="jsonl",
        rows_per_part=40,
        engine=Engine(workers=1),
    )
    assert parts_of(tmp_path / "ray") == parts_of(tmp_path / "local")
