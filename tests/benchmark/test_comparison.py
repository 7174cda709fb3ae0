import json
import math
from pathlib import Path

import pytest

from captum_rnn.benchmark.comparison import Comparison
from captum_rnn.benchmark.report.findings import headline
from made_up_results import LOSING, failed, made_up_comparison, with_answers

COMMITTED = Path(__file__).parents[2] / "benchmarks" / "reviews" / "compare.json"


@pytest.fixture
def comparison():
    tasks = {"reset": LOSING, "negation": {}}
    found = with_answers(made_up_comparison(), top=dict.fromkeys(LOSING, 0.5), tasks=tasks)
    found.methods["deep-lift"] = failed()
    return found


def test_the_committed_comparison_comes_back_to_the_byte():
    comparison = Comparison.load(COMMITTED)
    assert comparison.to_json() == COMMITTED.read_text(encoding="utf-8")
    # The figures that the README prints.
    assert comparison.dataset.texts == 200
    assert comparison.methods["integrated-gradients"].measures["comprehensiveness"].mean == (
        pytest.approx(0.384, abs=5e-4)
    )


def test_what_is_saved_is_loaded(comparison, tmp_path):
    text = comparison.to_json(tmp_path / "new" / "results.json")
    assert (tmp_path / "new" / "results.json").read_text(encoding="utf-8") == text
    again = Comparison.load(tmp_path / "new" / "results.json")
    assert again.to_json() == text
    assert math.isnan(again.methods["saliency"].measures["spearman_leave_one_out"].low)
    assert again.hybrids == comparison.hybrids


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is no JSON in UTF-8"),
        (b"\xff", "is no JSON in UTF-8"),
        (b"[]", "has the schema None"),
        (b'{"schema": 2}', f"has the schema 2; expected {Comparison.schema}"),
        (b'{"schema": 3}', "is no comparison: the comparison lacks 'created'"),
        (b"[" * 100_000, "is no JSON in UTF-8"),
    ],
)
def test_other_files_are_refused(content, message, tmp_path):
    file = tmp_path / "results.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        Comparison.load(file)


def test_a_wrong_figure_is_named_by_its_place(comparison, tmp_path):
    content = json.loads(comparison.to_json())
    content["methods"]["saliency"]["cost"]["forwards"] = "cheap"
    file = tmp_path / "results.json"
    file.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"methods\.saliency\.cost\.forwards is 'cheap'"):
        Comparison.load(file)


def test_it_prints_its_tables_and_is_short_in_a_list(comparison):
    assert "*0.354" in str(comparison)
    assert repr(comparison) == ("<Comparison of 6 methods on 100 texts, 2025-01-02T03:04:05+00:00>")


def test_the_report_is_written(comparison, tmp_path):
    html = comparison.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == html
    assert headline(comparison) in html


def test_a_table_has_a_row_for_each_method_and_a_column_for_each_measure(comparison):
    frame = comparison.to_frame()
    assert list(frame.index) == [*LOSING, "deep-lift"]
    assert frame["comprehensiveness"].dropna().to_dict() == pytest.approx(LOSING)
    assert frame.loc["saliency", "forwards"] == 4.3
    assert frame.loc["saliency", "hybrids.top"] == 0.5
    assert frame.loc["saliency", "known_answers.reset"] == LOSING["saliency"]
    assert frame.loc["deep-lift"].drop(["label", "ours"]).isna().all()
    low = comparison.to_frame("low")["comprehensiveness"]
    assert low["saliency"] == pytest.approx(LOSING["saliency"] - 0.013)
    assert comparison.to_frame("texts").loc["saliency", "sufficiency"] == 50
