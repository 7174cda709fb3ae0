"""`captum-rnn explain`: scores the words of texts."""

import argparse
import io
import itertools
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from captum_rnn.cli.options import add_model
from captum_rnn.cli.output import complain, say, say_json

if TYPE_CHECKING:
    from captum_rnn.cli.options import Subparsers

_TEXTS_AT_ONCE = 32


def add_parser(subparsers: "Subparsers") -> None:
    """Adds `explain` to the commands of a parser."""
    parser = subparsers.add_parser(
        "explain",
        help="score the words of texts",
        description="Classifies texts and scores each word for the predicted class.",
    )
    parser.add_argument(
        "texts", nargs="*", metavar="TEXT", help="a text (else standard input, one text a line)"
    )
    parser.add_argument(
        "--method",
        default="hidden-state-delta-l2",
        metavar="NAME",
        help="attribution method, such as integrated-gradients; a wrong name lists them all "
        "(default: %(default)s)",
    )
    add_model(parser)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object a line")
    output.add_argument("--html", type=Path, metavar="FILE", help="write a coloured page to FILE")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
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
        say(f"written: {options.html}")
        return
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    width = shutil.get_terminal_size().columns
    for number, explanation in enumerate(explanations):
        if options.json:
            say_json(explanation.to_dict())
        else:
            # Its tokens are harmless already, its colours are meant.
            print("\n" * (number > 0) + explanation.to_text(colour=colour, width=width))


def _standard_input() -> Iterator[str]:
    """The lines of standard input without their ends; a byte order mark is no text."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="strict")
    if sys.stdin.isatty():
        complain("captum-rnn: reading one text a line; Ctrl-D ends")
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
