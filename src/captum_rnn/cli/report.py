"""`captum-rnn report`: summarises the scores of a corpus by word."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captum_rnn.cli.options import at_least
from captum_rnn.cli.output import say
from captum_rnn.extras import import_extra

if TYPE_CHECKING:
    from captum_rnn.cli.options import Subparsers


def add_parser(subparsers: "Subparsers") -> None:
    """Adds `report` to the commands of a parser."""
    parser = subparsers.add_parser(
        "report",
        help="summarise the scores of a corpus by word",
        description="Writes a page that ranks the words of each class by mean and by total score, "
        "with the texts in which each word matters most.",
    )
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER", help="the output of captum-rnn attribute"
    )
    parser.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="page to write (default: words.html in the current folder)",
        default=Path("words.html"),
    )
    parser.add_argument(
        "--words",
        type=at_least(1),
        default=300,
        metavar="N",
        help="number of words per class and ranking (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Writes the page of a corpus: `folder`, `html`, `words`."""
    import_extra("scipy", "benchmark", "captum-rnn report")
    from captum_rnn.files import prepare_file, write_text
    from captum_rnn.jobs.report import report_html

    prepare_file(options.html)
    html = report_html(options.folder, words=options.words, show_progress=sys.stderr.isatty())
    write_text(html, options.html)
    say(f"written: {options.html}")
