"""Small corpora with every kind of row, and what a job has made of them."""

import csv
import itertools
import json
import os
import sys

from captum_rnn.cli import main
from captum_rnn.jobs.processes import start_method

STARTS = ["很", "非常", "不", "书", "酒店", "早餐"]
ENDS = ["好", "差", "的", "，好", "，不好", "。"]


def texts(count):
    """Short reviews, some empty, some of unknown words, some too long to be read whole."""
    pairs = itertools.cycle(itertools.product(STARTS, ENDS))
    for number, (start, end) in zip(range(count), pairs, strict=False):
        if number % 11 == 3:
            yield ""
        elif number % 13 == 5:
            yield "xyzzy"
        else:
            yield f"{start}{end}" * (1 + number % 7)


def write_csv(path, count):
    """A CSV file of such reviews, with ids."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows((f"id-{number}", text) for number, text in enumerate(texts(count)))
    return path


def parts_of(folder):
    """The content of each part in an output folder."""
    return {path.name: path.read_bytes() for path in (folder / "parts").iterdir()}


def rows_of(folder):
    """All rows of an output folder in JSON Lines, in the order of the parts."""
    return [
        json.loads(line)
        for path in sorted((folder / "parts").iterdir())
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def start(error, *arguments):
    """`captum-rnn attribute` in a process and a group of its own, its standard error in a file.

    The process is forked from the one that forks the workers of jobs, so that it has imported the
    package already: a fresh interpreter takes seconds to do so.
    """
    argv = ["attribute", *map(str, arguments)]
    process = start_method().Process(target=_command, args=(str(error), argv))
    process.start()
    return process


def _command(error, argv):
    os.setsid()
    sys.stderr = sys.stdout = open(error, "w", encoding="utf-8", buffering=1)  # noqa: SIM115
    sys.exit(main(argv))
