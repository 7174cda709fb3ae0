"""Every choice that the hidden-state delta leaves open, on three kinds of model in two languages.

An LSTM, an LSTM of two directions and two layers of GRU whose states are averaged, each on the same
100 reviews that it was not trained on. The classifiers are trained on demand and kept in the cache.
The figure shows those of the first corpus.

    python benchmarks/ablation/run_study.py [--texts 100] [--kinds lstm bilstm gru2-mean]
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # where `benchmarks` is

from benchmarks.ablation.tables import json_text, tables
from benchmarks.reviews.subjects import CORPORA, recipes, unseen_reviews
from captum_rnn.benchmark import ablate
from captum_rnn.benchmark.ablation.figure import ablation_figure
from captum_rnn.benchmark.ground_truth.tasks.kinds import KINDS
from captum_rnn.files import write_bytes, write_text
from captum_rnn.visualization.figure import drawing, figure_bytes

HERE = Path(__file__).parent


def main() -> None:
    """Runs the grid on each classifier, writes the figures and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument(
        "--kinds", nargs="+", default=["lstm", "bilstm", "gru2-mean"], choices=KINDS
    )
    parser.add_argument("--corpora", nargs="+", default=list(CORPORA), choices=CORPORA)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    parser.add_argument("--figure", type=Path, default=HERE / "ablation.png")
    parser.add_argument("--tables", type=Path, default=HERE / "tables.txt")
    options = parser.parse_args()
    results = {}
    for recipe in recipes(options.kinds, options.corpora, seeds=[0]):
        classifier = recipe.load()
        results[recipe.name] = ablate(
            classifier, unseen_reviews(classifier), texts=options.texts, seed=options.seed
        )
        print(f"\n{recipe.name}: {results[recipe.name]}", flush=True)
    write_text(json_text(results), options.output)
    write_text(tables(results), options.tables)
    print(tables(results))
    drawn = {name: found for name, found in results.items() if options.corpora[0] in name}
    with drawing(*drawn):
        write_bytes(figure_bytes(ablation_figure(drawn), "png"), options.figure)


if __name__ == "__main__":
    main()
