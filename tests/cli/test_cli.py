import os
import subprocess
import sys
import warnings
from importlib.metadata import version

import pytest

from captum_rnn.cli import main, train


def run(*arguments, **options):
    """The command as a process of its own, as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "captum_rnn", *arguments],
        capture_output=True,
        timeout=120,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        **options,
    )


def failing(error):
    def command(options):
        raise error

    return command


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"captum-rnn {version('captum-rnn')}\n"


@pytest.mark.parametrize(
    "command", ["explain", "train", "compare", "ablate", "attribute", "report"]
)
def test_help_names_every_command(command, capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert f"\n    {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ([], "COMMAND"),
        (["explode"], "invalid choice: 'explode'"),
        (["compare", "--texts", "0"], "'0' is not a whole number of at least 1"),
        (["compare", "--texts", "many"], "'many' is not a whole number of at least 1"),
        (["compare", "--seed", "-1"], "'-1' is not a whole number from 0"),
        (["train", "--epochs", "1.5"], "'1.5' is not a whole number of at least 1"),
        (["train", "--kind", "transformer"], "invalid choice: 'transformer'"),
        (["train", "--colour"], "--colour"),
        (["explain", "--json", "--html", "x.html", "text"], "not allowed with argument"),
    ],
)
def test_wrong_arguments(argv, reason, capsys):
    with pytest.raises(SystemExit) as end:
        main(argv)
    assert end.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("the corpus is empty;\ngive another"), "the corpus is empty; give another"),
        (TypeError("texts is one string"), "texts is one string"),
        (ImportError("needs the package xlrd"), "needs the package xlrd"),
        (OSError("the model cannot be written"), "the model cannot be written"),
        (PermissionError(13, "Permission denied", "/locked/x"), "/locked/x: Permission denied"),
        (
            OSError(18, "Cross-device link", "temporary", None, "target"),
            "target: Cross-device link",
        ),
    ],
)
def test_a_failure_is_one_sentence(error, sentence, monkeypatch, capsys):
    monkeypatch.setattr(train, "run", failing(error))
    assert main(["train"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == f"captum-rnn: {sentence}\n"


def test_an_interrupt_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(train, "run", failing(KeyboardInterrupt()))
    assert main(["train"]) == 130
    assert capsys.readouterr().err == "captum-rnn: interrupted\n"


def test_a_mistake_in_the_program_is_not_hidden(monkeypatch):
    monkeypatch.setattr(train, "run", failing(AssertionError("a bug")))
    with pytest.raises(AssertionError, match="a bug"):
        main(["train"])


def test_help_as_a_process_is_quiet_and_loads_no_command():
    code = (
        "import sys, captum_rnn.cli as cli\n"
        "rooms = ('jieba', 'torch', 'captum_rnn.text', 'captum_rnn.benchmark.comparison')\n"
        "loaded = [name for name in sys.modules if name.startswith(rooms)]\n"
        "assert not loaded, loaded\n"
        "cli.main(['--help'])"
    )
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, timeout=120
    )
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_a_reader_of_explanations_that_leaves_is_no_failure():
    command = [sys.executable, "-m", "captum_rnn", "explain", *["很好"] * 3000]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 141


def test_wrong_command_as_a_process():
    ended = run("explode")
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert b"invalid choice" in ended.stderr


def test_failure_as_a_process_has_no_traceback():
    ended = run("explain", "--model", "/no/such/folder", "很好")
    assert ended.returncode == 2
    assert ended.stderr.count(b"\n") == 1
    assert ended.stderr.startswith(b"captum-rnn: /no/such/folder")


def test_a_reader_that_leaves_is_no_failure():
    code = (
        "import sys\n"
        "from captum_rnn import cli\n"
        "cli.train.run = lambda options: print('x' * 1_000_000)\n"
        "sys.exit(cli.main(['train']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=120) == 141


@pytest.mark.filterwarnings("default")
def test_a_warning_is_a_note_and_told_once_of_its_kind(monkeypatch, capsys):
    def command(options):
        for share in (86, 100):
            warnings.warn(f"relevance loses {share}%\x1b[31m", stacklevel=1)
        warnings.warn("another one", stacklevel=1)

    before = warnings.showwarning
    monkeypatch.setattr(train, "run", command)
    assert main(["train"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert told[0].startswith("note: relevance loses 86%")
    assert "\x1b" not in told[0]
    assert told[1] == "note: another one"
    assert warnings.showwarning is before
