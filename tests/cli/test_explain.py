import io
import json
import re
import subprocess
import sys

import pytest

from captum_rnn.cli import main
from captum_rnn.text.pipeline import TextClassifier

GOOD, BAD = "这家酒店非常好", "这家酒店太差了"


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


def test_a_page_that_cannot_be_written(trained, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    page = str(tmp_path / "file" / "page.html")
    assert main(["explain", "--model", str(trained[0]), "--html", page, GOOD]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_a_model_that_is_not_there(tmp_path, capsys):
    assert main(["explain", "--model", str(tmp_path / "no"), GOOD]) == 2
    assert f"{tmp_path / 'no'}" in capsys.readouterr().err


def test_explain_needs_no_extra_and_loads_no_more_of_matplotlib_than_captum(trained):
    code = (
        "import sys, captum.attr\n"
        "before = set(sys.modules)\n"
        "extras = ['matplotlib', 'pandas', 'scipy', 'sklearn', 'zhplot']\n"
        "sys.modules.update(dict.fromkeys(extras[1:]))\n"
        "from captum_rnn.cli import main\n"
        f"assert main(['explain', '--model', {str(trained[0])!r}, {GOOD!r}]) == 0\n"
        "new = [name for name in set(sys.modules) - before if name.split('.')[0] in extras]\n"
        "assert sorted(new) == extras[1:], new"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert (ended.returncode, ended.stderr) == (0, b"")
