"""`captum-rnn attribute`: scores every text of files."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from captum_rnn.cli.options import (
    add_method,
    add_model,
    at_least,
    method_named,
    say_methods,
)
from captum_rnn.cli.output import say

if TYPE_CHECKING:
    from captum_rnn.cli.options import Subparsers
    from captum_rnn.jobs.attribute import Summary


def add_parser(subparsers: "Subparsers") -> None:
    """Adds `attribute` to the commands of a parser."""
    parser = subparsers.add_parser(
        "attribute",
        help="score every text of files",
        description="Classifies and scores every row of files and writes the results in parts. "
        "Rerun an interrupted command to resume: finished parts are kept.",
    )
    parser.add_argument(
        "inputs",
        nargs="+",
        metavar="INPUT",
        help="CSV, TSV, JSON Lines or Parquet files, or folders of them; .gz but for Parquet",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="output folder"
    )
    _add_what(parser)
    _add_where(parser)
    parser.set_defaults(run=run)


def _add_what(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--text-column",
        default="text",
        metavar="NAME",
        help="column of the texts (default: %(default)s)",
    )
    parser.add_argument("--id-column", metavar="NAME", help="column of ids (default: none)")
    parser.add_argument(
        "--quoted-tsv",
        action="store_true",
        help="fields of TSV files may stand in quotes, as those of CSV files",
    )
    add_method(parser, "attribution method, see --list-methods")
    parser.add_argument(
        "--list-methods",
        action=_ListMethods,
        nargs=0,
        help="list the methods, one per line, and exit",
    )
    parser.add_argument(
        "--calibration", metavar="FILE", help="calibration file of the method calibrated-delta"
    )
    add_model(parser)
    parser.add_argument(
        "--format",
        choices=["jsonl", "parquet"],
        default="jsonl",
        help="output format; parquet needs the extra parquet (default: %(default)s)",
    )
    parser.add_argument(
        "--restart", action="store_true", help="delete earlier results in the output folder"
    )


class _ListMethods(argparse.Action):
    """Lists the methods for whole corpora and exits, without the arguments of a job."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from captum_rnn.attr.named import NAMED_METHODS
        from captum_rnn.jobs.scoring import CALIBRATED

        methods = [(named.name, named.label, named.passes) for named in NAMED_METHODS.values()]
        say_methods([*methods, (CALIBRATED, "calibrated delta", "1, with --calibration")])
        parser.exit()


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rows-per-part",
        type=at_least(1),
        default=2_000,
        metavar="N",
        help="rows per output file, all in memory at once (default: %(default)s)",
    )
    parser.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="processes of this machine, or actors of a Ray cluster (default: %(default)s)",
    )
    parser.add_argument(
        "--workers",
        type=at_least(1),
        metavar="N",
        help="number of processes (default: one per core)",
    )
    parser.add_argument(
        "--ray-address",
        metavar="ADDRESS",
        help="Ray cluster, such as auto (default: one is started)",
    )
    parser.add_argument(
        "--device",
        default="cpu",
        help="device of the model on this machine, such as cuda (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    """Explains the rows of files: all options of `add_parser`.

    Raises:
        KeyboardInterrupt: With a sentence that says how to resume.
    """
    try:
        _attribute(options)
    except KeyboardInterrupt as interrupt:
        how = interrupt.args or ("rerun the same command to resume",)
        raise KeyboardInterrupt(*how) from None


def _attribute(options: argparse.Namespace) -> None:
    from captum_rnn.jobs.processes import import_ahead

    if options.engine == "local":
        import_ahead()
    from captum_rnn.attr.named import AUTO
    from captum_rnn.jobs.attribute import Engine, attribute_files
    from captum_rnn.jobs.inputs import Columns
    from captum_rnn.text.pipeline import TextClassifier

    method = options.method
    if method == AUTO:
        method = method_named(method, TextClassifier.load(options.model).model)
    summary = attribute_files(
        options.inputs,
        options.output,
        model=options.model,
        method=method,
        calibration=options.calibration,
        columns=Columns(options.text_column, options.id_column, options.quoted_tsv),
        format=options.format,
        rows_per_part=options.rows_per_part,
        engine=Engine(options.engine, options.workers, options.ray_address),
        device=options.device,
        restart=options.restart,
        show_progress=sys.stderr.isatty(),
    )
    say(f"{summary_text(summary)}\nwritten: {options.output}")


def summary_text(summary: "Summary") -> str:
    """What a job came to, in lines for a terminal."""
    from captum_rnn.jobs.rows import INVALID_UTF8

    counts = dict(summary.counts)
    cut = counts.pop("cut", 0)
    errors = ", ".join(f"{kind} {number}" for kind, number in sorted(counts.items()))
    seconds = ", ".join(f"{what} {value:.1f}" for what, value in summary.seconds.items())
    lines = [
        f"rows in: {summary.rows_in}, rows out: {summary.rows_out}",
        f"errors: {errors or 'none'}",
        f"truncated texts: {cut}",
    ]
    if INVALID_UTF8 in counts:
        lines.insert(2, "  save the files as UTF-8, e.g. with iconv -f GB18030 -t UTF-8")
    if summary.rows_before:
        lines.insert(1, f"of these, from an earlier run: {summary.rows_before}")
    if summary.deaths:
        lines.append(f"workers that died and were replaced: {summary.deaths}")
    if seconds:
        lines.append(f"CPU seconds: {seconds}")
    return "\n".join(lines)
