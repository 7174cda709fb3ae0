"""What a layer still knows of each word: four studies of the word-information measure.

1. Four kinds of sentiment classifier, layer by layer: where is each word forgotten?
2. An encoder-decoder that writes sequences backwards: what does each step's state still know?
3. How smoothly does the measure go over layers, against gradient and perturbation?
4. Beside the hidden-state deltas: what do they credit that the state has not kept?

Before them, how near few steps come to a converged search, and what a text costs against the
authors' way.

    python benchmarks/word_information/run_study.py [--texts 40]
"""

import argparse
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.word_information.agreement import agreement, dense
from benchmarks.word_information.claims import claims
from benchmarks.word_information.deltas import beside_deltas
from benchmarks.word_information.figures import draw_all
from benchmarks.word_information.hub import hub_subject
from benchmarks.word_information.layers import ask_layers, coherence, forgetting
from benchmarks.word_information.reverse import ask_steps, separation, train_reverser
from benchmarks.word_information.subjects import load_texts, train_subjects
from benchmarks.word_information.tables import tables
from captum_rnn.attr.noise_search import NoiseSearch
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.files import write_json, write_text
from captum_rnn.text import TextClassifier, load_corpus
from captum_rnn.text.split import held_out_reviews, split_corpus

HERE = Path(__file__).parent


def main() -> None:
    """Runs the studies, prints their tables, draws their figures and saves the results."""
    options = parsed()
    start, computed = time.perf_counter(), time.process_time()
    search = NoiseSearch(max_steps=options.steps, pairs=1, tolerance=0.02, seed=options.seed)
    results = described(options)

    texts = load_texts(options.training_texts, options.texts, options.seed)
    subjects = train_subjects(texts, options.epochs, options.pretraining_epochs, options.seed)
    if options.bert is not None:
        subjects.append(hub_subject(options.bert, texts))
    measured = ask_layers(subjects, search)
    results["accuracy"] = {s.name: s.accuracy.to_dict() for s in subjects if s.accuracy}
    results["layers"] = {s.name: forgetting(s, measured[s.name]) for s in subjects}
    results["coherence"] = {name: coherence(stages) for name, stages in measured.items()}

    reverser, right = train_reverser(options.reverse_steps, options.seed)
    steps = ask_steps(reverser, options.texts, search, options.seed)
    results["reverse"] = {name: separation(maps, name) for name, maps in steps.items()}
    results["reverse"]["symbols_right"] = right

    classifier = TextClassifier.load()
    fit, ids = shipped_texts(classifier)
    results["deltas"] = beside_deltas(classifier, fit, dense(ids, 8, 40, 3 * options.texts), search)
    points = results["deltas"].pop("points")
    results["agreement"] = agreement(
        classifier.model,
        fit,
        # The first twelve are those that the constants of the search were chosen on.
        dense(ids, 10, 30, 12 + options.agreement_texts)[12:],
        converged_steps=options.converged_steps,
        authors_texts=options.authors_texts,
        authors_steps=options.authors_steps,
    )
    results["claims"] = claims(results)
    results["minutes"] = round((time.perf_counter() - start) / 60, 1)
    results["processor_minutes"] = round((time.process_time() - computed) / 60, 1)
    write_json(results, options.output)
    write_text(tables(results), options.figures / "tables.txt")
    print(tables(results))
    draw_all(options.figures, subjects, measured, results["layers"], steps, points)
    print(f"\nsaved to {options.output} and {options.figures}, {results['minutes']} minutes")


def parsed() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=32, help="texts asked about in each study")
    parser.add_argument("--steps", type=int, default=20, help="most steps of a search")
    parser.add_argument("--training-texts", type=int, default=8000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--pretraining-epochs", type=int, default=3)
    parser.add_argument("--reverse-steps", type=int, default=1500)
    parser.add_argument("--agreement-texts", type=int, default=12)
    parser.add_argument("--converged-steps", type=int, default=5000)
    parser.add_argument("--authors-texts", type=int, default=3)
    parser.add_argument("--authors-steps", type=int, default=5000)
    parser.add_argument("--bert", help="a BERT classifier in the hub's format, by path or name")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--figures", type=Path, default=HERE, help="folder of the figures and tables"
    )
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    return parser.parse_args()


def described(options: argparse.Namespace) -> dict[str, Any]:
    """What the figures were measured on and with."""
    return {
        "date": date.today().isoformat(),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
        "options": {
            name: value for name, value in vars(options).items() if not isinstance(value, Path)
        },
    }


def shipped_texts(classifier: TextClassifier) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids of training and of held-out texts of the shipped classifier."""
    corpus = load_corpus().distinct()
    seed = classifier.trained_on["split_seed"]
    training = [review.text for review in split_corpus(corpus, seed=seed).train[:512]]
    held_out = [review.text for review in held_out_reviews(classifier.trained_on, corpus)]
    fit = classifier.encode(training).ids
    return fit[(fit != 0).any(1)], classifier.encode(held_out).ids


if __name__ == "__main__":
    main()
