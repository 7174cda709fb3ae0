"""What an import and a command cost: CPU seconds of whole processes, medians of interleaved runs.

    python benchmarks/speed/imports.py [--runs 9]

Prints each beside `import captum.attr`, measured in the same rounds.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys

_COMMANDS = {
    "import captum.attr": ["-c", "import captum.attr"],
    "import captum_rnn": ["-c", "import captum_rnn"],
    "import captum_rnn.attr": ["-c", "import captum_rnn.attr"],
    "captum-rnn --help": ["-m", "captum_rnn", "--help"],
    "captum-rnn explain, one sentence": ["-m", "captum_rnn", "explain", "服务很差"],
}
_COMPARED_WITH = "import captum.attr"


def cpu_seconds(arguments: list[str]) -> float:
    """User and system time of a Python process of its own, with one torch thread."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    seconds: dict[str, list[float]] = {name: [] for name in _COMMANDS}
    for round_number in range(runs + 1):
        for name, arguments in _COMMANDS.items():
            spent = cpu_seconds(arguments)
            if round_number:  # the first round reads files from the disk
                seconds[name].append(spent)
    medians = {name: statistics.median(spent) for name, spent in seconds.items()}
    for name, median in medians.items():
        ratio = median / medians[_COMPARED_WITH]
        print(f"{name:34} {median:5.2f} s of CPU  {ratio:5.2f} × {_COMPARED_WITH}")


if __name__ == "__main__":
    main()
