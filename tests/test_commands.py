import io
import itertools
import json
import re

import pytest

from captum_rnn.cli import main
from captum_rnn.text.pipeline import TextClassifier

GOOD, BAD = "这家酒店非常好", "这家酒店太差了"
ENDS = ["，推荐", "，下次再来", "，服务员", "，早餐", "。", "！", "，房间", "，价格"]
STARTS = ["", "总之", "朋友说", "我觉得", "个人认为", "这次"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A CSV file of 96 distinct reviews: good hotels and bad ones."""
    rows = ["text,label"]
    for start, end in itertools.product(STARTS, ENDS):
        rows += [f"{start}{GOOD}{end},pos", f"{start}{BAD}{end},neg"]
    path = tmp_path_factory.mktemp("corpus") / "hotels.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def trained(corpus, tmp_path_factory):
    """A model folder written by the command, and what it printed."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    with pytest.MonkeyPatch.context() as patch:
        printed = io.StringIO()
        patch.setattr("sys.stdout", printed)
        options = ["--corpus", str(corpus), "--kind", "gru", "--epochs", "20", "--seed", "3"]
        assert main(["train", *options, "--output", str(folder)]) == 0
    return folder, printed.getvalue()


def test_train_prints_the_recorded_accuracy_and_the_folder(trained):
    folder, printed = trained
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    held_out = config["trained_on"]["held_out"]
    first, second = printed.splitlines()
    assert first == (
        f"held-out accuracy {held_out['accuracy']:.3f} (95 % interval {held_out['low']:.3f}-"
        f"{held_out['high']:.3f}, 9 texts)"
    )
    assert second == f"written: {folder}"


def test_train_passes_its_options_on(trained):
    classifier = TextClassifier.load(trained[0])
    settings = classifier.trained_on["settings"]
    assert (settings["kind"], settings["epochs"], settings["seed"]) == ("gru", 20, 3)
    assert classifier.trained_on["corpus"] == "hotels.csv"


def test_explain_prints_class_words_and_scores(trained, capsys):
    folder, _ = trained
    assert main(["explain", "--model", str(folder), BAD]) == 0
    printed = capsys.readouterr().out
    (expected,) = TextClassifier.load(folder).explain([BAD])
    assert expected.predicted_class == "negative"
    assert printed.startswith(
        f"negative (probability {expected.probability:.2f}), scored by hidden-state delta"
    )
    numbers = [float(number) for number in re.findall(r"[+-]\d\.\d{3}", printed)]
    assert numbers == pytest.approx(expected.scores, abs=5e-4)
    assert all(word in printed for word in expected.tokens)
    assert "\x1b" not in printed


def test_explain_gives_one_json_object_a_text(trained, capsys):
    folder, _ = trained
    texts = [GOOD, "", "<b>\u0007"]
    assert main(["explain", "--json", "--model", str(folder), *texts]) == 0
    lines = capsys.readouterr().out.splitlines()
    expected = TextClassifier.load(folder).explain(texts)
    assert [json.loads(line) for line in lines] == [e.to_dict() for e in expected]
    assert GOOD in lines[0]


def test_explain_reads_standard_input_line_by_line(trained, capsys, monkeypatch):
    text = f"\ufeff{GOOD}\r\n{BAD}\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode("utf-8"))))
    assert main(["explain", "--json", "--model", str(trained[0])]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["text"] for line in lines] == [GOOD, BAD]


def test_explain_refuses_input_of_another_encoding(trained, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode("gb18030"))))
    assert main(["explain", "--model", str(trained[0])]) == 2
    assert "standard input is not UTF-8" in capsys.readouterr().err


def test_explain_refuses_empty_input(trained, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["explain", "--model", str(trained[0])]) == 2
    assert "there is no text to explain" in capsys.readouterr().err


def test_explain_says_that_a_text_is_empty_or_unknown(trained, capsys):
    assert main(["explain", "--model", str(trained[0]), "", "xyzzy"]) == 0
    empty, unknown = capsys.readouterr().out.split("\n\n")
    assert "nothing to score" in empty
    assert "all scores are 0" in unknown
    assert "\nxyzzy\n+0.000\n" in unknown


def test_explain_by_another_method(trained, capsys):
    folder, _ = trained
    argv = ["explain", "--json", "--model", str(folder), GOOD]
    assert main(argv) == 0
    ours = json.loads(capsys.readouterr().out)
    assert main([*argv, "--method", "integrated-gradients"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["method"] == "Integrated Gradients"
    assert other["tokens"] == ours["tokens"]
    assert other["scores"] != ours["scores"]


def test_explain_by_an_unknown_method_lists_the_known_ones(capsys):
    assert main(["explain", "--method", "magic", GOOD]) == 2
    error = capsys.readouterr().err
    assert "'magic'" in error
    assert "integrated-gradients" in error
    assert error.count("\n") == 1


def test_explain_writes_an_escaped_page(trained, tmp_path, capsys):
    file = tmp_path / "new" / "page.html"
    text = "<script>alert(1)</script>" + GOOD
    assert main(["explain", "--model", str(trained[0]), "--html", str(file), text]) == 0
    assert capsys.readouterr().out == f"written: {file}\n"
    html = file.read_text(encoding="utf-8")
    assert "<script" not in html
    assert "&lt;" in html
    assert "background:#" in html


def test_explain_uses_colour_only_on_a_terminal_that_wants_it(trained, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def printed():
        terminal = Terminal()
        monkeypatch.setattr("sys.stdout", terminal)
        assert main(["explain", "--model", str(trained[0]), GOOD]) == 0
        return terminal.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[48;5;" in printed()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed()


def test_compare_writes_the_report_and_prints_the_table(trained, corpus, tmp_path, capsys):
    folder = tmp_path / "deep" / "report"
    options = ["--model", str(trained[0]), "--corpus", str(corpus), "--texts", "6", "--seed", "5"]
    assert main(["compare", *options, "--output", str(folder)]) == 0
    printed = capsys.readouterr().out
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert (results["seed"], results["subject"]["texts"]) == (5, 6)
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "results.json"]
    for method in results["methods"]:
        assert f"{method['measures']['comprehensiveness']['mean']:.3f}" in printed
        assert f"{method['measures']['comprehensiveness']['mean']:.3f}" in html
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
        json.loads((tmp_path / name / "results.json").read_text(encoding="utf-8"))
        for name in ("first", "again")
    )
    assert first["shuffled_labels"] == again["shuffled_labels"]
    assert first["shuffled_labels"]["trained_on"] == record
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


def test_a_page_that_cannot_be_written(trained, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    page = str(tmp_path / "file" / "page.html")
    assert main(["explain", "--model", str(trained[0]), "--html", page, GOOD]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_a_corpus_that_is_not_there(tmp_path, capsys):
    argv = ["train", "--corpus", str(tmp_path / "no.csv"), "--output", str(tmp_path / "model")]
    assert main(argv) == 2
    assert "no.csv does not exist" in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_a_model_that_is_not_there(tmp_path, capsys):
    assert main(["explain", "--model", str(tmp_path / "no"), GOOD]) == 2
    assert f"{tmp_path / 'no'}" in capsys.readouterr().err
