"""`captum-rnn compare`: compares attribution methods on one classifier."""

import argparse
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captum_rnn.cli.options import add_corpus, add_model, add_output, add_seed, at_least
from captum_rnn.cli.output import say
from captum_rnn.extras import import_extra

if TYPE_CHECKING:
    from captum_rnn.cli.options import Subparsers


_TEXTS, _SERIES = 200, 100
_NETWORKS = "unfinished-series"


def add_parser(subparsers: "Subparsers") -> None:
    """Adds `compare` to the commands of a parser."""
    parser = subparsers.add_parser(
        "compare",
        help="compare attribution methods on one classifier",
        description="Runs several methods on held-out texts, measures how faithful each one is and "
        "what it costs, and writes report.html and results.json. Rerun an interrupted command to "
        "resume.",
    )
    parser.add_argument(
        "--texts",
        type=at_least(1),
        metavar="N",
        help="number of held-out texts, or of series of each network (default: 200 texts, 100 "
        "series)",
    )
    parser.add_argument(
        "--methods",
        default="quick",
        metavar="NAMES",
        help="quick (one of each kind), all, or names separated by commas; captum-rnn explain "
        "--list-methods lists them (default: %(default)s)",
    )
    parser.add_argument(
        "--marks",
        type=Path,
        metavar="FILE",
        help="texts with opinion words marked by people: JSON lines with text and spans, or a "
        "treebank in bracket format",
    )
    parser.add_argument(
        "--figures", action="store_true", help="also write figures for a paper, as PNG and SVG"
    )
    parser.add_argument(
        "--known-answers",
        action="store_true",
        help="also run tasks with known answers, on small models, trained on first use",
    )
    parser.add_argument(
        "--shuffled-labels",
        action="store_true",
        help="also run the data randomisation test: compare with the same model on shuffled "
        "labels, trained on first use",
    )
    parser.add_argument(
        "--series",
        action="store_true",
        help="compare on multivariate series instead: tasks with known cells and JapaneseVowels, "
        "on small models, trained on first use",
    )
    parser.add_argument(
        "--vowels",
        type=Path,
        metavar="FOLDER",
        help="with --series: where the .ts files of JapaneseVowels are (default: in the package "
        "aeon, which pip install --no-deps aeon brings)",
    )
    add_seed(parser)
    add_model(parser)
    add_corpus(parser)
    add_output(parser, "captum-rnn-report", "output folder; rerun the same command to resume")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Compares methods: `texts`, `methods`, `marks`, `known_answers` … and the common options."""
    import_extra("scipy", "benchmark", "captum-rnn compare")
    if options.series:
        _compare_on_series(options)
        return
    from captum_rnn.benchmark.checkpoint import remove_checkpoint
    from captum_rnn.benchmark.ground_truth.marks_files import read_marked_texts
    from captum_rnn.benchmark.methods import ALL_METHODS, QUICK_METHODS, find_methods
    from captum_rnn.benchmark.report.findings import headline
    from captum_rnn.benchmark.reviews import compare_reviews
    from captum_rnn.benchmark.shuffled_labels import model_on_shuffled_labels
    from captum_rnn.files import prepare_output
    from captum_rnn.text.corpus_files import load_corpus
    from captum_rnn.text.pipeline import TextClassifier
    from captum_rnn.text.split import held_out_reviews

    named = {"quick": QUICK_METHODS, "all": ALL_METHODS}
    marked = read_marked_texts(options.marks) if options.marks else ()
    classifier = TextClassifier.load(options.model)
    corpus, progress = load_corpus(options.corpus), sys.stderr.isatty()
    reviews = held_out_reviews(classifier.trained_on, corpus)
    folder = prepare_output(options.output)
    methods = named.get(options.methods) or [n.strip() for n in options.methods.split(",")]
    find_methods(methods)  # a wrong name is told before a training
    twin = None
    if options.shuffled_labels:
        twin = model_on_shuffled_labels(classifier, corpus, show_progress=progress)
    comparison = compare_reviews(
        classifier,
        reviews,
        texts=options.texts or _TEXTS,
        methods=methods,
        marked=marked,
        known_answers=options.known_answers,
        shuffled_labels=twin,
        seed=options.seed,
        folder=folder,
        show_progress=progress,
    )
    comparison.to_json(folder / "results.json")
    comparison.to_html(folder / "report.html")
    if options.figures:
        from captum_rnn.benchmark.report.figure_files import save_figures

        save_figures(comparison, folder / "figures")
    remove_checkpoint(folder)
    say(f"{comparison}\n\n{headline(comparison)}\n\nreport: {folder / 'report.html'}")


def _compare_on_series(options: argparse.Namespace) -> None:
    """Compares methods on series: `texts`, `vowels`, `seed` and `output`."""
    from captum_rnn.benchmark.series import compare_networks
    from captum_rnn.benchmark.series.report import headline, report_html, tables_text
    from captum_rnn.files import prepare_output, write_text

    folder = prepare_output(options.output)
    comparison = compare_networks(
        series=options.texts or _SERIES,
        vowels=options.vowels,
        seed=options.seed,
        folder=folder / _NETWORKS,
        show_progress=sys.stderr.isatty(),
    )
    comparison.to_json(folder / "series.json")
    write_text(report_html(comparison), folder / "series.html")
    shutil.rmtree(folder / _NETWORKS, ignore_errors=True)
    say(f"{tables_text(comparison)}\n\n{headline(comparison)}\n\nreport: {folder / 'series.html'}")
