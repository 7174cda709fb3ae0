import pytest

from captum_rnn.benchmark import Comparison
from captum_rnn.benchmark.records import to_json
from captum_rnn.benchmark.series import SERIES_METHODS, SeriesComparison, suite
from captum_rnn.benchmark.series.spike import SpikeTask
from captum_rnn.cli import main
from captum_rnn.text.pipeline import TextClassifier

DEFAULTS = suite.compare_networks.__kwdefaults__


def test_compare_writes_the_report_and_prints_the_table(trained, corpus, tmp_path, capsys):
    folder = tmp_path / "deep" / "report"
    options = ["--model", str(trained[0]), "--corpus", str(corpus), "--texts", "6", "--seed", "5"]
    assert main(["compare", *options, "--output", str(folder)]) == 0
    printed = capsys.readouterr().out
    comparison = Comparison.load(folder / "results.json")
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert (comparison.seed, comparison.dataset.texts) == (5, 6)
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "results.json"]
    for method in comparison.methods.values():
        assert f"{method.measures['comprehensiveness'].mean:.3f}" in printed
        assert f"{method.measures['comprehensiveness'].mean:.3f}" in html
    assert printed.splitlines()[-1] == f"report: {folder / 'report.html'}"


def test_compare_trains_the_same_net_on_shuffled_labels_once(
    trained, corpus, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("CAPTUM_RNN_CACHE", str(tmp_path / "cache"))
    options = ["--model", str(trained[0]), "--corpus", str(corpus), "--texts", "6"]
    options += ["--methods", "logit-delta,input-x-gradient,random", "--shuffled-labels"]
    for name in ("first", "again"):
        assert main(["compare", *options, "--output", str(tmp_path / name)]) == 0
    (folder,) = (tmp_path / "cache" / "shuffled-labels").iterdir()
    record = TextClassifier.load(folder).trained_on
    expected = TextClassifier.load(trained[0]).trained_on["settings"] | {"shuffled_labels": True}
    assert record["settings"] == expected
    first, again = (
        Comparison.load(tmp_path / name / "results.json").shuffled_labels
        for name in ("first", "again")
    )
    assert to_json(first) == to_json(again)
    assert first.trained_on == record
    assert "trained on shuffled labels" in capsys.readouterr().out


def test_compare_tells_a_wrong_method_before_it_trains(
    trained, corpus, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("CAPTUM_RNN_CACHE", str(tmp_path / "cache"))
    options = ["--model", str(trained[0]), "--corpus", str(corpus), "--output", str(tmp_path / "x")]
    assert main(["compare", *options, "--methods", "magic", "--shuffled-labels"]) == 2
    assert "'magic'" in capsys.readouterr().err
    assert not (tmp_path / "cache").exists()


def test_compare_refuses_a_corpus_that_the_model_was_not_trained_on(
    trained, corpus, tmp_path, capsys
):
    other = tmp_path / "other.csv"
    other.write_text(corpus.read_text(encoding="utf-8") + "\n新的,pos", encoding="utf-8")
    options = ["--model", str(trained[0]), "--corpus", str(other), "--output", str(tmp_path / "x")]
    assert main(["compare", *options]) == 2
    assert "is not the one the classifier was trained on" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("command", ["compare", "train"])
def test_an_output_folder_that_cannot_be_made(command, trained, corpus, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    options = ["--corpus", str(corpus), "--output", str(tmp_path / "file" / "folder")]
    model = ["--model", str(trained[0])] if command == "compare" else []
    assert main([command, *options, *model]) == 2
    error = capsys.readouterr().err
    assert str(tmp_path / "file") in error
    assert error.count("\n") == 1


def test_compare_on_series_prints_tables_and_writes_the_page(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("CAPTUM_RNN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(suite, "SERIES_TASKS", (SpikeTask(time=8, delay=1),))
    cheap = [method for method in SERIES_METHODS if "50" not in method.label]
    monkeypatch.setattr(suite.compare_networks, "__kwdefaults__", DEFAULTS | {"methods": cheap})
    folder = tmp_path / "report"
    options = ["--texts", "5", "--vowels", str(tmp_path), "--output", str(folder)]
    assert main(["compare", "--series", *options]) == 0
    printed = capsys.readouterr().out
    (result,) = SeriesComparison.load(folder / "series.json").results
    assert result.series == 5
    assert f"{result.methods['deep_lift'].measures['auprc'].mean:.3f}" in printed
    assert "JapaneseVowels_TRAIN.ts" in printed
    assert sorted(path.name for path in folder.iterdir()) == ["series.html", "series.json"]
