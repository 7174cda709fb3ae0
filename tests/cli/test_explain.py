import io
import json
import re
import subprocess
import sys

import pytest

from captum_rnn.benchmark.methods import METHODS
from captum_rnn.cli import main
from captum_rnn.text.corpus import Corpus, Review
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


def test_explain_by_what_fits_the_model_says_which(trained, capsys):
    argv = ["explain", "--json", "--model", str(trained[0]), GOOD]
    assert main([*argv, "--method", "auto"]) == 0
    chosen = capsys.readouterr()
    assert chosen.err.count("recurrent-deep-lift") == 1
    assert main([*argv, "--method", "recurrent-deep-lift"]) == 0
    assert capsys.readouterr().out == chosen.out


def test_explain_by_an_unknown_method_lists_the_known_ones(capsys):
    assert main(["explain", "--method", "magic", GOOD]) == 2
    error = capsys.readouterr().err
    assert "'magic'" in error
    assert "integrated-gradients" in error
    assert error.count("\n") == 1


def test_explain_fits_what_must_be_fitted(trained, corpus, capsys):
    argv = ["explain", "--json", "--model", str(trained[0]), GOOD, f"总之{GOOD}，推荐"]
    fitted = [name for name, method in METHODS.items() if method.learns]
    assert {"calibrated-delta", "word-lexicon", "word-information"} <= set(fitted)
    for name in fitted:
        assert main([*argv, "--method", name, "--background", str(corpus)]) == 0
        printed = capsys.readouterr()
        assert "fitting" in printed.err
        assert "hotels.csv" in printed.err
        short, long = (json.loads(line) for line in printed.out.splitlines())
        assert any(short["scores"])
        if name == "word-lexicon":  # without context, a word scores the same in every text
            by_word = dict(zip(long["tokens"], long["scores"], strict=True))
            assert short["scores"] == pytest.approx([by_word[word] for word in short["tokens"]])


def test_explain_says_what_a_fitted_method_lacks(trained, capsys, monkeypatch):
    argv = ["explain", "--model", str(trained[0]), "--method", "calibrated-delta", GOOD]
    assert main(argv) == 2
    assert "give --background" in capsys.readouterr().err
    review = Review("good", 1), Review("bad", 0)
    monkeypatch.setattr(
        "captum_rnn.text.corpus_files.load_corpus",
        lambda source: Corpus(source, review, language="english"),
    )
    assert main([*argv, "--background", "movie-reviews"]) == 2
    assert "are english, but the model reads chinese" in capsys.readouterr().err


def test_explain_lists_the_methods_one_per_line(capsys):
    assert main(["explain", "--list-methods"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(METHODS)
    assert "50 + 50 backward" in next(line for line in lines if "integrated-gradients " in line)


def test_explain_another_class(trained, capsys):
    argv = ["explain", "--json", "--model", str(trained[0]), "--method", "logit-delta", GOOD]
    for target in ("positive", "negative"):
        assert main([*argv, "--target", target]) == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["predicted_class"] == second["predicted_class"]
    assert (first["target"], second["target"]) == ("positive", "negative")
    # Of two classes, the margin of one is that of the other with its sign turned.
    assert first["scores"] == pytest.approx([-score for score in second["scores"]])
    assert main([*argv, "--target", "great"]) == 2
    assert "'great' is no class; choose from negative, positive" in capsys.readouterr().err
    assert main(["explain", "--target", "positive", GOOD]) == 2
    assert "--target changes nothing" in capsys.readouterr().err


def test_explain_says_that_a_text_is_in_another_language(trained, capsys):
    assert main(["explain", "--model", str(trained[0]), "a very good hotel", GOOD]) == 0
    english, chinese = capsys.readouterr().out.split("\n\n")
    assert "trained on Chinese texts; this one is not Chinese" in english
    assert "trained on" not in chinese


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
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert f"48;2;{0xD9};{0x7A};{0x2B}" in printed()  # the full orange
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
