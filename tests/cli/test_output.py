import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

import captum_rnn.text
from captum_rnn.cli import main
from captum_rnn.cli.output import complain, say, say_json

ATTACK = "\x1b]0;owned\x07\x9b2J\r\u202e"
SHOWN = "[U+001B]]0;owned[U+0007][U+009B]2J↵[U+202E]"


def acts_on_a_terminal(text):
    return [character for character in text if character != "\n" and not character.isprintable()]


def test_lines_stay_and_what_acts_on_a_terminal_is_shown(capsys):
    say(f"one {ATTACK}\n\n  two")
    complain(f"{ATTACK}")
    output = capsys.readouterr()
    assert output.out == f"one {SHOWN}\n\n  two\n"
    assert output.err == f"{SHOWN}\n"


def test_json_is_the_same_value_and_acts_on_no_terminal(capsys):
    content = {"text": f"很好 {ATTACK}\u2028\U000e0001 \u00e9"}
    say_json(content)
    printed = capsys.readouterr().out
    assert json.loads(printed) == content
    assert "很好" in printed
    assert acts_on_a_terminal(printed) == []


def a_column(folder):
    (folder / "a.csv").write_text(f'"{ATTACK}",label\nx,1\n', encoding="utf-8")
    return ["attribute", "a.csv", "--output", "out"]


def a_file_name(folder):
    (folder / f"{ATTACK}.txt").touch()
    return ["attribute", f"{ATTACK}.txt", "--output", "out"]


def an_argument(folder):
    return ["explain", f"--{ATTACK}"]


def a_manifest(folder):
    (folder / "out").mkdir()
    (folder / "out" / "manifest.json").write_text(json.dumps({"format": ATTACK}))
    return ["report", "out"]


def a_model(folder, change):
    shutil.copytree(Path(captum_rnn.text.__file__).parent / "shipped", folder / "model")
    change(folder / "model")
    return ["explain", "--model", "model", "好"]


def a_tensor(folder):
    def change(model):
        weights = load_file(model / "model.safetensors")
        save_file(weights | {ATTACK: weights["head.bias"].clone()}, model / "model.safetensors")

    return a_model(folder, change)


def a_setting(folder):
    def change(model):
        config = json.loads((model / "config.json").read_text(encoding="utf-8"))
        config["model"][ATTACK] = 1
        (model / "config.json").write_text(json.dumps(config))

    return a_model(folder, change)


@pytest.mark.parametrize(
    "source", [a_column, a_file_name, an_argument, a_manifest, a_tensor, a_setting]
)
def test_no_name_of_a_file_acts_on_the_terminal(source, tmp_path, capsys, monkeypatch):
    argv = source(tmp_path)
    monkeypatch.chdir(tmp_path)
    try:
        status = main(argv)
    except SystemExit as end:
        status = end.code
    assert status == 2
    output = capsys.readouterr()
    assert "owned" in output.err or source is a_manifest
    assert acts_on_a_terminal(output.out + output.err) == []


def test_nor_does_a_summary(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"{ATTACK}.csv").write_text("text\n好\n", encoding="utf-8")
    argv = ["attribute", f"{ATTACK}.csv", "--output", ATTACK, "--workers", "1"]
    assert main(argv) == 0
    assert main(["report", ATTACK]) == 0
    assert main(["explain", f"好{ATTACK}"]) == 0
    output = capsys.readouterr()
    assert f"written: {SHOWN}" in output.out
    assert acts_on_a_terminal(output.out + output.err) == []
