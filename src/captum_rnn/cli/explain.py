"""`captum-rnn explain`: scores the words of texts."""

import argparse
import io
import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from captum_rnn.cli.options import add_method, add_model, method_named, say_methods
from captum_rnn.cli.output import complain, say, say_json

if TYPE_CHECKING:
    from captum_rnn.benchmark.methods import Method
    from captum_rnn.cli.options import Subparsers
    from captum_rnn.text.explanation import Explanation
    from captum_rnn.text.pipeline import TextClassifier

_TEXTS_AT_ONCE = 32
_MOST_BACKGROUND_TEXTS = 640
_SECONDS_BEFORE_A_BAR = 2.0


def add_parser(subparsers: "Subparsers") -> None:
    """Adds `explain` to the commands of a parser."""
    parser = subparsers.add_parser(
        "explain",
        help="score the words of texts",
        description="Classifies texts and scores each word for the predicted class.",
    )
    parser.add_argument(
        "texts",
        nargs="*",
        metavar="TEXT",
        help="a text; without any, one text per line is read from standard input",
    )
    add_method(parser, "attribution method, see --list-methods")
    parser.add_argument(
        "--list-methods", action="store_true", help="list the methods, one per line, and exit"
    )
    parser.add_argument(
        "--target",
        metavar="CLASS",
        help="class to explain, such as positive (default: the predicted class of each text)",
    )
    parser.add_argument(
        "--background",
        metavar="CORPUS",
        help="texts for the methods that must be fitted, as for captum-rnn train --corpus "
        "(default: the corpus of the model, if it comes with the extra demo)",
    )
    add_model(parser)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object per line")
    output.add_argument("--html", type=Path, metavar="FILE", help="write a coloured page to FILE")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Explains texts: all options of `add_parser`."""
    from captum_rnn.attr.named import AUTO
    from captum_rnn.benchmark.methods import find_methods
    from captum_rnn.files import prepare_file
    from captum_rnn.text.pipeline import TextClassifier

    if options.list_methods:
        _print_methods()
        return
    classifier = None
    if options.method == AUTO:
        classifier = TextClassifier.load(options.model)
        options.method = method_named(options.method, classifier.model)
    (method,) = find_methods([options.method])
    if options.target and not method.class_aware:
        raise ValueError(
            f"{method.label} scores words without regard to the class, so --target changes "
            "nothing; choose another method, such as --method recurrent-deep-lift"
        )
    if options.html:
        prepare_file(options.html)
    classifier = classifier or TextClassifier.load(options.model)
    if method.learns:
        method = _fitted(method, classifier, options.background)
    explanations = _explanations(options, classifier, method)
    if options.html:
        _write_page(list(explanations), method, options.html)
    else:
        _print(explanations, options.json)


def _print_methods() -> None:
    from captum_rnn.benchmark.methods import METHODS

    say_methods(
        (name, method.label, method.passes + ", after fitting" * method.learns)
        for name, method in METHODS.items()
    )


def _fitted(method: "Method", classifier: "TextClassifier", named: str | None) -> "Method":
    """The method, fitted on at most 640 texts spread over a corpus."""
    from captum_rnn.benchmark.dataset import Dataset
    from captum_rnn.states.modes import evaluation_mode
    from captum_rnn.text.corpus_files import INSTALLED_CORPORA, load_corpus

    source = named or classifier.trained_on.get("corpus")
    if not named and source not in INSTALLED_CORPORA:
        raise ValueError(
            f"{method.label} must be fitted on background texts; give --background, such as the "
            "corpus that the model was trained on"
        )
    corpus = load_corpus(source).distinct()
    if corpus.language != classifier.language:
        raise ValueError(
            f"the background texts of {corpus.name} are {corpus.language}, but the model reads "
            f"{classifier.language}; give --background a corpus of that language"
        )
    step = -(-len(corpus) // _MOST_BACKGROUND_TEXTS)
    texts = [review.text for review in corpus.reviews[::step]]
    complain(f"captum-rnn: fitting {method.label} on {len(texts)} texts of {corpus.name}")
    background = Dataset.of(classifier, texts)
    with evaluation_mode(classifier.model):
        batches = [background.batch_ids(rows) for rows in background.batches()]
        return method.fit(background.model, batches)


def _explanations(
    options: argparse.Namespace, classifier: "TextClassifier", method: "Method"
) -> "Iterator[Explanation]":
    """The explanations; a slow method shows a bar on standard error if that is a terminal."""
    from tqdm import tqdm

    from captum_rnn.benchmark.dataset import explained_model
    from captum_rnn.benchmark.methods.perturbation_methods import PerturbationMethod

    model = explained_model(classifier.model)
    typing = not options.texts and sys.stdin.isatty()
    slow = isinstance(method, PerturbationMethod)  # and scores text by text anyway
    if slow and sys.stderr.isatty():
        complain(
            f"captum-rnn: {method.label} runs the model {method.passes} times for a text of n words"
        )
    with tqdm(
        total=len(options.texts) or None,
        unit=" texts",
        disable=typing or not sys.stderr.isatty(),
        delay=_SECONDS_BEFORE_A_BAR,
        leave=False,
    ) as bar:
        for texts in _batches(options.texts or _standard_input(), 1 if slow else _TEXTS_AT_ONCE):
            explained = classifier.explain(
                texts,
                lambda _, ids, target: method(model, ids, target),
                method.label,
                options.target,
            )
            bar.update(len(texts))
            bar.clear()
            yield from explained


def _write_page(explanations: "list[Explanation]", method: "Method", file: Path) -> None:
    from captum_rnn.files import write_text
    from captum_rnn.visualization.html import legend_html, page

    key = ("against the class", "for the class") if method.class_aware else ()
    parts = ["<h1>Explained texts</h1>", legend_html(*key)]
    parts += [f'<article class="example">{one.to_html()}</article>' for one in explanations]
    write_text(page("Explained texts", "\n".join(parts)), file)
    say(f"written: {file}")


def _print(explanations: "Iterable[Explanation]", as_json: bool) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, soft_wrap=True)
    for number, explanation in enumerate(explanations):
        if as_json:
            say_json(explanation.to_dict())
            continue
        # Its tokens are harmless already, its colours are meant. Rich itself would end the process
        # where the reader of a pipe goes away.
        with console.capture() as shown:
            console.print(explanation)
        print("\n" * (number > 0) + shown.get(), end="")


def _standard_input() -> Iterator[str]:
    """The lines of standard input without their ends; a byte order mark is no text."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")
    if sys.stdin.isatty():
        complain(
            "captum-rnn: reading one text per line from standard input; press Ctrl-D to finish"
        )
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
            "there is no text to explain; give one as an argument or one per line on standard input"
        )


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of texts, so that a long input is explained as it is read."""
    rest = iter(texts)
    while batch := list(itertools.islice(rest, size)):
        yield batch
