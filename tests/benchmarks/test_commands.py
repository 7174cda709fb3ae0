"""The commands of the studies are found, and find what they import, from anywhere."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STUDIES = ROOT / "benchmarks"
COMMANDS = [
    path for path in sorted(STUDIES.glob("*/*.py")) if '"__main__"' in path.read_text("utf-8")
]
FINDS_STUDIES = "sys.path.insert(0, str(Path(__file__).parents[2]))"


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("command", COMMANDS, ids=name)
def test_a_command_stands_in_the_readme_of_its_study(command: Path) -> None:
    assert f"python {name(command)}" in (command.parent / "README.md").read_text("utf-8")


@pytest.mark.parametrize("study", sorted(STUDIES.glob("*/__init__.py")), ids=name)
def test_the_index_names_every_study(study: Path) -> None:
    assert f"`{study.parent.name}/`" in (STUDIES / "README.md").read_text("utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=name)
def test_a_command_that_imports_a_study_says_where_it_is(command: Path) -> None:
    code = command.read_text("utf-8")
    before, imports, _ = code.partition("\nfrom benchmarks.")
    assert (FINDS_STUDIES in before) == bool(imports)


def test_a_command_runs_by_its_path_from_anywhere(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, STUDIES / "similarity" / "run_study.py", "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=True,
    )
    assert "--pairs" in answer.stdout
