"""Trains the classifiers that methods are compared on, and prints how accurate they are.

Five kinds of recurrent classifier on two corpora, beside logistic regression on bags of words; an
LSTM of each corpus trained on shuffled labels; small networks on tasks whose right explanation is
known. What the cache holds already is not trained again; see captum_rnn.benchmark.cache.

    python benchmarks/reviews/train_subjects.py [--seeds 0 1] [--only subjects|tasks]
"""

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.reviews.bag_of_words import bag_of_words_accuracy
from benchmarks.reviews.subjects import CORPORA, Recipe, recipes
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.ground_truth.tasks import RULES
from captum_rnn.benchmark.ground_truth.tasks.kinds import Kind
from captum_rnn.benchmark.ground_truth.tasks.networks import task_network
from captum_rnn.files import write_text

TASK_KINDS: tuple[Kind, ...] = ("rnn", "lstm", "gru")


def subjects(seeds: list[int]) -> list[dict[str, Any]]:
    """Trains the classifiers of reviews, one after another."""
    wanted = [*recipes(seeds=seeds), *(Recipe("lstm", c, 0, True) for c in CORPORA)]
    entries = []
    for recipe in wanted:
        record = recipe.load().trained_on
        entries.append({"name": recipe.name, "held_out": record["held_out"]})
        print(f"{recipe.name:32} {shown(record['held_out'])}", flush=True)
    for corpus in CORPORA:
        accuracy = bag_of_words_accuracy(Recipe("lstm", corpus)).to_dict()
        entries.append({"name": f"bag of words, {corpus}", "held_out": accuracy})
        print(f"{entries[-1]['name']:32} {shown(accuracy)}", flush=True)
    return entries


def tasks(seeds: list[int]) -> list[dict[str, Any]]:
    """Trains the models of the tasks with known answers."""
    entries = []
    for task in RULES.values():
        for kind in TASK_KINDS:
            for seed in seeds:
                record = task_network(task, kind, seed).trained_on
                name = f"{task.name}-{kind}-{seed}"
                entries.append(
                    {"name": name} | {key: record[key] for key in ("fresh", "solved", "steps")}
                )
                verdict = "solved" if record["solved"] else "NOT solved"
                print(
                    f"{name:32} {shown(record['fresh'])}, {verdict} in {record['steps']} steps",
                    flush=True,
                )
    return entries


def shown(accuracy: dict[str, Any]) -> str:
    """An accuracy with its 95 % interval."""
    return f"{accuracy['accuracy']:.3f} ({accuracy['low']:.3f}-{accuracy['high']:.3f})"


def main() -> None:
    """Trains, prints and saves the accuracies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--only", choices=["subjects", "tasks"])
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("subjects.json"))
    options = parser.parse_args()
    content: dict[str, Any] = {
        "date": date.today().isoformat(),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
    }
    if options.only != "subjects":
        content["tasks"] = tasks(options.seeds)
    if options.only != "tasks":
        content["subjects"] = subjects(options.seeds)
    write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", options.output)
    print(f"saved to {options.output}")


if __name__ == "__main__":
    main()
