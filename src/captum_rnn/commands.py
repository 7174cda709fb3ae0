"""What each command of `captum-rnn` does: it calls the library and prints.

What a command needs is imported when it runs, so that `captum-rnn --help` answers at once.
"""

import io
import itertools
import json
import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator

_TEXTS_AT_ONCE = 32


def explain(options: Namespace) -> None:
    """Explains texts: `texts`, `method`, `model`, `json`, `html`."""
    from captum_rnn.benchmark.methods import find_methods
    from captum_rnn.benchmark.subject import explained_model
    from captum_rnn.files import prepare_file, write_text
    from captum_rnn.text.pipeline import TextClassifier
    from captum_rnn.visualization.html import legend_html, page

    (method,) = find_methods([options.method])
    if options.html:
        prepare_file(options.html)
    classifier = TextClassifier.load(options.model)
    model = explained_model(classifier.model)
    explanations = (
        explanation
        for texts in _batches(options.texts or _standard_input())
        for explanation in classifier.explain(
            texts, lambda _, ids, target: method(model, ids, target), method.label
        )
    )
    if options.html:
        articles = [
            f'<article class="example">{explanation.to_html()}</article>'
            for explanation in explanations
        ]
        key = ("against the class", "for the class") if method.class_aware else ()
        head = ["<h1>Explained texts</h1>", legend_html(*key)]
        write_text(page("Explained texts", "\n".join([*head, *articles])), options.html)
        print(f"written: {options.html}")
        return
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns
    for number, explanation in enumerate(explanations):
        if options.json:
            print(json.dumps(explanation.to_dict(), ensure_ascii=False, allow_nan=False))
        else:
            print("\n" * (number > 0) + explanation.to_text(colour=colour, width=width))


def train(options: Namespace) -> None:
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
    classifier = training.train(corpus, settings, progress=sys.stderr.isatty())
    classifier.save(options.output)
    held_out = classifier.trained_on["held_out"]
    print(
        f"held-out accuracy {held_out['accuracy']:.3f} (95 % interval {held_out['low']:.3f}-"
        f"{held_out['high']:.3f}, {held_out['texts']} texts)\nwritten: {options.output}"
    )


def compare(options: Namespace) -> None:
    """Compares methods: `texts`, `methods`, `marks`, `known_answers` … and the common options."""
    from captum_rnn.benchmark.blocks import remove_blocks
    from captum_rnn.benchmark.findings import headline
    from captum_rnn.benchmark.full_comparison import full_comparison
    from captum_rnn.benchmark.marked_texts import read_marked_texts
    from captum_rnn.benchmark.methods import ALL_METHODS, QUICK_METHODS, find_methods
    from captum_rnn.benchmark.report import report_html
    from captum_rnn.benchmark.shuffled_labels import shuffled_twin
    from captum_rnn.benchmark.table import table_text
    from captum_rnn.files import prepare_output, write_json, write_text
    from captum_rnn.text.corpus_files import load_corpus
    from captum_rnn.text.pipeline import TextClassifier
    from captum_rnn.text.split import held_out_reviews

    named = {"quick": QUICK_METHODS, "all": ALL_METHODS}
    marked = read_marked_texts(options.marks) if options.marks else None
    classifier = TextClassifier.load(options.model)
    corpus, progress = load_corpus(options.corpus), sys.stderr.isatty()
    reviews = held_out_reviews(classifier.trained_on, corpus)
    folder = prepare_output(options.output)
    methods = named.get(options.methods) or [n.strip() for n in options.methods.split(",")]
    find_methods(methods)  # a wrong name is told before a training
    twin = shuffled_twin(classifier, corpus, progress=progress) if options.shuffled_labels else None
    results = full_comparison(
        classifier,
        reviews,
        texts=options.texts,
        methods=methods,
        marked=marked,
        white_box=options.known_answers,
        twin=twin,
        seed=options.seed,
        folder=folder,
        progress=progress,
    )
    write_json(results, folder / "results.json")
    write_text(report_html(results), folder / "report.html")
    if options.figures:
        from captum_rnn.benchmark.figures import save_figures

        save_figures(results, folder / "figures")
    remove_blocks(folder)
    print(f"{table_text(results)}\n\n{headline(results)}\n\nreport: {folder / 'report.html'}")


def _standard_input() -> Iterator[str]:
    """The lines of standard input without their ends; a byte order mark is no text."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")
    if sys.stdin.isatty():
        print("captum-rnn: reading one text a line; Ctrl-D ends", file=sys.stderr)
    empty = True
    try:
        for line in sys.stdin:
            empty = False
            yield line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ValueError(
            "standard input is not UTF-8; convert it, e.g. with iconv -f GB18030 -t UTF-8"
        ) from error
    if empty:
        raise ValueError(
            "there is no text to explain; give one as an argument or one a line on standard input"
        )


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    """Lists of texts, so that a long input is explained as it is read."""
    rest = iter(texts)
    while batch := list(itertools.islice(rest, _TEXTS_AT_ONCE)):
        yield batch
