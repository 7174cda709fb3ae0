from benchmarks.ablation.run_study import HERE
from benchmarks.ablation.tables import json_text, load, tables


def test_the_committed_tables_are_those_of_the_committed_ablations():
    ablations = load(HERE / "results.json")
    assert tables(ablations) == (HERE / "tables.txt").read_text(encoding="utf-8")


def test_what_was_written_is_read_again():
    committed = (HERE / "results.json").read_text(encoding="utf-8")
    assert json_text(load(HERE / "results.json")) == committed
