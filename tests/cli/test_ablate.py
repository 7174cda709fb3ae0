import subprocess
import sys

import pytest

from captum_rnn.benchmark.ablation import Ablation
from captum_rnn.cli import main
from captum_rnn.text.corpus import Review

TEXTS = ["很好的书，推荐", "酒店非常差", "不推荐热水器", "非常好的书", "书不好，酒店很差"]


@pytest.fixture
def folder(classifier, tmp_path, monkeypatch):
    """A stored classifier whose held-out reviews are the five texts."""
    monkeypatch.setattr("captum_rnn.text.corpus_files.load_corpus", lambda name: name)
    monkeypatch.setattr(
        "captum_rnn.text.split.held_out_reviews",
        lambda trained_on, corpus: tuple(Review(text, 1) for text in TEXTS),
    )
    classifier.save(tmp_path / "model")
    return tmp_path


def test_the_command_writes_the_results_and_two_pictures(folder, capsys):
    output = folder / "out"
    arguments = ["--model", str(folder / "model"), "--texts", "3", "--output", str(output)]
    assert main(["ablate", *arguments]) == 0
    assert Ablation.load(output / "ablation.json").texts == 3
    assert (output / "ablation.png").read_bytes().startswith(b"\x89PNG")
    assert b"</svg>" in (output / "ablation.svg").read_bytes()
    printed = capsys.readouterr().out
    assert printed.startswith("240 cells, ")
    assert printed.endswith(f"\nwritten: {output}\n")


def test_a_folder_that_cannot_be_written_fails_before_the_work(folder, capsys, monkeypatch):
    monkeypatch.setattr("captum_rnn.text.pipeline.TextClassifier.load", pytest.fail)
    (folder / "file").write_text("")
    assert main(["ablate", "--output", str(folder / "file")]) == 2
    assert "cannot write to the output folder" in capsys.readouterr().err


@pytest.mark.parametrize("texts", ["1", "0", "-3", "many"])
def test_one_text_is_too_few(texts, capsys):
    with pytest.raises(SystemExit):
        main(["ablate", "--texts", texts])
    assert "is not a whole number of at least 2" in capsys.readouterr().err


def test_the_help_answers_without_torch():
    code = (
        "import sys\nfrom captum_rnn.cli import main\n"
        "try: main(['ablate', '--help'])\n"
        "except SystemExit: sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
