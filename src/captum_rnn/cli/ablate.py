"""`captum-rnn ablate`: compares all variants of the hidden-state delta."""

import argparse
import sys
from typing import TYPE_CHECKING

from captum_rnn.cli.options import add_corpus, add_model, add_output, add_seed, at_least
from captum_rnn.cli.output import say
from captum_rnn.extras import import_extra

if TYPE_CHECKING:
    from captum_rnn.cli.options import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Adds `ablate` to the commands of a parser."""
    parser = subparsers.add_parser(
        "ablate",
        help="compare all variants of the hidden-state delta",
        description="Scores held-out texts under every combination of distance, readout, state, "
        "layer, direction, normalisation, initial state and embedding treatment, measures how "
        "faithful each one is, and writes ablation.json, ablation.png and ablation.svg.",
    )
    parser.add_argument(
        "--texts",
        type=at_least(2),
        default=100,
        metavar="N",
        help="number of held-out texts to explain (default: %(default)s)",
    )
    add_model(parser)
    add_corpus(parser)
    add_seed(parser)
    add_output(parser, "captum-rnn-ablation", "output folder")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Measures the grid: all options of `add_parser`."""
    import_extra("scipy", "benchmark", "captum-rnn ablate")
    from captum_rnn.benchmark.ablation.figure import ablation_figure
    from captum_rnn.benchmark.ablation.run import ablate
    from captum_rnn.files import prepare_output, write_bytes
    from captum_rnn.text.corpus_files import load_corpus
    from captum_rnn.text.pipeline import TextClassifier
    from captum_rnn.text.split import held_out_reviews
    from captum_rnn.visualization.figure import drawing, figure_bytes

    folder = prepare_output(options.output)
    classifier = TextClassifier.load(options.model)
    reviews = held_out_reviews(classifier.trained_on, load_corpus(options.corpus))
    ablation = ablate(
        classifier,
        reviews,
        texts=options.texts,
        seed=options.seed,
        show_progress=sys.stderr.isatty(),
    )
    ablation.to_json(folder / "ablation.json")
    name = options.model.name if options.model else "shipped classifier"
    with drawing(name):
        figure = ablation_figure({name: ablation})
        write_bytes(figure_bytes(figure, "png"), folder / "ablation.png")
        write_bytes(figure_bytes(figure, "svg"), folder / "ablation.svg")
    say(f"{ablation}\n\nwritten: {folder}")
