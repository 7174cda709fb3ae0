"""What a job survives: kills, killed workers, Ctrl-C, a second command and a full disk.

Runs `captum-rnn attribute` on a corpus with every kind of bad row, disturbs it, gives the same
command again until it ends by itself, and compares every part, byte for byte, with those of a run
that nobody disturbed. Several disturbances hit one job, until it is finished; then a new one
begins. Two commands on one folder are started at random distances: one of them has to finish, the
other to finish too or to say why not.

    python benchmarks/corpus/faults.py [--kills 30] [--together 50] [--rows 6000] [--seed 0]

The full disk is a small file system in memory, which only root can mount; without it that part is
left out and the results say so. Needs Linux.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.files import write_text
from captum_rnn.text import load_corpus

ROWS_PER_PART = 100
SMALL_DISK, LARGE_DISK = "600k", "64m"


def write_rows(path: Path, rows: int) -> None:
    """JSON Lines of reviews, every twentieth line bad in one of six ways."""
    reviews = load_corpus().reviews
    bad = [
        b'{"text": 5}',
        b'{"text": ""}',
        b'{"text": "xyzzy"}',
        b'{"text": "\xff"}',
        b'{"te',
        b"[]",
    ]
    with path.open("wb") as file:
        for number in range(rows):
            text = reviews[number * 7 % len(reviews)].text
            line = json.dumps({"id": number, "text": text}, ensure_ascii=False).encode()
            file.write((bad[number // 20 % 6] if number % 20 == 13 else line) + b"\n")


def start(source: Path, output: Path) -> "subprocess.Popen[bytes]":
    """The command in a process group of its own, as a terminal would start it."""
    command = [sys.executable, "-m", "captum_rnn", "attribute", str(source)]
    command += ["--output", str(output)]
    command += ["--format", "jsonl", "--id-column", "id", "--rows-per-part", str(ROWS_PER_PART)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def contents(output: Path) -> dict[str, bytes]:
    """Every part by name."""
    return {path.name: path.read_bytes() for path in (output / "parts").iterdir()}


def kill(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to the command itself; its workers find out for themselves."""
    process.kill()


def interrupt(process: "subprocess.Popen[bytes]") -> None:
    """What Ctrl-C does: SIGINT to the whole group."""
    os.killpg(process.pid, signal.SIGINT)


def kill_worker(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to one of the processes that explain, which are children of a child."""
    workers = [worker for child in children(process.pid) for worker in children(child)]
    if workers:
        os.kill(random.choice(workers), signal.SIGKILL)


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    path = Path(f"/proc/{process}/task/{process}/children")
    try:
        return [int(number) for number in path.read_text().split()]
    except OSError:
        return []


class Trial:
    """Jobs on one corpus, disturbed until enough is seen."""

    def __init__(self, folder: Path, rows: int, seed: int) -> None:
        self.folder, self.rows = folder, rows
        self.moments = random.Random(seed)
        self.source = folder / "in.jsonl"
        write_rows(self.source, rows)
        began = time.perf_counter()
        process = start(self.source, folder / "undisturbed")
        _, error = process.communicate()
        if process.returncode:
            raise RuntimeError(error.decode())
        self.seconds = time.perf_counter() - began
        self.expected = contents(folder / "undisturbed")

    def run(
        self, disturb: Callable[["subprocess.Popen[bytes]"], None], times: int
    ) -> dict[str, Any]:
        """Disturbs jobs so many times at random moments, and compares what they come to."""
        found: Counter[str] = Counter()
        said: Counter[str] = Counter()
        output = self.folder / disturb.__name__
        with tqdm(total=times, desc=disturb.__name__) as progress:
            while True:
                process = start(self.source, output)
                if found["disturbances"] < times:
                    time.sleep(self.moments.uniform(0, self.seconds))
                if found["disturbances"] < times and process.poll() is None:
                    disturb(process)
                    found["disturbances"] += 1
                    progress.update()
                _, error = process.communicate()
                said[last_line(error)] += 1
                if process.returncode == 0:
                    found["jobs"] += 1
                    found["jobs with other rows"] += contents(output) != self.expected
                    if found["disturbances"] == times:
                        return {**found, "last line of standard error": said}
                    output = self.folder / f"{disturb.__name__}-{found['jobs']}"

    def together(self, times: int) -> dict[str, Any]:
        """Two commands on one new folder, the second at a random moment of the first."""
        found: Counter[str] = Counter()
        said: Counter[str] = Counter()
        for number in tqdm(range(times), desc="together"):
            output = self.folder / f"together-{number}"
            first = start(self.source, output)
            time.sleep(self.moments.uniform(0, self.seconds))
            both = [first, start(self.source, output)]
            errors = [process.communicate()[1] for process in both]
            said.update(map(last_line, errors))
            found["commands refused"] += sum(process.returncode == 2 for process in both)
            found["commands that finished"] += sum(process.returncode == 0 for process in both)
            found["pairs of which none finished"] += all(process.returncode for process in both)
            found["jobs with other rows"] += contents(output) != self.expected
        return {"pairs": times, **found, "last line of standard error": said}

    def full_disk(self) -> dict[str, Any]:
        """A disk that is too small, and then made larger."""
        disk = self.folder / "disk"
        disk.mkdir()
        small = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(disk)]
        if subprocess.run(small, capture_output=True).returncode:
            return {"left out": "no file system could be mounted"}
        try:
            process = start(self.source, disk / "out")
            _, error = process.communicate()
            status = process.returncode
            subprocess.run(["mount", "-o", f"remount,size={LARGE_DISK}", disk], check=True)
            process = start(self.source, disk / "out")
            process.communicate()
            same = process.returncode == 0 and contents(disk / "out") == self.expected
            return {
                "status": status,
                "said": last_line(error),
                "jobs with other rows": int(not same),
            }
        finally:
            subprocess.run(["umount", disk], check=True)


def last_line(error: bytes) -> str:
    """The last line of standard error, numbers left out, so that equal sentences count together."""
    lines = error.decode().splitlines() or ["(nothing)"]
    return "".join("#" if character.isdecimal() else character for character in lines[-1])


def main() -> None:
    """Disturbs, prints and saves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--together", type=int, default=50, help="pairs of commands")
    parser.add_argument("--rows", type=int, default=6_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("faults.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        trial = Trial(Path(name), options.rows, options.seed)
        random.seed(options.seed)
        results = {
            "rows": options.rows,
            "parts": len(trial.expected),
            "undisturbed_seconds": trial.seconds,
            "SIGKILL": trial.run(kill, options.kills),
            "SIGKILL of a worker": trial.run(kill_worker, options.kills // 3),
            "Ctrl-C": trial.run(interrupt, options.kills // 3),
            "two commands": trial.together(options.together),
            "full disk": trial.full_disk(),
        }
    print(json.dumps(results, indent=1, ensure_ascii=False))
    results |= {
        "seed": options.seed,
        "date": date.today().isoformat(),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
    }
    write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", options.output)
    print(f"saved to {options.output}")


if __name__ == "__main__":
    main()
