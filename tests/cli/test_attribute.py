import argparse
import json
import sys

import pytest

from captum_rnn.cli import main
from captum_rnn.cli.attribute import add_parser, summary_text
from captum_rnn.jobs.attribute import Summary
from captum_rnn.jobs.scoring import METHOD_NAMES
from corpus_jobs import rows_of, write_csv


def test_attribute_then_report_without_pyarrow(tmp_path, model_folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    source, output = write_csv(tmp_path / "in.csv", 40), tmp_path / "out"
    argv = ["attribute", str(source), "--output", str(output), "--model", str(model_folder)]
    argv += ["--id-column", "id", "--workers", "1", "--method", "logit-delta"]
    assert main(argv) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "rows in: 40, rows out: 40"
    # Rows 3, 14, 25 and 36; rows 5, 18 and 31, and row 35, "早餐。": see corpus_jobs.
    assert printed[1] == "errors: empty 4, only unknown words 4"
    assert printed[-1] == f"written: {output}"
    assert [row["id"] for row in rows_of(output)] == [f"id-{number}" for number in range(40)]
    options = json.loads((output / "manifest.json").read_text(encoding="utf-8"))["options"]
    assert options["method"] == "logit-delta"

    assert main(argv) == 0
    assert "of these, from an earlier run: 40" in capsys.readouterr().out

    page = tmp_path / "words.html"
    assert main(["report", str(output), "--html", str(page)]) == 0
    assert capsys.readouterr().out == f"written: {page}\n"
    assert "很" in page.read_text(encoding="utf-8")


def test_a_job_keeps_the_name_of_the_method_that_fits(tmp_path, model_folder, capsys):
    source, output = write_csv(tmp_path / "in.csv", 12), tmp_path / "out"
    argv = ["attribute", str(source), "--output", str(output), "--model", str(model_folder)]
    assert main([*argv, "--workers", "1", "--method", "auto"]) == 0
    assert "recurrent-deep-lift" in capsys.readouterr().err
    options = json.loads((output / "manifest.json").read_text(encoding="utf-8"))["options"]
    assert options["method"] == "recurrent-deep-lift"


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        (["attribute", "no.csv", "--output", "{out}"], "no.csv: No such file"),
        (["attribute", "a.txt", "--output", "{out}"], "a.txt has the suffix .txt"),
        (["attribute", "no.csv", "--output", "{out}", "--method", "x"], "'x' is no method"),
        (
            ["attribute", "no.csv", "--output", "{out}", "--calibration", "x"],
            "takes no calibration",
        ),
        (
            ["attribute", "no.csv", "--output", "{out}", "--device", "magic"],
            "the device 'magic' cannot be used on this machine",
        ),
        (["report", "{out}"], "has no manifest.json"),
    ],
)
def test_a_failure_is_one_sentence(argv, reason, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([word.format(out=tmp_path / "out") for word in argv]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.startswith("captum-rnn: ")
    assert error.count("\n") == 1


def test_rows_that_are_no_utf_8_come_with_a_hint():
    lines = summary_text(Summary(3, 3, 1, {"invalid UTF-8": 2})).splitlines()
    place = lines.index("errors: invalid UTF-8 2")
    assert "iconv -f GB18030 -t UTF-8" in lines[place + 1]
    assert "iconv" not in summary_text(Summary(3, 3, 1, {"empty": 2}))


def test_defaults():
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    options = parser.parse_args(["attribute", "a.csv", "b.csv", "--output", "out"])
    assert options.inputs == ["a.csv", "b.csv"]
    assert (options.engine, options.format, options.restart) == ("local", "jsonl", False)


def test_the_summary_of_a_job():
    summary = Summary(10, 10, 4, {"empty": 2, "cut": 1}, {"reading": 0.04}, deaths=1)
    assert summary_text(summary).splitlines() == [
        "rows in: 10, rows out: 10",
        "of these, from an earlier run: 4",
        "errors: empty 2",
        "truncated texts: 1",
        "workers that died and were replaced: 1",
        "CPU seconds: reading 0.0",
    ]


def test_the_methods_are_listed_without_a_job(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["attribute", "--list-methods"])
    assert ended.value.code == 0
    _, *rows = capsys.readouterr().out.splitlines()
    assert [row.split()[0] for row in rows] == list(METHOD_NAMES)
    assert all(row.split("  ")[-1].strip() for row in rows)
