"""`captum-rnn compare`: compares attribution methods on one classifier."""

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captum_rnn.cli.options import add_corpus, add_model, add_output, add_seed, at_least
from captum_rnn.cli.output import complain, say
from captum_rnn.extras import import_extra
from captum_rnn.processes import import_ahead

if TYPE_CHECKING:
    from captum_rnn.benchmark import Comparison
    from captum_rnn.cli.options import Subparsers


_TEXTS, _SERIES = 100, 100
_PROCESSES = 2
_PRELOADED = ("captum_rnn.benchmark.reviews",)
_SECONDS = {1: 160, 2: 90}
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
        help="number of held-out texts, or of series of each network (default: 100)",
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
    import_ahead(_PRELOADED)
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
    on_shuffled = None
    if options.shuffled_labels:
        on_shuffled = model_on_shuffled_labels(classifier, corpus, show_progress=progress)
    texts = options.texts or _TEXTS
    workers = min(_PROCESSES, os.cpu_count() or 1)
    complain(f"captum-rnn: {_announcement(options, len(methods), texts, workers)}")
    comparison = compare_reviews(
        classifier,
        reviews,
        texts=texts,
        workers=workers,
        on_first=_show_first,
        methods=methods,
        marked=marked,
        known_answers=options.known_answers,
        shuffled_labels=on_shuffled,
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


def _announcement(options: argparse.Namespace, methods: int, texts: int, workers: int) -> str:
    """What is going to happen, and how long it takes where that is known."""
    what = f"{methods} methods on {texts} texts in {workers} process{'es' * (workers > 1)}"
    usual = options.methods == "quick" and not (options.texts or options.model or options.marks)
    if usual and not (options.known_answers or options.shuffled_labels):
        return f"{what}; a first table in about 30 s, all in about {_SECONDS[workers]} s"
    return f"{what}; it can be interrupted, and resumes when it is run again"


def _show_first(comparison: "Comparison") -> None:
    """Prints what is known of the methods that are not expensive, while the others run."""
    complain(f"{comparison}\n\ncaptum-rnn: a first table; slower methods are still at work")


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
