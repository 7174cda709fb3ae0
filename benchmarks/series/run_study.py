"""The grid on series: kinds of layers × tasks and recorded vowels × seeds, with confirmed claims.

Seed 0 is the one that choices may be made on. The claims are read off the other seeds, which no
choice has seen. Prints one line for each network and a summary over them.

    python benchmarks/series/run_study.py [--vowels FOLDER] [--kinds gru lstm] [--seeds 1 2 3]
"""

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.series.tables import means_table, networks_table, summary_table
from captum_rnn.benchmark.series import SeriesComparison, SeriesResult, compare_networks
from captum_rnn.benchmark.series.nets import SERIES_KINDS

FOLDER = Path(__file__).parent


def keep_what_tables_need(result: SeriesResult) -> None:
    """Leaves all means, and series by series the measure that methods are ranked by."""
    result.examples = []
    for method in result.methods.values():
        numbers = method.per_text.get(result.key, [])
        method.per_text = {result.key: [round(number, 6) for number in numbers]} if numbers else {}


def main() -> None:
    """Runs the grid, resumes what is kept, and writes results and tables next to this file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", default=list(SERIES_KINDS), choices=SERIES_KINDS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3])
    parser.add_argument("--series", type=int, default=100)
    parser.add_argument("--vowels", type=Path, help="folder of JapaneseVowels' .ts files")
    parser.add_argument(
        "--work", type=Path, default=Path("series-work"), help="keeps what is finished"
    )
    parser.add_argument("--output", type=Path, default=FOLDER / "results.json")
    parser.add_argument("--tables-only", action="store_true", help="of the results that are there")
    options = parser.parse_args()
    if options.tables_only:
        comparison = SeriesComparison.load(options.output)
    else:
        torch.set_num_threads(1)
        comparison = compare_networks(
            options.kinds,
            options.seeds,
            series=options.series,
            vowels=options.vowels,
            folder=options.work,
            show_progress=True,
        )
        for result in comparison.results:
            keep_what_tables_need(result)
        comparison.to_json(options.output)
    tables = networks_table(comparison), means_table(comparison), summary_table(comparison)
    text = "\n\n".join(tables) + "\n"
    options.output.with_name("tables.txt").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
