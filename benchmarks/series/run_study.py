"""The grid on series: kinds of layers × tasks and recorded series × seeds, with confirmed claims.

Seed 0 is the one that choices may be made on. The claims are read off the other seeds, which no
choice has seen. Prints one line for each network and a summary over them.

    python benchmarks/series/run_study.py [--vowels FOLDER] [--kinds gru lstm] [--seeds 1 2 3]
    python benchmarks/series/run_study.py --tint --tasks spike state --kinds gru --series 30
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.series.tables import (
    means_table,
    networks_table,
    prototypes_table,
    summary_table,
)
from benchmarks.series.watch import NAME as WATCH
from benchmarks.series.watch import watch_network
from captum_rnn.benchmark.series import (
    SERIES_METHODS,
    SeriesComparison,
    SeriesMethod,
    SeriesResult,
    compare_networks,
)
from captum_rnn.benchmark.series.networks import SERIES_KINDS
from captum_rnn.benchmark.series.report import tables_text

FOLDER = Path(__file__).parent


def keep_what_tables_need(result: SeriesResult) -> None:
    """Leaves all means, and series by series the measure that methods are ranked by."""
    result.examples = []
    for method in result.methods.values():
        numbers = method.per_text.get(result.key, [])
        method.per_text = {result.key: [round(number, 6) for number in numbers]} if numbers else {}


def with_tint() -> tuple[SeriesMethod, ...]:
    """The methods of `time_interpret`, and some of the study's that they are held against."""
    from benchmarks.series.tint_methods import tint_methods

    beside = ("deep_lift", "relevance", "integrated_gradients", "occlusion", "magnitude", "random")
    return (*tint_methods(), *(m for m in SERIES_METHODS if m.name in beside))


def of_grid(comparison: SeriesComparison) -> str:
    """All tables of the grid."""
    tables = (networks_table, means_table, summary_table, prototypes_table)
    return "\n\n".join(table(comparison) for table in tables)


def main() -> None:
    """Runs the grid, resumes what is kept, and writes results and tables next to this file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", default=list(SERIES_KINDS), choices=SERIES_KINDS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3])
    parser.add_argument("--tasks", nargs="+", help="names of tasks and recordings; default: all")
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--vowels", type=Path, help="folder of JapaneseVowels' .ts files")
    parser.add_argument("--watch", type=Path, help="folder of seglearn's watch_dataset.npy")
    parser.add_argument(
        "--work", type=Path, default=Path("series-work"), help="keeps what is finished"
    )
    parser.add_argument("--output", type=Path, help="default: next to this file")
    parser.add_argument("--tint", action="store_true", help="with the methods of time_interpret")
    parser.add_argument("--tables-only", action="store_true", help="of the results that are there")
    options = parser.parse_args()
    output = options.output or FOLDER / ("tint.json" if options.tint else "results.json")
    if options.tables_only:
        comparison = SeriesComparison.load(output)
    else:
        torch.set_num_threads(1)
        comparison = compare_networks(
            options.kinds,
            options.seeds,
            tasks=options.tasks,
            series=options.series,
            methods=with_tint() if options.tint else SERIES_METHODS,
            vowels=options.vowels,
            recorded={WATCH: partial(watch_network, folder=options.watch)},
            folder=options.work / "tint" if options.tint else options.work,
            show_progress=True,
        )
        for result in comparison.results:
            keep_what_tables_need(result)
        comparison.to_json(output)
    text = tables_text(comparison) if options.tint else of_grid(comparison)
    output.with_name("tint.txt" if options.tint else "tables.txt").write_text(
        text + "\n", encoding="utf-8"
    )
    print(text)


if __name__ == "__main__":
    main()
