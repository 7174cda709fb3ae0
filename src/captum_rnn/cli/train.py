"""`captum-rnn train`: trains a classifier."""

import argparse
import sys
from typing import TYPE_CHECKING

from captum_rnn.cli.options import add_corpus, add_output, add_seed, at_least
from captum_rnn.cli.output import say

if TYPE_CHECKING:
    from captum_rnn.cli.options import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Adds `train` to the commands of a parser."""
    parser = subparsers.add_parser(
        "train",
        help="train a classifier",
        description="Trains a classifier on 80 % of the distinct texts of a corpus and prints its "
        "accuracy on held-out texts.",
    )
    add_corpus(parser)
    parser.add_argument(
        "--kind",
        choices=["lstm", "gru", "rnn"],
        default="lstm",
        help="layer (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=at_least(1),
        default=5,
        metavar="N",
        help="passes over the training texts (default: %(default)s)",
    )
    add_seed(parser)
    add_output(parser, "captum-rnn-model", "output folder of the trained model")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Trains a classifier: `corpus`, `kind`, `epochs`, `seed`, `output`."""
    from captum_rnn.files import prepare_output
    from captum_rnn.text import training
    from captum_rnn.text.corpus_files import load_corpus
    from captum_rnn.text.storage import refuse_other_files

    refuse_other_files(options.output)
    corpus = load_corpus(options.corpus)
    prepare_output(options.output)
    settings = training.TrainingSettings(
        kind=options.kind, epochs=options.epochs, seed=options.seed
    )
    classifier = training.train(corpus, settings, show_progress=sys.stderr.isatty())
    classifier.save(options.output)
    held_out = classifier.trained_on["held_out"]
    say(
        f"held-out accuracy {held_out['accuracy']:.3f} (95 % interval {held_out['low']:.3f}-"
        f"{held_out['high']:.3f}, {held_out['texts']} texts)\nwritten: {options.output}"
    )
